"""What the network sees in a video over time: source, dream, heat map, and a strip of classes."""

from __future__ import annotations

import math
import shlex
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from pipeline.config.compose import compose, compose_stage
from pipeline.errors import UserError, printable
from pipeline.explain.attribution import ClassMaps, in_strides
from pipeline.explain.overlay import overlay
from pipeline.frame import Clip, Picture, to_image
from pipeline.jobs.job import Job
from pipeline.model.network.cuda_graphs import without_cuda_graphs
from pipeline.recording.fingerprint import contents
from pipeline.report.progress import progress_bar, stop_requests
from pipeline.source import Source
from pipeline.storage.work_dir import film_path, log_to, read_json, work_dir, write_text

PANEL = 400
"""Maximum width of source, dream and heat map, in pixels."""
STRIP = 132
"""Height of the strip in pixels."""
SECONDS = 5
"""Seconds that the strip shows, up to the present frame."""
EVERY, MAP_EVERY = 2, 4
"""Frames from one classification to the next, and from one heat map to the next, a multiple of it:
each costs a good part of a gradient step, and both change little from frame to frame."""
SHOWN = 4
"""Number of classes that each moment of the strip shows."""
BACKGROUND, INK = 24, 230
"""Grey values of the strip and of its letters."""
FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Film:
    """The pictures of the film."""

    source: Source
    """Source of the render."""
    result: Source
    """Result of the render: as many pictures, of the same size."""
    maps: ClassMaps
    """Classes of the network."""
    cuts: frozenset[int]
    """Indices of the frames with which shots begin."""
    device: torch.device
    """Device of the network."""

    @cached_property
    def clip(self) -> Clip:
        """Size, rate, length and sound of the film."""
        clip = self.result.clip
        height, width = self._panel
        return replace(clip, height=height + STRIP, width=3 * width, depth=8, sphere="")

    def pictures(self, start: int = 0) -> Generator[Picture, None, None]:
        """Yield the pictures from frame `start`, (H, W, 3) uint8 RGB."""
        rate = float(self.clip.rate)
        history = max(2, round(SECONDS * rate))
        # the strip and the map show frames before
        begin = max(0, start - max(history, MAP_EVERY)) // MAP_EVERY * MAP_EVERY
        strip: deque[dict[int, float] | None] = deque(maxlen=history)
        size, before, heat = self._panel, None, None
        leading: dict[int, float] = {}
        sources: Any = self.source.pictures(begin)
        results: Any = self.result.pictures(begin)
        with closing(sources), closing(results):
            for index, (picture, dream) in enumerate(zip_longest(sources, results), begin):
                if dream is None:
                    return
                if picture is None and before is None:  # resumed after the footage has ended
                    picture = next(iter(self.source.pictures()))
                before = before if picture is None else _panel(picture, size)
                seen = _panel(dream, size)
                if index % EVERY == 0:
                    image = to_image(seen, self.device)
                    if index % MAP_EVERY == 0:
                        probabilities, heat = self.maps.leading(image)
                        number = int(probabilities.argmax())
                    else:
                        probabilities = self.maps.probabilities(in_strides(image))
                    shares, numbers = probabilities.topk(SHOWN)
                    leading = dict(zip(numbers.tolist(), shares.tolist(), strict=True))
                if index in self.cuts and index:
                    strip.append(None)
                strip.append(leading)
                if index >= start:
                    assert heat is not None
                    share = float(probabilities[number])
                    label = f"{self.maps.classes[number]} {100 * share:.1f} %"
                    panels = [before, seen, overlay(seen, heat)]
                    yield self._composed(panels, ["source", "dream", label], strip)

    @property
    def _panel(self) -> tuple[int, int]:
        """Height and width of a panel, even."""
        clip = self.result.clip
        width = min(PANEL, clip.width) // 2 * 2
        return max(2, round(clip.height * width / clip.width / 2) * 2), width

    def _composed(
        self,
        panels: list[Picture | None],
        labels: list[str],
        strip: deque[dict[int, float] | None],
    ) -> Picture:
        """Return a picture of the film."""
        height, width = self._panel
        blank = np.full((height, width, 3), BACKGROUND, np.uint8)
        row = [blank if panel is None else panel.copy() for panel in panels]
        for panel, label in zip(row, labels, strict=True):
            _write(panel, label, (8, 20), (255, 255, 255))
        chart = self._chart(strip, 3 * width)
        return np.vstack([np.hstack(row), chart])

    def _chart(self, strip: deque[dict[int, float] | None], width: int) -> Picture:
        """Return the area chart of the classes: the newest frame at the right, STRIP high.

        Heights are square roots, so that one per cent is a tenth of the height.
        """
        chart = np.full((STRIP, width, 3), BACKGROUND, np.uint8)
        step = width / strip.maxlen if strip.maxlen else 1.0
        for place, leading in enumerate(reversed(strip)):
            right = width - round(place * step)
            left = max(0, width - round((place + 1) * step))
            if leading is None:
                chart[:, left : left + 2] = INK
                continue
            total, top = 0.0, STRIP
            for number in sorted(leading):
                total += leading[number]
                bottom, top = top, round(STRIP * (1 - math.sqrt(min(1.0, total))))
                chart[top:bottom, left:right] = colour_of(number)
        newest = strip[-1] or {}
        for line, (number, share) in enumerate(newest.items()):
            text = f"{self.maps.classes[number]} {100 * share:.1f} %"
            cv2.rectangle(chart, (8, 10 + 30 * line), (20, 22 + 30 * line), colour_of(number), -1)
            _write(chart, text, (28, 22 + 30 * line), (INK,) * 3)
        return chart


def class_maps(job: Job) -> ClassMaps:
    """Return the classes of the network of this job. Raises UserError if it has none."""
    model = without_cuda_graphs(job.pipeline.model.to(job.device))
    return ClassMaps.of(model, job.device)


def explain_film(result: Path, maps: ClassMaps | None = None, *, overwrite: bool = False) -> Path:
    """Make the film of a finished render and return its path.

    result: a video whose work folder is still there. maps: classes of the network that rendered it.
    None: they are read here. Progress, resuming and files are those of a render. Raises UserError,
    and KeyboardInterrupt after the frame during which the user pressed Ctrl-C, with the line that
    says how to resume.
    """
    output = film_path(result)
    report = read_json(work_dir(result) / "report.json")
    if not report or not result.is_file():
        raise UserError(
            "explain: must be used with a video that dreamreel has rendered and its work folder, "
            f"got {printable(result)}; render it with explain=true"
        )
    job = _job(result, output, overwrite=overwrite)
    film = _film(job, result, report, maps or class_maps(job))
    facts = {**job.fingerprint.facts, "film": "1"}
    inputs = [*job.fingerprint.inputs, contents("result", result)]
    job = replace(
        job,
        pipeline=replace(job.pipeline, source=film, clip=film.clip),
        fingerprint=replace(job.fingerprint, facts=facts, inputs=inputs),
    )
    recording = job.recording()
    with stop_requests() as stop, recording, log_to(recording.folder):
        if recording.is_complete:
            return output
        write_text(recording.folder / "recipe.yaml", job.settings)
        state, count = recording.state, film.clip.count
        done = progress_bar(count, "frame", recording.folder, state.index)
        with closing(film.pictures(state.index)) as pictures, done as progress:
            for picture in pictures:
                before, state = state, replace(state, index=state.index + 1)
                recording.add([picture], before, state, starts_shot=before.index in film.cuts)
                progress(None)
                if stop and state.index != count:
                    so_far, _, _ = recording.stop().rpartition("; ")
                    name = printable(shlex.quote(str(result)))
                    again = f"run dreamreel explain {name} to resume"
                    raise KeyboardInterrupt(f"{so_far}; {again}")
        recording.finish()
    return output


def _job(result: Path, output: Path, *, overwrite: bool) -> Job:
    """Return the job of the render, with another output. Raises UserError."""
    words = [f"from={work_dir(result) / 'recipe.yaml'}", f"output={output}", "encoder=h264"]
    job = compose(*words, "snapshots=null", "compile=none", f"overwrite={str(overwrite).lower()}")
    if job.mirrored or job.pipeline.loop.overlap:
        raise UserError(
            "explain: must be used with a video that does not loop, got a loop; set loop=false"
        )
    return job


def _film(job: Job, result: Path, report: Mapping[str, Any], maps: ClassMaps) -> Film:
    shown: Source = compose_stage("source", f"input={result}")
    cuts = frozenset(cut for cut in report.get("cuts", ()) if isinstance(cut, int))
    return Film(job.pipeline.source, shown, maps, cuts, job.device)


def colour_of(number: int) -> tuple[int, int, int]:
    """Return the colour of a class, RGB, the same in every film."""
    hue = number * 0.618034 % 1  # the golden ratio spreads neighbouring numbers
    pixel = np.array([[[hue * 179, 150 + 70 * (number % 2), 215]]]).astype(np.uint8)
    red, green, blue = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def _panel(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return the picture in 8 bits at this height and width."""
    if picture.dtype != np.uint8:
        picture = (picture >> 8).astype(np.uint8)
    small = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _write(picture: Picture, text: str, place: tuple[int, int], colour: Any) -> None:
    """Write a line of text with a dark shadow into the picture."""
    for shift, shade in ((1, (0, 0, 0)), (0, colour)):
        where = (place[0] + shift, place[1] + shift)
        cv2.putText(picture, text, where, FONT, 0.5, shade, 1, cv2.LINE_AA)

"""One render as the user sees it: where it goes, how far it is, what it came to."""

from __future__ import annotations

import json
import logging
import platform
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.cuts import Cuts
from pipeline.encoder import Encoder
from pipeline.errors import UserError, shown
from pipeline.flow import Flow
from pipeline.frame import Clip
from pipeline.gradient import Gradient
from pipeline.loop import Loop, looped
from pipeline.model import Model
from pipeline.moment import Moment
from pipeline.notes import kept_log, write
from pipeline.recording import Recording, check_room, folder_of
from pipeline.render import render
from pipeline.report import Report
from pipeline.room import Room
from pipeline.source import Source

log = logging.getLogger(__name__)

SINGLE = (".png", ".jpg", ".jpeg")
"""Suffixes of outputs that are one picture."""
LINE_SECONDS = 10.0
"""Seconds between two lines about progress where there is no terminal."""


@dataclass(frozen=True)
class Parts:
    """All parts of a render.

    clip: the source's, with the sound that goes with it. moments: the parts that may change, at
    the frame of that index.
    """

    source: Source
    clip: Clip
    cuts: Cuts
    flow: Flow
    moments: Callable[[int], Moment]
    model: Model
    encoder: Encoder


@dataclass(frozen=True)
class Outcome:
    """What a job came to: the file, and the figures of its report.json."""

    output: Path
    figures: Mapping[str, object]


def run(
    parts: Parts,
    *,
    output: Path,
    overwrite: bool,
    overlap: int,
    seed: int,
    device: torch.device,
    settings: str,
    room: Room | None = None,
) -> Outcome:
    """Render to `output`, showing progress; leaves recipe.yaml, render.log, report.json beside it.

    overlap: frames that end and start share, 0 = the end joins nothing. settings: the resolved
    configuration as yaml; it also goes into the video. room: how much of a picture the network may
    hold at once, None = all. Raises UserError, and KeyboardInterrupt after the frame during which
    the user pressed Ctrl-C.
    """
    clip = parts.clip
    model = parts.model.to(device)
    report = Report(clip, device)
    comment = {"comment": f"dreamreel {_version('dreamreel')}\n{settings}"}
    result = looped(clip, overlap)
    recording = Recording(output, parts.encoder, result, comment, overwrite=overwrite)
    with _asked_to_stop() as stop, recording, kept_log(recording.folder):
        write(recording.folder / "recipe.yaml", settings)
        _say_what_must_fit(parts.moments(0), model, clip, room, device)
        frames = render(
            parts.source, parts.cuts, parts.flow, parts.moments, model, recording,
            loop=Loop(overlap, clip.count), seed=seed, device=device, room=room,
        )  # fmt: skip
        with _shown_progress(clip, report, recording.folder) as progress, closing(frames):
            for dreamt in frames:
                report.add(dreamt)
                progress()
                if stop:
                    raise KeyboardInterrupt
        figures = report.figures() | {
            "seed": seed,
            "loop_frames": overlap,
            "versions": versions(),
            "weights_sha256": parts.model.weights_sha256,
        }
        write(recording.folder / "report.json", json.dumps(figures, indent=2) + "\n")
    return Outcome(output, figures)


def _say_what_must_fit(
    first: Moment, model: Model, clip: Clip, room: Room | None, device: torch.device
) -> None:
    """Log what the dreamer must do otherwise than it was told, for pictures of this size.

    Raises UserError where nothing fits.
    """
    aim = first.objective.of(model)
    side = Gradient(model, aim).smallest_side
    if room is not None:
        room.say(room.need(model, aim.layers, device), clip.height, clip.width)
    fitting = first.dreamer.fit(clip.height, clip.width, side)
    for name, told in vars(first.dreamer).items():
        if (done := getattr(fitting, name)) != told:
            log.warning("dreamer.%s: %s instead of %s, for %dx%d pixels and layers that need %d",
                        name, done, told, clip.width, clip.height, side)  # fmt: skip


def summary(outcome: Outcome) -> str:
    """One line: where the video lies and what it cost."""
    figures = outcome.figures
    spent: Any = figures["seconds_per_frame"]
    gain: Any = figures["gain"]
    frames: Any = figures["frames"]
    parts = [f"{frames} frames", f"{spent['total']:.2f} s a frame"]
    parts.append(f"{spent['total'] * frames:.0f} s in all")
    if gain is not None:
        parts.append(f"gain {gain['mean']:.2f}")
    if figures["flicker"] is not None:
        parts.append(f"flicker {figures['flicker']}")
    return f"{shown(outcome.output)}: {', '.join(parts)}"


def default_output(name: Path | None, encoder: Encoder, clip: Clip, folder: Path | None) -> Path:
    """Where to write when the user did not say: dream.SUFFIX in a sweep's folder, else by input.

    name: of the input; None = there is none.
    """
    single = clip.count == 1 and ".png" in encoder.suffixes
    suffix = ".png" if single else encoder.suffixes[0]
    if folder is not None or name is None:
        return (folder or Path()) / f"dream{suffix}"
    # a folder's dots are no suffix, and "." has a name only where it lies
    stem = name.resolve().name if name.is_dir() else re.sub(r"%0?\d*d", "", name.stem)
    stem = stem.strip("_-. ") or "dream"
    if not suffix:  # a folder, which must not look as if it had one
        return Path(f"{stem.replace('.', '-')}-dream")
    return Path(f"{stem}.dream{suffix}")


def check_output(output: Path, source: Path | None, *, overwrite: bool) -> None:
    """Nothing, if the output may be written without loss of the source. Raises UserError."""
    if source is not None and output.exists() and _holds(output, source):
        raise UserError(f"output: must not be the input, got {shown(output)}; name another file")
    if len(folder_of(output).name.encode()) > 255:
        raise UserError(
            f"output: must leave room for the ending of its work folder, got a name of "
            f"{len(output.name.encode())} bytes; use at most 248"
        )
    check_room(output, overwrite=overwrite)


def _holds(output: Path, source: Path) -> bool:
    """Whether writing the output anew would take the source away, or a picture of it."""
    if source.exists() and output.samefile(source):
        return True
    if output.is_dir():
        return output.resolve() in source.resolve().parents
    pictures = source if source.is_dir() else source.parent
    several = source.is_dir() or "%" in source.name
    return (
        several and output.suffix.lower() in SINGLE and output.resolve().parent.samefile(pictures)
    )


def versions() -> dict[str, str]:
    """What the result depends on, by name."""
    names = ("dreamreel", "torch", "torchvision", "opencv-python", "imageio-ffmpeg", "numpy")
    return {"python": platform.python_version()} | {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "uninstalled"


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """A list that is no longer empty once the user pressed Ctrl-C; a second one ends at once."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        log.info("stopping after this frame; Ctrl-C again stops at once")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


class _Progress:
    """A bar on a terminal, a line now and then elsewhere, and progress.json in the work folder."""

    def __init__(self, clip: Clip, report: Report, folder: Path, bar: tqdm[Any]) -> None:
        self.clip, self.report, self.folder, self.bar = clip, report, folder, bar
        self.began = self.said = time.monotonic()

    def __call__(self) -> None:
        done, now = len(self.report.steps), time.monotonic()
        gain = "" if self.report.gain is None else f"gain {self.report.gain:.2f}"
        self.bar.set_postfix_str(gain, refresh=False)
        self.bar.update()
        if now - self.said < LINE_SECONDS and done > 1:
            return
        self.said = now
        seconds = (now - self.began) / done
        left = None if self.clip.count is None else max(0, self.clip.count - done) * seconds
        write(self.folder / "progress.json", json.dumps(
            {"done": done, "frames": self.clip.count, "seconds_per_frame": round(seconds, 4),
             "seconds_left": None if left is None else round(left, 1), "gain": self.report.gain},
        ) + "\n")  # fmt: skip
        if self.bar.disable:
            total = "" if self.clip.count is None else f" of {self.clip.count}"
            ends = "" if left is None else f", {left:.0f} s left"
            log.info("frame %d%s, %.2f s a frame%s, %s", done, total, seconds, ends, gain)


@contextmanager
def _shown_progress(clip: Clip, report: Report, folder: Path) -> Iterator[_Progress]:
    with (
        logging_redirect_tqdm([logging.getLogger("pipeline")]),
        tqdm(total=clip.count, unit="frame", disable=None) as bar,
    ):
        yield _Progress(clip, report, folder, bar)
    (folder / "progress.json").unlink(missing_ok=True)

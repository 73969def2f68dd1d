"""The metrics of a render, collected frame by frame for report.json."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from pipeline.dream_size import FULL_SIZE, DreamSize
from pipeline.frame import Image, to_image
from pipeline.imaging.metrics import BANDS, band_energy, flicker, image_statistics
from pipeline.imaging.sampling import sample
from pipeline.model import Model
from pipeline.render import RenderedFrame
from pipeline.report import frame_metrics
from pipeline.report.classification import top_classes
from pipeline.report.frame_metrics import STAGES, Row
from pipeline.source import Source
from pipeline.state import State

EVERY = 10
"""Frames between two measurements of gain and flicker: each costs about half a gradient step."""
STATUS = Path("/proc/self/status")
"""Linux's file with the memory usage of this process."""


@dataclass
class Report:
    """Collects the metrics of one render."""

    source: Source
    """Source of the pictures."""
    device: torch.device
    """Device that the network runs on."""
    file: Path | None = None
    """File to which the metrics of each frame are appended, which bounds memory and lets a resumed
    render keep those of the frames before. None: they are kept in memory."""
    before: State | None = None
    """State after the newest frame or, at the start, the state from which the render is resumed."""
    dream_size: DreamSize = FULL_SIZE
    """Size of the dream."""
    gain: float | None = None
    """Newest gain. None: not measured yet."""
    _rows: list[Row] = field(default_factory=list)
    _known: set[int] = field(default_factory=set)
    _clock: float = field(default_factory=time.perf_counter)
    _model: Model | None = None
    _picture: Image | None = None
    _image: Image | None = None

    def __post_init__(self) -> None:
        if self.file is not None:
            self._known = {row["index"] for row in frame_metrics.read_rows(self.file)}

    def add(self, dreamt: RenderedFrame) -> None:
        """Add the next frame, unless an earlier run has recorded it with the same result."""
        row = None if dreamt.frame.index in self._known else self._row(dreamt)
        self.before, self._model = dreamt.state, dreamt.gradient.model
        self._image, self._clock = dreamt.image, time.perf_counter()
        if row is None:
            return
        count = self.source.clip.count
        if row["index"] == 0 or row["index"] + 1 == count:  # stored, as the process may be killed
            row["seen"] = self._look()
        self.gain = row.get("gain", self.gain)
        if self.file is None:
            self._rows.append(row)
        else:
            frame_metrics.append_row(self.file, row)

    def figures(self) -> dict[str, object]:
        """Return the metrics by their names in report.json; None if not measured."""
        clip, rows = (
            self.source.clip,
            self._rows if self.file is None else frame_metrics.read_rows(self.file),
        )
        return frame_metrics.summarize(rows) | {
            "rate": str(clip.rate),
            "width": clip.width,
            "height": clip.height,
            "measured_every": EVERY,
            "seen": self._seen(rows),
            "peak_memory_bytes": peak_memory_bytes(self.device),
        }

    def _row(self, dreamt: RenderedFrame) -> Row:
        """Return the metrics of a frame."""
        index, dream = dreamt.frame.index, dreamt.dream
        row: Row = {"index": index, "steps": dream.steps, "cut": dreamt.frame.cut}
        row["work"] = [[height, width, n] for (height, width), n in dream.work.items()]
        if index % EVERY == 0 and dream.steps:
            row |= self._gained(dreamt)
        if dreamt.canvas.picture is not None and dream.steps:
            row["energy"] = _energy(dreamt)
            row["steady"] = dreamt.steady
        if reappeared := dreamt.canvas.reappeared:
            row["reappeared"] = round(reappeared, 5)
        if index % EVERY == 1:
            row |= self._flickered(dreamt)
        if dreamt.frame.picture is None:
            statistics = asdict(image_statistics(dream.image)).items()
            row["vitals"] = {name: round(float(value), 5) for name, value in statistics}
            row["vitals"]["strength"] = round(float(dreamt.canvas.strength.full.mean()), 4)
        spans = {stage: dreamt.spans.get(stage, (0.0, 0.0)) for stage in STAGES}
        row["seconds"] = {stage: end - begin for stage, (begin, end) in spans.items()}
        row["seconds"]["total"] = time.perf_counter() - self._clock
        return row

    def _seen(self, rows: list[Row]) -> dict[str, Any] | None:
        """Return the classes of the first and the newest frame; None without class names."""
        first: dict[str, Any] = next((row["seen"] for row in rows if "seen" in row), {})
        if not any(first.values()):
            return None
        return {"first": first, "last": rows[-1].get("seen") or self._look()}

    def _look(self) -> dict[str, dict[str, float]]:
        """Return the top classes of the newest picture and of its dream."""
        if self._model is None or self.before is None:
            return {}
        picture = self.before.picture
        images = {
            "picture": None if picture is None else to_image(picture, self.device),
            "dream": self._image,
        }
        return {
            name: top_classes(self._model, image)
            for name, image in images.items()
            if image is not None
        }

    def _gained(self, dreamt: RenderedFrame) -> Row:
        """Return the gain of the frame as shown, through the mask; empty if it is not defined.

        It is relative to the frame's picture or, without footage, to the last picture there was.
        """
        if dreamt.canvas.picture is not None:
            self._picture = dreamt.canvas.picture
        elif self._picture is None:  # the render was resumed after the frame with the picture
            first = next(iter(self.source.pictures()))
            self._picture = (
                None if first is None else to_image(self.dream_size.reduce(first), self.device)
            )
        if self._picture is None:
            return {}
        score = dreamt.gradient.score
        dream, before = score(dreamt.image), score(self._picture)
        # a ratio to a score of 0 or less has no meaning
        return {"gain": float(dream / before)} if float(before) > 0 else {}

    def _flickered(self, dreamt: RenderedFrame) -> Row:
        """Return the flicker of the dream layer and of the source, if they can be measured.

        The layer is weighted with the mask, and not composited: a moving mask is no flicker.
        """
        canvas, before = dreamt.canvas, self.before
        if canvas.positions is None or before is None or before.dream is None:
            return {}
        if canvas.picture is None or before.picture is None:
            # Without footage the dream is the layer. Its mean is left out: it cannot show motion.
            warped = sample(before.dream, canvas.positions, canvas.border)
            mean = dreamt.dream.image.mean(dim=(2, 3), keepdim=True)
            layers = dreamt.dream.image - mean, warped - mean
            return {"flicker": float(flicker(*layers, canvas.confidence))}
        row = {}
        last = to_image(before.picture, self.device)
        layer, last_layer = dreamt.dream.image - canvas.picture, before.dream - last
        warped = sample(torch.cat([last_layer, last], dim=1), canvas.positions, canvas.border)
        visibility = canvas.confidence if canvas.mask is None else canvas.confidence * canvas.mask
        if float(layer.abs().max()):
            row["flicker"] = float(flicker(layer, warped[:, :3], visibility))
        # Without the mean, which cannot show motion and would only reduce the value.
        mean = canvas.picture.mean(dim=(2, 3), keepdim=True)
        layers = canvas.picture - mean, warped[:, 3:] - mean
        row["source_flicker"] = float(flicker(*layers, canvas.confidence))
        return row


def _energy(dreamt: RenderedFrame) -> dict[str, float]:
    """Return the energy of the dream layer in each of BANDS.

    Measured where the layer was carried and is mature, in the first frame of a shot everywhere.
    """
    canvas = dreamt.canvas
    assert canvas.picture is not None
    weight = canvas.confidence * canvas.maturity
    if canvas.positions is None:
        weight = torch.ones_like(weight)
    if dreamt.canvas.mask is not None:
        weight = weight * dreamt.canvas.mask
    energy = band_energy(dreamt.dream.image - canvas.picture, weight).tolist()
    return {band: round(value, 8) for band, value in zip(BANDS, energy, strict=True)}


def peak_memory_bytes(device: torch.device) -> int:
    """Return the peak memory of this process in bytes; on a GPU, its peak GPU memory."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if STATUS.exists():
        # getrusage would include the memory of the parent process before exec
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

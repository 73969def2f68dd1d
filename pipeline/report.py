"""What a render came to: figures gathered frame by frame, written as report.json."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from pipeline.frame import Clip, Image, State, to_image
from pipeline.metrics import flicker, vitals
from pipeline.model import Model
from pipeline.render import Dreamt
from pipeline.sight import top_classes
from pipeline.warp import sample

EVERY = 10
"""Gain and flicker are measured on every so many frames: they cost about half a gradient step."""
STATUS = Path("/proc/self/status")
"""Where Linux tells what a process holds."""
STAGES = ("decode", "flow", "warp", "dream", "encode")


@dataclass
class Report:
    """Gathers the figures of one render."""

    clip: Clip
    device: torch.device
    began: float = field(default_factory=time.perf_counter)
    steps: list[float] = field(default_factory=list)
    work: Counter[tuple[int, int]] = field(default_factory=Counter)
    gains: list[float] = field(default_factory=list)
    flickers: list[float] = field(default_factory=list)
    source_flickers: list[float] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    vitals: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    first_seen: dict[str, dict[str, float]] = field(default_factory=dict)
    _model: Model | None = None
    _before: State | None = None
    _picture: Image | None = None
    _image: Image | None = None

    def add(self, dreamt: Dreamt) -> None:
        """Take in the next frame."""
        index = dreamt.frame.index
        self.steps.append(dreamt.dream.steps)
        self.work.update(dreamt.dream.work)
        for stage in STAGES:
            self.seconds[stage] += dreamt.seconds.get(stage, 0.0)
        if dreamt.frame.cut:
            self.cuts.append(index)
        if index % EVERY == 0 and dreamt.dream.steps:
            self._measure_gain(dreamt)
        if index % EVERY == 1:
            self._measure_flicker(dreamt)
        if dreamt.frame.picture is None:
            for name, value in asdict(vitals(dreamt.dream.image)).items():
                self.vitals[name].append(round(float(value), 5))
            self.vitals["strength"].append(round(float(dreamt.strength), 4))
        self._before, self._model = dreamt.state, dreamt.gradient.model
        self._image = dreamt.image
        if len(self.steps) == 1:
            self.first_seen = self._look()

    def figures(self) -> dict[str, object]:
        """The figures by INTERFACE's names; what was not measured is None."""
        count = max(1, len(self.steps))
        spent = {stage: total / count for stage, total in self.seconds.items()}
        spent["total"] = (time.perf_counter() - self.began) / count
        after_first = self.steps[1:] or self.steps
        return {
            "frames": len(self.steps),
            "rate": str(self.clip.rate),
            "width": self.clip.width,
            "height": self.clip.height,
            "seconds_per_frame": {stage: round(spent[stage], 5) for stage in ("total", *STAGES)},
            "steps_per_frame": round(statistics.fmean(after_first), 3) if after_first else None,
            "steps_at_size": {f"{w}x{h}": count for (h, w), count in sorted(self.work.items())},
            "gain": self._gain(),
            "flicker": _mean(self.flickers),
            "source_flicker": _mean(self.source_flickers),
            "measured_every": EVERY,
            "cuts": self.cuts,
            "seen": self._seen(),
            "vitals": dict(self.vitals) or None,
            "peak_memory_bytes": peak_memory_bytes(self.device),
        }

    @property
    def gain(self) -> float | None:
        """The newest gain, None before the first."""
        return self.gains[-1] if self.gains else None

    def _gain(self) -> dict[str, float] | None:
        if not self.gains:
            return None
        gains = self.gains
        figures = {"mean": statistics.fmean(gains), "min": min(gains), "max": max(gains),
                   "first": gains[0], "last": gains[-1]}  # fmt: skip
        return {name: round(value, 4) for name, value in figures.items()}

    def _seen(self) -> dict[str, dict[str, dict[str, float]]] | None:
        """What the network took the first and the newest frame for; None = it names nothing."""
        if not any(self.first_seen.values()):
            return None
        last = self._look() if len(self.steps) > 1 else self.first_seen
        return {"first": self.first_seen, "last": last}

    def _look(self) -> dict[str, dict[str, float]]:
        """What the network takes the newest picture, and its dream, for."""
        if self._model is None or self._before is None:
            return {}
        picture = self._before.picture
        images = {"picture": None if picture is None else to_image(picture, self.device),
                  "dream": self._image}  # fmt: skip
        return {name: top_classes(self._model, image)
                for name, image in images.items() if image is not None}  # fmt: skip

    def _measure_gain(self, dreamt: Dreamt) -> None:
        """Of what is shown: where a mask leaves the picture as it is nothing is gained.

        A dream that feeds on itself is held against the picture that it grew from.
        """
        picture = dreamt.canvas.picture if dreamt.canvas.picture is not None else self._picture
        if picture is None:
            return
        self._picture = picture
        score = dreamt.gradient.score
        dream, before = score(dreamt.image), score(picture)
        if float(before) > 0:  # of less than nothing there is no multiple
            self.gains.append(float(dream / before))

    def _measure_flicker(self, dreamt: Dreamt) -> None:
        """Of the dream, where the mask shows it: that a mask moves is no flicker."""
        canvas, before = dreamt.canvas, self._before
        if canvas.positions is None or before is None or before.dream is None:
            return
        assert self._image is not None
        if canvas.picture is None or before.picture is None:
            # Nothing was filmed, so the dream is its own layer: only its mean is no motion.
            moved = sample(self._image, canvas.positions, canvas.border)
            mean = dreamt.dream.image.mean(dim=(2, 3), keepdim=True)
            pair = dreamt.dream.image - mean, moved - mean
            self.flickers.append(float(flicker(*pair, canvas.confidence)))
            return
        last = to_image(before.picture, self.device)
        layer, last_layer = dreamt.dream.image - canvas.picture, before.dream - last
        moved = sample(torch.cat([last_layer, last], dim=1), canvas.positions, canvas.border)
        seen = canvas.confidence if dreamt.mask is None else canvas.confidence * dreamt.mask
        if float(layer.abs().max()):
            self.flickers.append(float(flicker(layer, moved[:, :3], seen)))
        # A picture's own mean is no motion: it would only make the figure small.
        mean = canvas.picture.mean(dim=(2, 3), keepdim=True)
        pair = canvas.picture - mean, moved[:, 3:] - mean
        self.source_flickers.append(float(flicker(*pair, canvas.confidence)))


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory that this process held, and on a GPU the most that it held there."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if STATUS.exists():
        # getrusage would count what the process held that started this one
        (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024


def _mean(values: list[float]) -> float | None:
    return round(statistics.fmean(values), 5) if values else None

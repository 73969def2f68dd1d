"""The estimate of a render, as it is printed and stored. Importing this does not import torch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.errors import printable
from pipeline.report.progress import clock
from pipeline.storage.work_dir import write_text

FILE = "plan.json"
"""Name of the file with a forecast in the folder of a sweep's job."""


@dataclass(frozen=True)
class Forecast:
    """The expected cost of a render."""

    frames: int | None
    """Number of frames. None: unknown before the end; `seconds` and `size` are then per frame."""
    steps: float
    """Gradient steps per frame after the first, weighted as in report.json."""
    seconds: float
    """Seconds for all frames, without starting up."""
    memory: int
    """Peak memory of the process in bytes; on a GPU, the memory used there."""
    size: int | None
    """Bytes of the result without its sound. None: unknown, as for a single picture."""

    def line(self, output: Path) -> str:
        """Return the line that is printed. output: the path of the render's output."""
        each = self.seconds / (self.frames or 1)
        phrases = [f"{each:.2f} s per frame", f"{self.steps:.1f} steps per frame"]
        if self.frames is not None:
            phrases = [f"{self.frames} frame{'s' * (self.frames != 1)}", *phrases]
            phrases.append(f"{clock(self.seconds)} in total")
        phrases.append(f"{self.memory / 1e9:.1f} GB of memory")
        if self.size is not None:
            each_ = "" if self.frames else " per frame"
            phrases.append(f"{self.size / 1e6:.1f} MB{each_} (twice that while it is joined)")
        return f"{printable(output)}: would take about {', '.join(phrases)}"

    def write(self, folder: Path) -> None:
        """Write the forecast to the folder, for `read_forecast`. Raises UserError."""
        write_text(folder / FILE, json.dumps(asdict(self)) + "\n")


def read_forecast(folder: Path) -> Forecast | None:
    """Return the forecast in the folder; None if there is none that can be read."""
    with suppress(OSError, ValueError, TypeError):
        return Forecast(**json.loads((folder / FILE).read_text("utf-8")))
    return None


def total_line(forecasts: Iterable[Forecast]) -> str:
    """Return the line that is printed for several renders, run one after the other."""
    all_ = list(forecasts)
    size = sum(one.size or 0 for one in all_)
    memory = max((one.memory for one in all_), default=0)
    return (
        f"would take about {clock(sum(one.seconds for one in all_))} one after the other, "
        f"{memory / 1e9:.1f} GB of memory, {size / 1e6:.1f} MB"
    )

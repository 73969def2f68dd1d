"""Profile of a render: a timeline of its stages for trace viewers, and a summary in the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from pipeline.errors import printable
from pipeline.frame import Span

log = logging.getLogger(__name__)

TRACE = "trace.json"
"""Name of the trace file, in Chrome's trace event format (for ui.perfetto.dev)."""
LANES = {"main loop": ("wait", "warp", "dream", "encode"), "preparation": ("decode", "flow")}
"""Thread -> its stages: the main loop and the preparation of frames, which has its own thread
unless the dream runs on the CPU. Several flows may run in parallel."""
MEANING = {"wait": "waiting for pictures and flow", "encode": "passing pictures to the encoder"}
"""Stage -> its description in the summary, where its name is not clear enough."""
REST = {"main loop": "metrics, progress, saving", "preparation": "waiting for the dream"}
"""Thread -> what it does outside its stages."""

RecordFrame: TypeAlias = Callable[[int, Mapping[str, Span]], None]
"""Callback that records a frame, given its index and the span of each of its stages."""


@contextmanager
def profile_trace(path: Path | None) -> Iterator[RecordFrame]:
    """Provide a callback that adds a frame to a trace at `path`. None: the callback does nothing.

    A summary is logged at the end of the block.
    """
    if path is None:
        yield lambda index, spans: None
        return
    with path.open("w", encoding="utf-8") as file:
        profile = _Profile(file)
        try:
            yield profile.add
        finally:
            file.write("\n]\n")
    for line in profile.lines(path):
        log.info("%s", line)


class _Profile:
    """Writer of the trace, which writes each frame at once to bound memory."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._frames = 0
        self._began = self._ended = 0.0
        self._sums: dict[str, float] = dict.fromkeys(chain(*LANES.values()), 0.0)
        self._ends: list[float] = []
        file.write("[")
        for number, lane in enumerate(LANES):
            self._name(number, lane)

    def add(self, index: int, spans: Mapping[str, Span]) -> None:
        """Write the spans of a frame."""
        if not self._frames:
            self._began = min(begin for begin, _ in spans.values())
        self._frames += 1
        for number, stages in enumerate(LANES.values()):
            for stage in stages:
                begin, end = spans[stage]
                self._sums[stage] += end - begin
                self._ended = max(self._ended, end)
                at, till = (round(1e6 * (instant - self._began)) for instant in spans[stage])
                lane = len(LANES) + self._free(begin, end) if stage == "flow" else number
                self._event("X", lane, name=stage, ts=at, dur=till - at, args={"frame": index})

    def lines(self, path: Path) -> Iterator[str]:
        """Yield the lines of the summary: for each thread, the shares of its time."""
        seconds = self._ended - self._began
        if not self._frames or not seconds:
            return
        yield (
            f"{printable(path)}: {self._frames} frames in {seconds:.1f} s; open it in "
            "ui.perfetto.dev"
        )
        for lane, stages in LANES.items():
            shares = {MEANING.get(stage, stage): self._sums[stage] / seconds for stage in stages}
            shares[REST[lane]] = max(0.0, 1 - sum(shares.values()))
            largest = sorted(shares.items(), key=lambda share: -share[1])
            yield f"{lane}: " + ", ".join(f"{share:.1%} {name}" for name, share in largest)

    def _free(self, begin: float, end: float) -> int:
        """Return the number of a lane that has no other flow at `begin`; occupy it until `end`."""
        ends = self._ends
        lane = next((at for at, until in enumerate(ends) if until <= begin), len(ends))
        if lane == len(ends):
            self._name(len(LANES) + lane, f"flow {lane + 1}")
        ends[lane : lane + 1] = [end]
        return lane

    def _name(self, lane: int, name: str) -> None:
        self._event("M", lane, name="thread_name", args={"name": name})

    def _event(self, phase: str, thread: int, **more: Any) -> None:
        comma = "," if self._frames or thread else ""
        self._file.write(f"{comma}\n" + json.dumps({"ph": phase, "pid": 1, "tid": thread, **more}))

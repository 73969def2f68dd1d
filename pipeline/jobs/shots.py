"""Frame ranges of a video that are rendered as jobs of a sweep and then joined."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pipeline.cuts import Change, Cuts
from pipeline.errors import UserError, printable
from pipeline.frame import Picture
from pipeline.frame_range import FrameRange
from pipeline.recording.fingerprint import Fingerprint
from pipeline.recording.segments import closed_segments
from pipeline.storage.work_dir import work_dir, write_text
from pipeline.sweep.job_status import binding_facts
from pipeline.sweep.plan import JobState, read_plan, status_of

SHOTS = "shots.json"
"""Name of the file that lists the frame ranges, in the folder of the sweep."""
MIN_FRAMES, MAX_RANGES = 240, 64
"""Smallest default length of a range in frames, and maximum number of ranges by default.

More ranges would cost too much: each job decodes all frames before its range.
"""


@dataclass(frozen=True)
class Shots:
    """The frame ranges of a video that are rendered as separate jobs, and its cuts."""

    ranges: tuple[FrameRange, ...]
    """Frame ranges in order, from the first frame to the last.

    Each but the first begins at a cut or has a warm-up.
    """
    cuts: tuple[int, ...]
    """All frames at which a cut was found."""

    @staticmethod
    def detect(
        pictures: Iterable[Picture | None],
        cuts: Cuts,
        least: int | None = None,
        longest: int | None = None,
        run_up: int = 0,
    ) -> Shots:
        """Return the frame ranges of a video with these pictures.

        least: minimum length of a range in frames. None: the video divided by MOST, but at least
        LEAST. longest: maximum length in frames; longer ranges are split within a shot, and each
        piece has a warm-up of at most `run_up` frames, within the shot. None: ranges begin only at
        cuts. Raises UserError for a source that has no pictures for some frames.
        """
        cut_frames, count = [], 0
        for picture, change in cuts(pictures):
            if picture is None:
                raise UserError(
                    "source: must be a video or pictures to have shots, got frames without source "
                    "pictures; render it with dreamreel instead of dreamreel shots"
                )
            if change is Change.CUT:
                cut_frames.append(count)
            count += 1
        if least is None:
            least = min(max(MIN_FRAMES, count // MAX_RANGES), longest or count)
        begins = [0]
        for cut_frame in cut_frames:
            if cut_frame - begins[-1] >= least:
                begins.append(cut_frame)
        if len(begins) > 1 and count - begins[-1] < least:
            begins.pop()
        if longest is not None:
            begins = list(_split(begins, count, longest))
        shots, ranges = [0, *cut_frames], []
        for first, end in pairwise([*begins, count]):
            shot = shots[bisect_right(shots, first) - 1]
            ranges.append(FrameRange(first, end, min(run_up, first - shot)))
        return Shots(tuple(ranges), tuple(cut_frames))

    def write(self, folder: Path) -> None:
        """Write the shots to the folder of their sweep. Raises UserError."""
        content = {"parts": [str(span) for span in self.ranges], "cuts": self.cuts}
        write_text(folder / SHOTS, json.dumps(content) + "\n")


def _split(begins: Sequence[int], count: int, longest: int) -> Iterator[int]:
    """Yield the first frames of ranges, with those longer than `longest` split evenly.

    begins: first frames of the ranges to split. count: number of frames of the video.
    """
    for first, end in pairwise([*begins, count]):
        pieces = -(-(end - first) // longest)
        yield from (first + (end - first) * piece // pieces for piece in range(pieces))


def read_shots(folder: Path) -> Shots:
    """Return the shots that `Shots.write` wrote to the folder. Raises UserError."""
    try:
        content = json.loads((folder / SHOTS).read_text("utf-8"))
        ranges = tuple(span for text in content["parts"] if (span := FrameRange.of(text)))
        return Shots(ranges, tuple(map(int, content["cuts"])))
    except (OSError, ValueError, TypeError, KeyError, UserError) as error:
        raise UserError(
            f"shots: must be a folder made by dreamreel shots, got {printable(folder)}; "
            "run dreamreel shots instead"
        ) from error


def check_cuts(shots: Shots, cuts: Sequence[int]) -> None:
    """Raise UserError unless the jobs found the same cuts. cuts: frames at which they did."""
    if tuple(cuts) != shots.cuts:
        other = min({*cuts} ^ {*shots.cuts})
        raise UserError(
            f"shots: must have the cuts that dreamreel shots found, got a difference at frame "
            f"{other}; render the video with dreamreel instead of dreamreel shots"
        )


def finished_work_dirs(folder: Path, shots: Shots, fingerprint: Fingerprint) -> list[Path]:
    """Return the work folders of all frame ranges, in order.

    fingerprint: that of the whole video. Raises UserError if a range is not done, or was rendered
    with another fingerprint.
    """
    jobs = {job.settings(["part"]).get("part"): folder / job.name for job in read_plan(folder).jobs}
    works = []
    for span in shots.ranges:
        job = jobs.get(str(span), folder)
        status = status_of(job)
        if status.state is not JobState.DONE or status.made_of != binding_facts(fingerprint.facts):
            state = status.state if status.state is not JobState.DONE else "with other settings"
            raise UserError(
                f"shots: must all be done with these settings, got part {span} in "
                f"{printable(folder)} {state}; run dreamreel shots again"
            )
        works.append(work_dir(job / status.output))
    return works


def segments(works: Sequence[Path], shots: Shots) -> list[Path]:
    """Return the segments of all frame ranges, in order. Raises UserError if any is missing."""
    found: list[Path] = []
    for work, span in zip(works, shots.ranges, strict=True):
        closed = closed_segments(work, span.first)
        if not closed or closed[-1][0] != span.last:
            raise UserError(
                f"shots: must contain all segments, got {printable(work)} without some of them; "
                f"remove {printable(work.parent)} and run dreamreel shots again"
            )
        found += [path for _, path in closed]
    return found

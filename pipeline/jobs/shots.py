"""A video in parts, each of them a job of a sweep, and the whole that they make together."""

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
"""The name of the file that lists them, beside the jobs."""
LEAST, MOST = 240, 64
"""Frames of a part that is worth a job, and parts in all: each decodes what lies before it."""


@dataclass(frozen=True)
class Shots:
    """The parts of a video that are rendered as jobs of their own, and its cuts."""

    parts: tuple[FrameRange, ...]
    """In order, from the first frame to the last, each but the first beginning at a cut, or behind
    a run-up."""
    cuts: tuple[int, ...]
    """The frames at which shots begin, all of them."""

    @staticmethod
    def found(
        pictures: Iterable[Picture | None],
        cuts: Cuts,
        least: int | None = None,
        longest: int | None = None,
        run_up: int = 0,
    ) -> Shots:
        """Return those of a video whose pictures these are.

        least: frames of a part, None = an even share of MOST parts, and no fewer than LEAST.
        longest: frames of a part; what is longer is split where no cut is, and each piece has a
        run-up of so many frames, within its shot. None = only cuts part. Raises UserError where
        what is dreamt was never filmed.
        """
        marks, count = [], 0
        for picture, change in cuts(pictures):
            if picture is None:
                raise UserError(
                    "source: must be filmed to have shots, got one that feeds on itself; "
                    "render it as one"
                )
            if change is Change.CUT:
                marks.append(count)
            count += 1
        if least is None:
            least = min(max(LEAST, count // MOST), longest or count)
        begins = [0]
        for mark in marks:
            if mark - begins[-1] >= least:
                begins.append(mark)
        if len(begins) > 1 and count - begins[-1] < least:
            begins.pop()
        if longest is not None:
            begins = list(_split(begins, count, longest))
        shots, parts = [0, *marks], []
        for first, end in pairwise([*begins, count]):
            shot = shots[bisect_right(shots, first) - 1]
            parts.append(FrameRange(first, end, min(run_up, first - shot)))
        return Shots(tuple(parts), tuple(marks))

    def write(self, folder: Path) -> None:
        """Note them in the folder of their sweep. Raises UserError."""
        content = {"parts": [str(span) for span in self.parts], "cuts": self.cuts}
        write_text(folder / SHOTS, json.dumps(content) + "\n")


def _split(begins: Sequence[int], count: int, longest: int) -> Iterator[int]:
    """Yield these beginnings, and so many more between them that nothing is longer, evenly."""
    for first, end in pairwise([*begins, count]):
        pieces = -(-(end - first) // longest)
        yield from (first + (end - first) * piece // pieces for piece in range(pieces))


def read_shots(folder: Path) -> Shots:
    """Return the shots that are noted there. Raises UserError."""
    try:
        content = json.loads((folder / SHOTS).read_text("utf-8"))
        parts = tuple(span for text in content["parts"] if (span := FrameRange.of(text)))
        return Shots(parts, tuple(map(int, content["cuts"])))
    except (OSError, ValueError, TypeError, KeyError, UserError) as error:
        raise UserError(
            f"shots: must be a folder that scripts/render_shots.py made, got {printable(folder)}; "
            "run that"
        ) from error


def check_cuts(shots: Shots, cuts: Sequence[int]) -> None:
    """Check that the jobs saw shots begin at these frames, which are those. Raises UserError."""
    if tuple(cuts) != shots.cuts:
        other = min({*cuts} ^ {*shots.cuts})
        raise UserError(
            f"shots: must have their cuts where they were found, got another at frame {other}; "
            "render the video as one"
        )


def finished_work_dirs(folder: Path, shots: Shots, fingerprint: Fingerprint) -> list[Path]:
    """Return the work folders of all parts, in order. fingerprint: what the whole depends on.

    Raises UserError if a part is not done, or was made of something else.
    """
    jobs = {job.settings(["part"]).get("part"): folder / job.name for job in read_plan(folder).jobs}
    works = []
    for span in shots.parts:
        job = jobs.get(str(span), folder)
        status = status_of(job)
        if status.state is not JobState.DONE or status.made_of != binding_facts(fingerprint.facts):
            state = status.state if status.state is not JobState.DONE else "done with others"
            raise UserError(
                f"shots: must all be done with these settings, got part {span} of "
                f"{printable(folder)} "
                f"{state}; run scripts/render_shots.py again"
            )
        works.append(work_dir(job / status.output))
    return works


def segments(works: Sequence[Path], shots: Shots) -> list[Path]:
    """Return the segments of all parts, in order. Raises UserError if one is missing."""
    found: list[Path] = []
    for work, span in zip(works, shots.parts, strict=True):
        held = closed_segments(work, span.first)
        if not held or held[-1][0] != span.last:
            raise UserError(
                f"shots: must hold all segments, got {printable(work)} without some; remove it "
                "and run "
                "scripts/render_shots.py again"
            )
        found += [path for _, path in held]
    return found

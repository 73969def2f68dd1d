"""A card for each job of a sweep, read from the files in its folder, which are not trusted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.errors import UserError, printable
from pipeline.gallery.commands import from_job, full_size_command
from pipeline.gallery.media import (
    TEXT,
    Media,
    is_folder,
    is_plain,
    media_of,
    path_within,
    source_of,
)
from pipeline.storage.work_dir import film_path, work_dir
from pipeline.sweep.plan import PLAN, STATUS, JobState, Plan, Status, SweepJob, read_plan, status_of

LETTERS = 2000
"""Maximum number of characters of an error or a setting that are shown."""
CLASSES = 3
"""Maximum number of classes that are shown."""
RATE = re.compile(r"[1-9][0-9]{0,8}(/[1-9][0-9]{0,8})?")
"""A frame rate in a report; excludes values that take long to parse, such as 1e999999999."""


@dataclass(frozen=True)
class Metrics:
    """Metrics of a job, from its report or, until it is done, its progress. None: unknown."""

    frames: int | None = None
    """Number of frames of the result."""
    rate: Fraction | None = None
    """Frames per second."""
    width: int | None = None
    """Width in pixels."""
    height: int | None = None
    """Height in pixels."""
    gain: float | None = None
    """Mean gain."""
    flicker: float | None = None
    """Mean flicker."""
    seconds_per_frame: float | None = None
    """Seconds of computation per frame."""
    done: int | None = None
    """Number of frames rendered so far."""
    left: float | None = None
    """Estimated seconds until the job is done."""
    classes: tuple[tuple[str, float], ...] = ()
    """Leading classes of the last frame with their probability, the highest first."""

    @property
    def seconds(self) -> float | None:
        """Duration of the result in seconds. None: unknown."""
        if self.frames is None or self.rate is None:
            return None
        return round(float(self.frames / self.rate), 3)


@dataclass(frozen=True)
class Card:
    """A job of a sweep as the gallery shows it."""

    name: str
    """Name of the job."""
    state: JobState
    """State of the job."""
    line: str
    """Summary of the result, or the reason of the failure."""
    settings: tuple[str | None, ...]
    """Values of the settings in which the jobs differ. None: not set by this job."""
    figures: Metrics
    """Metrics of the job."""
    media: Media | None
    """Result of the job so far. None: there is nothing to show."""
    source: Media | None
    """Preview of its source. None: it has none."""
    explained: Path | None
    """Film or sheet of what the network sees in the result. None: there is none."""
    path: str | None
    """Path of the finished result, relative to the folder of the sweep. None: it is not done."""
    seconds: float | None
    """Seconds from the start of the job to its end. None: unknown, or not ended yet."""
    device: str
    """Device that computed it. Empty: unknown."""
    recipe: tuple[str, ...]
    """Lines of the resolved settings in YAML."""
    again: str
    """Command that renders it at full length and size with the settings saved by the job."""
    whole: str
    """Command that renders it at full length and size with the job's overrides."""


def plan_of(sweep: Path) -> Plan:
    """Return the sweep's plan. Raises UserError if the folder holds no valid one."""
    path = sweep / PLAN
    if path.exists() and not is_plain(path, 64 * TEXT):
        raise UserError(
            f"sweep: must contain {PLAN} as a regular file of at most 64 MiB, got something else "
            f"at {printable(path)}; remove it and run the sweep again"
        )
    try:
        return read_plan(sweep)
    except RecursionError as error:
        raise UserError(
            f"sweep: must contain {PLAN} as dreamreel -m wrote it, got other data in "
            f"{printable(path)}; remove it and run the sweep again"
        ) from error


def cards(sweep: Path, plan: Plan) -> Iterator[Card]:
    """Yield the jobs' cards in the order of the plan; values that cannot be read stay empty."""
    home = _display_path(sweep)
    jobs_by_name: dict[str, SweepJob] = {}
    for job in plan.jobs:
        jobs_by_name.setdefault(job.name, job)
    for job in jobs_by_name.values():
        yield _card(sweep, home, plan, job)


def _card(sweep: Path, home: Path, plan: Plan, job: SweepJob) -> Card:
    job_settings = job.settings(plan.keys)
    folder = path_within(sweep, job.name)
    if folder is None or not is_folder(folder):
        status, folder = Status(JobState.MISSING), None
    else:
        status = _status(folder)
    output = None if folder is None else path_within(folder, status.output)
    work = None if output is None or not is_folder(work_dir(output)) else work_dir(output)
    figures = _report if status.state is JobState.DONE else _progress
    suffix = ".mp4" if output is None else output.suffix
    return Card(
        name=printable_text(job.name),
        state=status.state,
        line=printable_text(status.line) if isinstance(status.line, str) else "",
        settings=tuple(
            printable_text(job_settings[key]) if key in job_settings else None for key in plan.keys
        ),
        figures=Metrics() if work is None else figures(work),
        media=None if folder is None else media_of(folder, status),
        source=None if work is None else source_of(work),
        explained=None if output is None else _explained(output),
        path=printable_text(f"{job.name}/{status.output}")
        if _is_finished(status, output)
        else None,
        seconds=_seconds(status),
        device=printable_text(status.device) if isinstance(status.device, str) else "",
        recipe=()
        if work is None
        else tuple(map(printable_text, _text(work / "recipe.yaml").split("\n"))),
        again=from_job(home, job, plan.keys, suffix),
        whole=full_size_command(job, plan.keys, suffix),
    )


def _explained(output: Path) -> Path | None:
    """Return the film or the sheet of what the network sees in an output, if there is one."""
    sheet = film_path(output).with_suffix(".png")
    return next((path for path in (film_path(output), sheet) if is_plain(path)), None)


def _is_finished(status: Status, output: Path | None) -> bool:
    """Return whether the result is complete and there."""
    return status.state is JobState.DONE and output is not None and output.exists()


def _seconds(status: Status) -> float | None:
    """Return the seconds from the start of the job to its end; None if one is not known."""
    began, ended = _number(status.began), _number(status.ended)
    return None if began is None or ended is None else round(ended - began, 3)


def printable_text(text: str) -> str:
    """Return the text cut to LETTERS, with invisible and direction-changing characters escaped."""
    shortened = text if len(text) <= LETTERS else f"{text[:LETTERS]}…"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in shortened
    )


def _display_path(sweep: Path) -> Path:
    """Return the folder relative to the current one if it is inside it, else its absolute path."""
    whole, here = sweep.resolve(), Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole


def _status(folder: Path) -> Status:
    """Return the status of the job; MISSING unless its status file is a valid regular file."""
    if not is_plain(folder / STATUS, TEXT):
        return Status(JobState.MISSING)
    try:
        return status_of(folder)
    except RecursionError:
        return Status(JobState.MISSING)


def _report(work: Path) -> Metrics:
    content = _read(work / "report.json")
    gain, seconds = _map(content.get("gain")), _map(content.get("seconds_per_frame"))
    count, last = partial(_count, content), _map(_map(content.get("seen")).get("last"))
    return Metrics(
        frames=count("frames"),
        rate=_rate(content.get("rate")),
        width=count("width"),
        height=count("height"),
        gain=_number(gain.get("mean")),
        flicker=_number(content.get("flicker")),
        seconds_per_frame=_number(seconds.get("total")),
        done=count("frames"),
        classes=_classes(_map(last.get("dream"))),
    )


def _classes(seen: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Return at most CLASSES classes with their probability, the highest first."""
    shares = {name: share for name in seen if (share := _number(seen[name])) is not None}
    leading = sorted(shares, key=lambda name: -shares[name])[:CLASSES]
    return tuple((printable_text(name), shares[name]) for name in leading if 0 <= shares[name] <= 1)


def _progress(work: Path) -> Metrics:
    content = _read(work / "progress.json")
    return Metrics(
        frames=_count(content, "frames"),
        gain=_number(content.get("gain")),
        seconds_per_frame=_number(content.get("seconds_per_frame")),
        done=_count(content, "done"),
        left=_number(content.get("seconds_left")),
    )


def _text(path: Path) -> str:
    """Return the content of the file; empty if it is missing, too large or a link."""
    if not is_plain(path, TEXT):
        return ""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _read(path: Path) -> Mapping[str, Any]:
    """Return the object in a JSON file; empty if there is none."""
    try:
        return _map(json.loads(_text(path)))
    except (ValueError, RecursionError):
        return {}


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    """Return the number if it is finite and its magnitude below 1e12, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e12 and math.isfinite(value) else None


def _count(content: Mapping[str, Any], name: str) -> int | None:
    value = content.get(name)
    return value if type(value) is int and 0 < value < 1 << 31 else None


def _rate(value: object) -> Fraction | None:
    """Return the frame rate in frames/s; None if it is invalid or above 1000."""
    if not isinstance(value, str) or not RATE.fullmatch(value):
        return None
    rate = Fraction(value)
    return rate if rate <= 1000 else None

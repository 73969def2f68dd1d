"""A sweep's folder: which jobs it has, and what became of each.

sweep.json          its jobs, and the settings in which they differ
JOB/status.json     what became of that one so far
JOB/lock            held while a process works on it
JOB/dream.mp4       what it made, beside dream.mp4.render as with any render
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from pipeline.errors import UserError, printable
from pipeline.storage.lock import is_locked
from pipeline.storage.work_dir import parse_json, write_text
from pipeline.sweep.override_grammar import is_quoted

PLAN, STATUS = "sweep.json", "status.json"
LONGEST = 120
"""Letters of a job's name that tell what it sets; what is left out stands in a digest."""
DIGEST = 8
"""Hexadecimal digits of it."""
ODD = re.compile(r"[^A-Za-z0-9._=,+-]+")
"""What a job's name does without, for the sake of shells, other systems and addresses."""


class JobState(StrEnum):
    """What became of a job."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    """By the user, or from outside; it can be resumed."""
    RUNNING = "running"
    KILLED = "killed"
    """It was running, and nobody works on it any more."""
    MISSING = "missing"
    """It was never begun."""


OVER = (JobState.DONE, JobState.FAILED)
"""States in which nothing more becomes of a job by itself."""


@dataclass(frozen=True)
class Status:
    """How a job of a sweep stands, as its status.json says."""

    state: JobState
    """Of the job."""
    line: str = ""
    """Its summary, or the reason of its failure."""
    output: str = ""
    """The name of what it makes, empty = unknown."""
    began: float | None = None
    """Seconds since 1970, None = not yet."""
    ended: float | None = None
    """Seconds since 1970, None = not yet."""
    device: str = ""
    """The device."""
    gpus: str = ""
    """Those that the engine let it see, by their numbers there, empty = all."""
    made_of: Mapping[str, str] = field(default_factory=dict)
    """Name -> fact that the result depends on, whatever computes it."""


@dataclass(frozen=True)
class SweepJob:
    """One job of a sweep."""

    name: str
    """Of its folder."""
    overrides: tuple[str, ...]
    """KEY=VALUE as Hydra reads them, all of the command."""

    def settings(self, keys: Iterable[str]) -> dict[str, str]:
        """Return what it says of these settings."""
        said = dict(override.partition("=")[::2] for override in self.overrides)
        return {key: unquote(said[key]) for key in keys if key in said}


@dataclass(frozen=True)
class Plan:
    """All jobs of a sweep, as its plan file lists them."""

    keys: tuple[str, ...]
    """Settings in which the jobs differ."""
    jobs: tuple[SweepJob, ...]
    """In order."""

    @staticmethod
    def of(jobs: Sequence[Sequence[str]], before: Sequence[str] = ()) -> Plan:
        """Return the plan for jobs with these overrides. before: settings in which earlier jobs
        differ.

        Raises UserError if two are the same.
        """
        if not jobs:
            raise UserError("-m: must give at least one job, got none; give values that exist")
        said: dict[str, set[str]] = {}
        for overrides in jobs:
            for override in overrides:
                key, _, value = override.partition("=")
                said.setdefault(key, set()).add(value)
        keys = tuple(key for key, said_of in said.items() if len(said_of) > 1 or key in before)
        named: dict[str, SweepJob] = {}
        for overrides in jobs:
            name = job_name(overrides, keys)
            if name in named:
                raise UserError(
                    "-m: must give each job something of its own, got two that are alike; name "
                    "each value once"
                )
            named[name] = SweepJob(name, tuple(overrides))
        return Plan(keys, tuple(named.values()))

    def and_before(self, other: Plan) -> Plan:
        """Return this one, with what else an earlier one had in front."""
        names = {job.name for job in self.jobs}
        earlier = [job for job in other.jobs if job.name not in names]
        return Plan(tuple(dict.fromkeys([*other.keys, *self.keys])), (*earlier, *self.jobs))

    def write(self, folder: Path) -> None:
        """Note it in the folder. Raises UserError if it cannot be written."""
        write_text(folder / PLAN, json.dumps(asdict(self), indent=2) + "\n")


def read_plan(folder: Path) -> Plan:
    """Return the plan of a sweep. Raises UserError if the folder holds none."""
    path = folder / PLAN
    try:
        content = parse_json(path)
        jobs = [
            SweepJob(str(job["name"]), tuple(map(str, job["overrides"]))) for job in content["jobs"]
        ]
        return Plan(tuple(map(str, content["keys"])), tuple(jobs))
    except OSError as error:
        raise UserError(
            f"sweep: must be the folder of one, got {printable(folder)} without {PLAN}; "
            "name the folder that dreamreel -m made"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"sweep: {printable(path)} must be as dreamreel -m wrote it, got something else; "
            "take it away and run the sweep again"
        ) from error


def job_name(overrides: Sequence[str], keys: Iterable[str]) -> str:
    """Return what a job's folder is called: what it says of these settings.

    At most LONGEST letters, and where it cannot tell all a hyphen and DIGEST digits.
    """
    of = set(keys)
    pairs = (override.partition("=") for override in overrides)
    whole = ",".join(f"{key}={unquote(value)}" for key, _, value in pairs if key in of)
    name = ODD.sub("-", whole)[:LONGEST].strip("-.") or "only"
    if name == whole or not whole:
        return name
    return f"{name}-{hashlib.sha1(whole.encode()).hexdigest()[:DIGEST]}"


def unquote(value: str) -> str:
    """Return a value without the quotes that Hydra's grammar may want around it."""
    return value[1:-1] if is_quoted(value) else value


def write_status(job: Path, status: Status) -> None:
    """Leave the status in the job's folder. Raises UserError if it cannot be written."""
    write_text(job / STATUS, json.dumps(asdict(status), indent=2) + "\n")


def status_of(job: Path) -> Status:
    """Return what became of the job in that folder; of one that cannot be read, that it is
    missing."""
    try:
        content = parse_json(job / STATUS)
        status = Status(**{**content, "state": JobState(content["state"])})
        if not all(isinstance(text, str) for text in (status.line, status.output, status.device)):
            return Status(JobState.MISSING)
    except (OSError, ValueError, KeyError, TypeError):
        return Status(JobState.MISSING)
    if status.state is JobState.RUNNING and not is_locked(job):
        return replace(status, state=JobState.KILLED, line="", made_of={})
    return status

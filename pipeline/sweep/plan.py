"""The folder of a sweep: its jobs and the status of each.

sweep.json          the jobs, and the settings in which they differ
JOB/status.json     the status of a job
JOB/lock            locked while a process works on the job
JOB/dream.mp4       the result of the job, next to its work folder dream.mp4.render
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
"""Maximum length of a job's name in characters, without the digest of a shortened name."""
DIGEST = 8
"""Number of hexadecimal digits of that digest."""
UNSAFE_CHARACTERS = re.compile(r"[^A-Za-z0-9._=,+-]+")
"""Characters replaced in a job's name, as shells, other systems or URLs may not accept them."""


class JobState(StrEnum):
    """State of a job."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    """Stopped by the user or from outside; it can be resumed."""
    RUNNING = "running"
    KILLED = "killed"
    """It was running, and no process works on it any more."""
    MISSING = "missing"
    """Never started, or without a status that can be read."""


FINAL_STATES = (JobState.DONE, JobState.FAILED)
"""Final states, of jobs that have run to their end."""


@dataclass(frozen=True)
class Status:
    """Status of a job of a sweep, the content of its status.json."""

    state: JobState
    """State of the job."""
    line: str = ""
    """Summary of the job, or the reason why it failed."""
    output: str = ""
    """Name of its output file or folder; empty if unknown."""
    began: float | None = None
    """Start time, in seconds since 1970. None: not started yet."""
    ended: float | None = None
    """End time, in seconds since 1970. None: not ended yet."""
    device: str = ""
    """Name of the device that it runs on."""
    gpus: str = ""
    """GPUs that the launcher made visible to it, as numbers on that machine; empty for all."""
    made_of: Mapping[str, str] = field(default_factory=dict)
    """Name -> fact that must be unchanged for the result to be kept, see `binding_facts`."""


@dataclass(frozen=True)
class SweepJob:
    """One job of a sweep."""

    name: str
    """Name of its folder."""
    overrides: tuple[str, ...]
    """All overrides of the command, as KEY=VALUE in Hydra's grammar."""

    def settings(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the values that the overrides give to these settings."""
        by_key = dict(override.partition("=")[::2] for override in self.overrides)
        return {key: unquote(by_key[key]) for key in keys if key in by_key}


@dataclass(frozen=True)
class Plan:
    """All jobs of a sweep, the content of its sweep.json."""

    keys: tuple[str, ...]
    """Settings in which the jobs differ."""
    jobs: tuple[SweepJob, ...]
    """Jobs, in order."""

    @staticmethod
    def of(jobs: Sequence[Sequence[str]], before: Sequence[str] = ()) -> Plan:
        """Return the plan for jobs with these overrides.

        before: settings in which earlier jobs differ. Raises UserError if there are no jobs, or
        two are the same.
        """
        if not jobs:
            raise UserError("-m: must result in at least one job, got none; set existing values")
        by_key: dict[str, set[str]] = {}
        for overrides in jobs:
            for override in overrides:
                key, _, value = override.partition("=")
                by_key.setdefault(key, set()).add(value)
        keys = tuple(key for key, distinct in by_key.items() if len(distinct) > 1 or key in before)
        by_name: dict[str, SweepJob] = {}
        for overrides in jobs:
            name = job_name(overrides, keys)
            if name in by_name:
                raise UserError(
                    "-m: must result in jobs that differ, got two that are the same; list each "
                    "value once"
                )
            by_name[name] = SweepJob(name, tuple(overrides))
        return Plan(keys, tuple(by_name.values()))

    def and_before(self, other: Plan) -> Plan:
        """Return this plan with the jobs that only an earlier one has in front."""
        names = {job.name for job in self.jobs}
        earlier = [job for job in other.jobs if job.name not in names]
        return Plan(tuple(dict.fromkeys([*other.keys, *self.keys])), (*earlier, *self.jobs))

    def write(self, folder: Path) -> None:
        """Write the plan to the folder. Raises UserError if it cannot be written."""
        write_text(folder / PLAN, json.dumps(asdict(self), indent=2) + "\n")


def read_plan(folder: Path) -> Plan:
    """Return the plan in the folder of a sweep. Raises UserError if it is missing or damaged."""
    path = folder / PLAN
    try:
        content = parse_json(path)
        jobs = [
            SweepJob(str(job["name"]), tuple(map(str, job["overrides"]))) for job in content["jobs"]
        ]
        return Plan(tuple(map(str, content["keys"])), tuple(jobs))
    except OSError as error:
        raise UserError(
            f"sweep: must be the folder of a sweep, got {printable(folder)} without {PLAN}; "
            "choose a folder made by dreamreel -m"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"sweep: {printable(path)} must be as dreamreel -m wrote it, got something else; "
            "remove it and run the sweep again"
        ) from error


def job_name(overrides: Sequence[str], keys: Iterable[str]) -> str:
    """Return the name of a job's folder: its values for these settings.

    At most LONGEST characters. If some were replaced or left out, a hyphen and DIGEST digits are
    added.
    """
    of = set(keys)
    pairs = (override.partition("=") for override in overrides)
    full = ",".join(f"{key}={unquote(value)}" for key, _, value in pairs if key in of)
    name = UNSAFE_CHARACTERS.sub("-", full)[:LONGEST].strip("-.") or "only"
    if name == full or not full:
        return name
    return f"{name}-{hashlib.sha1(full.encode()).hexdigest()[:DIGEST]}"


def unquote(value: str) -> str:
    """Return a value without the quotes of Hydra's grammar, if it has any."""
    return value[1:-1] if is_quoted(value) else value


def write_status(job: Path, status: Status) -> None:
    """Write the status to the job's folder. Raises UserError if it cannot be written."""
    write_text(job / STATUS, json.dumps(asdict(status), indent=2) + "\n")


def status_of(job: Path) -> Status:
    """Return the status of the job in that folder.

    MISSING if it cannot be read, KILLED if the job was running but does not hold its lock.
    """
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

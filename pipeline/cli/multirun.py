"""Sweeps with Hydra: the folders of the jobs, the checks before them and the summary after them.

Every process that runs a job must import this module, which registers the resolvers that name the
folder of the job.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from pipeline.cli.exit_codes import end
from pipeline.cli.threads import choose_threads
from pipeline.config.hydra_config import error_line
from pipeline.config.launchers import SEQUENTIAL, SLURM, check_launcher, kind_of
from pipeline.errors import UserError, printable
from pipeline.jobs.forecast import FILE, read_forecast, total_line
from pipeline.storage.lock import exclusive
from pipeline.sweep.plan import PLAN, JobState, Plan, SweepJob, job_name, read_plan, status_of
from pipeline.sweep.slurm import Queue

SWEEPS = Path("sweeps")
"""Parent folder of sweeps without a name."""
MAX_JOBS = 10_000
"""Maximum number of jobs in a sweep: its plan and its page contain all of them."""
REASONS = {
    JobState.MISSING: "not started",
    JobState.KILLED: "run the same command again to resume it",
    JobState.STOPPED: "run the same command again to resume it",
}
"""State of a job -> the reason to print if its status has none."""


@dataclass(frozen=True)
class RunningSweep:
    """A sweep whose jobs are run."""

    folder: Path
    """Folder of the sweep."""
    jobs: Sequence[SweepJob]
    """Jobs that this command runs."""
    queue: Queue | None
    """Slurm's queue. None: another launcher runs the jobs."""
    gallery: AbstractContextManager[None] | None
    """Context manager that keeps the page up to date. None: there is no page."""

    def ended(self, code: Any, line: str | None) -> tuple[Any, str | None]:
        """Print the state of all jobs, and return the exit code and the line to print with it.

        code, line: those of the program without regard to the jobs. If it was not stopped, the code
        becomes 0 if all jobs are done, else 1.
        """
        if self.queue is not None and code in (0, 1, 2):
            self.queue.wait()  # the launcher may give up when the first job is killed
        if self.gallery is not None:
            # do not make the mosaic after Ctrl-C
            stopped = None if code in (0, 1, 2) else KeyboardInterrupt
            self.gallery.__exit__(stopped, stopped and stopped(), None)
        results = {job.name: status_of(self.folder / job.name) for job in self.jobs}
        counts = {state: [s.state for s in results.values()].count(state) for state in JobState}
        summary = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        print(f"{printable(self.folder)}: {len(results)} job{'s' * (len(results) != 1)}: {summary}")
        for name, status in results.items():
            if status.state is not JobState.DONE:
                reason = status.line or REASONS.get(status.state, "")
                print(f"{status.state}: {name}{': ' * bool(reason)}{printable(reason)}")
        if self.queue is not None and (remaining := self.queue.jobs()):
            ids = " ".join(sorted(remaining))
            print(f"Slurm still has jobs of this sweep; to cancel them: scancel {ids}")
        if self.gallery is not None:
            print(f"side by side: {printable(self.folder / 'index.html')}")
        if code in (0, 1, 2):
            code = 0 if counts[JobState.DONE] == len(results) else 1
        return code, line


@dataclass(frozen=True)
class PlannedSweep:
    """A sweep whose jobs are only estimated."""

    folder: Path
    """Folder of the sweep."""
    jobs: Sequence[SweepJob]
    """Jobs that this command runs."""

    def ended(self, code: Any, line: str | None) -> tuple[Any, str | None]:
        """Print the total estimate of all jobs. Arguments and result as in RunningSweep.ended."""
        results = [read_forecast(self.folder / job.name) for job in self.jobs]
        forecasts = [forecast for forecast in results if forecast]
        count = f"{len(forecasts)} of {len(self.jobs)} jobs"
        print(f"{printable(self.folder)}: {count} {total_line(forecasts)}")
        if code in (0, 1, 2):
            code = 0 if len(forecasts) == len(self.jobs) else 1
        return code, line


STARTED: ContextVar[RunningSweep | PlannedSweep | None] = ContextVar("STARTED", default=None)
"""The sweep that this command started: Hydra returns nothing from its callbacks."""


class SweepCallback(Callback):
    """The callback that Hydra calls at the start of a sweep."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Plan the jobs and validate their settings before the first one starts.

        Exits with 2 for an error that the user can fix, and with 1 for an internal one.
        """
        try:
            _start_sweep(config)
        # Hydra would turn these exceptions into warnings and continue
        except (UserError, HydraException, OmegaConfBaseException) as error:
            end(2, error_line(error))
        except Exception:
            end(1, f"internal error, please report it:\n{traceback.format_exc()}")


def _start_sweep(config: DictConfig) -> None:
    folder, overrides = Path(config.hydra.sweep.dir), _job_overrides(config)
    launcher: Any = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    check_launcher(launcher)
    if kind_of(launcher) == SEQUENTIAL:  # others have processes of their own, which choose theirs
        choose_threads()
    _check(config, Plan.of(overrides, _earlier_plan(folder).keys).jobs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"sweep: {printable(folder)} must be a writable folder, got {error.strerror!r}; "
            "set sweep=ANOTHER_FOLDER"
        ) from error
    with exclusive(folder):  # another sweep may start in this folder at the same time
        earlier = _earlier_plan(folder)
        plan = Plan.of(overrides, earlier.keys)
        plan.and_before(earlier).write(folder)
    with read_write(config), open_dict(config):
        # becomes part of the settings of each job, as if given on the command line
        config.hydra.overrides.hydra.append(f"+hydra.sweep.keys={list(plan.keys)}")
    if config.plan is True:
        for job in plan.jobs:
            (folder / job.name / FILE).unlink(missing_ok=True)
        STARTED.set(PlannedSweep(folder, plan.jobs))
        return
    from pipeline.gallery import watch_sweep  # not needed for --help and TAB completion

    queue = Queue.of(folder) if kind_of(launcher) == SLURM else None
    # frame ranges of one video are joined, not compared side by side
    gallery = None if plan.keys == ("part",) else watch_sweep(folder)
    STARTED.set(RunningSweep(folder, plan.jobs, queue, gallery))
    if gallery is not None:
        gallery.__enter__()
    if queue is not None:
        queue.watch([folder / job.name for job in plan.jobs])


def _earlier_plan(folder: Path) -> Plan:
    """Return the plan in a sweep's folder; an empty one if there is none."""
    return read_plan(folder) if (folder / PLAN).exists() else Plan((), ())


def _job_overrides(config: DictConfig) -> list[list[str]]:
    """Return the overrides of each job, as Hydra's sweeper splits the command.

    Raises UserError if there are more than MOST_JOBS jobs.
    """
    params = (config.hydra.sweeper.get("params") or {}).items()
    override_strings = [*(f"{key}={value}" for key, value in params), *config.hydra.overrides.task]
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    parsed = parser.parse_overrides(override_strings)
    count = math.prod(map(_value_count, parsed))
    if count > MAX_JOBS:
        raise UserError(
            f"-m: must result in at most {MAX_JOBS} jobs, got {count}; set fewer values"
        )
    (jobs,) = BasicSweeper.split_arguments(parsed, None)
    return jobs


def _value_count(override: Override) -> int:
    """Return the number of values that a sweep gives to a setting."""
    value = override.value()
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if isinstance(value, RangeSweep) and value.start is not None and value.stop is not None:
        return max(0, math.ceil((value.stop - value.start) / (value.step or 1)))
    return 1


def _check(config: DictConfig, jobs: Sequence[SweepJob]) -> None:
    """Raise UserError unless every value of every setting in the sweep is valid."""
    from pipeline.config.compose import check

    loader = GlobalHydra.instance().config_loader()
    for job in _covering_jobs(jobs):
        composed = loader.load_sweep_config(config, list(job.overrides))
        choices: Any = OmegaConf.to_container(composed.hydra.runtime.choices)
        with read_write(composed), open_dict(composed):
            del composed["hydra"]
        check(composed, choices)


def _covering_jobs(jobs: Sequence[SweepJob]) -> Iterator[SweepJob]:
    """Yield enough of the jobs to cover each value of each setting at least once.

    Checking all of them would take a minute if there are hundreds.
    """
    seen: set[str] = set()
    for index, job in enumerate(jobs):
        if index == 0 or not seen.issuperset(job.overrides):
            seen.update(job.overrides)
            yield job


def _sweep_folder(name: str | None, now: str) -> str:
    """Return the folder of a sweep. name: None: it has no name. now: the current time."""
    return str(SWEEPS / now if name is None else Path(name))


def _job_folder(overrides: Sequence[str], keys: Sequence[str]) -> str:
    """Return the name of a job's folder."""
    return job_name(overrides, keys)


OmegaConf.register_new_resolver("sweep_folder", _sweep_folder, replace=True)
OmegaConf.register_new_resolver("job_folder", _job_folder, replace=True)

"""Hydra's side of a sweep: where its jobs lie, how they are called, and what is said in the end.

Imported wherever a job runs, for its folder is named there too.
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
from pipeline.config.hydra_config import error_line
from pipeline.config.launchers import SLURM, check_engine, kind_of
from pipeline.errors import UserError, printable
from pipeline.jobs.forecast import FILE, read_forecast, total_line
from pipeline.storage.lock import exclusive
from pipeline.sweep.plan import PLAN, JobState, Plan, SweepJob, job_name, read_plan, status_of
from pipeline.sweep.slurm import Queue

SWEEPS = Path("sweeps")
"""Where sweeps without a name lie."""
MOST_JOBS = 10_000
"""Of a sweep: its plan and its page hold all of them."""
REASONS = {
    JobState.MISSING: "not begun",
    JobState.KILLED: "the same command resumes it",
    JobState.STOPPED: "the same command resumes it",
}
"""What is said of jobs that say nothing themselves."""


@dataclass(frozen=True)
class RunningSweep:
    """A sweep that has begun."""

    folder: Path
    """Of the sweep."""
    jobs: Sequence[SweepJob]
    """Those of this command."""
    queue: Queue | None
    """Slurm's, None = another launcher runs the jobs."""
    gallery: AbstractContextManager[None] | None
    """Keeps the page up to date until it is left; None = there is no page."""

    def ended(self, code: Any, line: str | None) -> tuple[Any, str | None]:
        """Say what became of all jobs. code, line: how the program ended.

        Returns the exit code, and the line that is still to be said.
        """
        if self.queue is not None and code in (0, 1, 2):
            self.queue.wait()  # the engine may have given up at the first that was killed
        if self.gallery is not None:
            # who pressed Ctrl-C does not wait for the mosaic
            stopped = None if code in (0, 1, 2) else KeyboardInterrupt
            self.gallery.__exit__(stopped, stopped and stopped(), None)
        found = {job.name: status_of(self.folder / job.name) for job in self.jobs}
        counts = {state: [s.state for s in found.values()].count(state) for state in JobState}
        those = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        print(f"{printable(self.folder)}: {len(found)} job{'s' * (len(found) != 1)}: {those}")
        for name, status in found.items():
            if status.state is not JobState.DONE:
                reason = status.line or REASONS.get(status.state, "")
                print(f"{status.state}: {name}{': ' * bool(reason)}{printable(reason)}")
        if self.queue is not None and (left := self.queue.jobs()):
            print(f"Slurm still has jobs of it; to end them: scancel {' '.join(sorted(left))}")
        if self.gallery is not None:
            print(f"side by side: {printable(self.folder / 'index.html')}")
        if code in (0, 1, 2):
            code = 0 if counts[JobState.DONE] == len(found) else 1
        return code, line


@dataclass(frozen=True)
class PlannedSweep:
    """A sweep whose jobs only say what they would take."""

    folder: Path
    """Of the sweep."""
    jobs: Sequence[SweepJob]
    """Those of this command."""

    def ended(self, code: Any, line: str | None) -> tuple[Any, str | None]:
        """Say what all would take together; as of Sweep."""
        found = [read_forecast(self.folder / job.name) for job in self.jobs]
        forecasts = [forecast for forecast in found if forecast]
        count = f"{len(forecasts)} of {len(self.jobs)} jobs"
        print(f"{printable(self.folder)}: {count} {total_line(forecasts)}")
        if code in (0, 1, 2):
            code = 0 if len(forecasts) == len(self.jobs) else 1
        return code, line


STARTED: ContextVar[RunningSweep | PlannedSweep | None] = ContextVar("STARTED", default=None)
"""The sweep that this command started: Hydra hands nothing back from its callbacks."""


class SweepCallback(Callback):
    """What Hydra calls when a sweep begins."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Name the jobs and try what they say, before the first begins."""
        try:
            _begin(config)
        # Hydra would make a warning of any of these, and go on
        except (UserError, HydraException, OmegaConfBaseException) as error:
            end(2, error_line(error))
        except Exception:
            end(1, f"internal error, please report it:\n{traceback.format_exc()}")


def _begin(config: DictConfig) -> None:
    folder, overrides = Path(config.hydra.sweep.dir), _overrides(config)
    launcher: Any = OmegaConf.to_container(config.hydra.launcher, resolve=True)
    check_engine(launcher)
    _check(config, Plan.of(overrides, _earlier(folder).keys).jobs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"sweep: {printable(folder)} must be a folder that can be written, got "
            f"{error.strerror!r}; name another"
        ) from error
    with exclusive(folder):  # another sweep may begin in this folder at the same moment
        earlier = _earlier(folder)
        plan = Plan.of(overrides, earlier.keys)
        plan.and_before(earlier).write(folder)
    with read_write(config), open_dict(config):
        # goes into the settings of each job, as if it had been said on the command line
        config.hydra.overrides.hydra.append(f"+hydra.sweep.keys={list(plan.keys)}")
    if config.plan is True:
        for job in plan.jobs:
            (folder / job.name / FILE).unlink(missing_ok=True)
        STARTED.set(PlannedSweep(folder, plan.jobs))
        return
    from pipeline.gallery import watch_sweep  # what --help and TAB do without

    queue = Queue.of(folder) if kind_of(launcher) == SLURM else None
    # parts of one video are to be joined, and nobody chooses among them
    gallery = None if plan.keys == ("part",) else watch_sweep(folder)
    STARTED.set(RunningSweep(folder, plan.jobs, queue, gallery))
    if gallery is not None:
        gallery.__enter__()
    if queue is not None:
        queue.watch([folder / job.name for job in plan.jobs])


def _earlier(folder: Path) -> Plan:
    """Return the plan that lies in a sweep's folder; an empty one if none does."""
    return read_plan(folder) if (folder / PLAN).exists() else Plan((), ())


def _overrides(config: DictConfig) -> list[list[str]]:
    """Return what each job sets, as Hydra's own sweeper takes the command apart."""
    params = (config.hydra.sweeper.get("params") or {}).items()
    said = [*(f"{key}={value}" for key, value in params), *config.hydra.overrides.task]
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    parsed = parser.parse_overrides(said)
    count = math.prod(map(_choices, parsed))
    if count > MOST_JOBS:
        raise UserError(f"-m: must give at most {MOST_JOBS} jobs, got {count}; give fewer values")
    (jobs,) = BasicSweeper.split_arguments(parsed, None)
    return jobs


def _choices(override: Override) -> int:
    """Return how many values a sweep gives a setting."""
    value = override.value()
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if isinstance(value, RangeSweep) and value.start is not None and value.stop is not None:
        return max(0, math.ceil((value.stop - value.start) / (value.step or 1)))
    return 1


def _check(config: DictConfig, jobs: Sequence[SweepJob]) -> None:
    """Check that every value is right that a job sets. Raises UserError."""
    from pipeline.config.compose import check

    loader = GlobalHydra.instance().config_loader()
    for job in _covering(jobs):
        composed = loader.load_sweep_config(config, list(job.overrides))
        choices: Any = OmegaConf.to_container(composed.hydra.runtime.choices)
        with read_write(composed), open_dict(composed):
            del composed["hydra"]
        check(composed, choices)


def _covering(jobs: Sequence[SweepJob]) -> Iterator[SweepJob]:
    """Of the jobs so many that each value of each setting is met once: to try them all would take
    a minute where there are hundreds.
    """
    met: set[str] = set()
    for job in jobs:
        if not met.issuperset(job.overrides):
            met.update(job.overrides)
            yield job


def _sweep_folder(name: str | None, now: str) -> str:
    """Return where a sweep of that name lies; None = it has none."""
    return str(SWEEPS / now if name is None else Path(name))


def _job_folder(overrides: Sequence[str], keys: Sequence[str]) -> str:
    """Return the name of a job's folder."""
    return job_name(overrides, keys)


OmegaConf.register_new_resolver("sweep_folder", _sweep_folder, replace=True)
OmegaConf.register_new_resolver("job_folder", _job_folder, replace=True)

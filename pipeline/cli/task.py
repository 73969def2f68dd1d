"""One render as Hydra describes it, or one job of a sweep: composed, then run.

Importing this costs nothing: a worker of a sweep does so too, and --help and TAB never need torch.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pipeline.cli.exit_codes import end, print_line
from pipeline.errors import UserError, printable
from pipeline.sweep.job_status import RunningJob, run_job

log = logging.getLogger("pipeline")

ONE_BY_ONE = ".BasicLauncher"
"""How the name of the launcher ends that runs a job behind the other."""


def task(cfg: DictConfig) -> None:
    """Render what this configuration describes."""
    _warn_of_a_namesake(Path.cwd())
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.MULTIRUN:
        folder = Path(os.path.relpath(hydra.runtime.output_dir))
        # one after the other, the first line of each says whose the others are
        alone = str(hydra.launcher["_target_"]).endswith(ONE_BY_ONE)
        with _logged("" if alone else f"{folder.name}: "):
            log.info(f"job {folder.name}" if alone else "begins")
            _job(cfg, folder)
        return
    with _logged():
        try:
            _check_single(cfg, str(hydra.launcher["_target_"]))
            _rendered(cfg)
        except UserError as error:
            # raised on, Hydra would print two lines of its own before ours
            end(2, str(error))
        except Exception:
            end(1, f"internal error, please report it:\n{traceback.format_exc()}")


def _check_single(cfg: DictConfig, launcher: str) -> None:
    """Check that this says nothing that only a sweep has a use for. Raises UserError."""
    said = "sweep" if cfg.get("sweep") is not None else "hydra/launcher"
    if said == "sweep" or not launcher.endswith(ONE_BY_ONE):
        raise UserError(f"{said}: must go with a sweep, got a single render; run dreamreel -m ...")


def _job(cfg: DictConfig, folder: Path) -> None:
    """The job of a sweep in that folder. What becomes of it is noted there, however it ends.

    An error goes no further: it is said here, and the other jobs go on.
    """
    try:
        with run_job(folder) as job:
            job.line = _rendered(cfg, job)
    except UserError as error:
        log.error("%s", error)
    except Exception:
        log.error("internal error, please report it:\n%s", traceback.format_exc())
    else:
        if job.stop:
            raise KeyboardInterrupt("stopped after that job; the same command resumes")


def _rendered(cfg: DictConfig, job: RunningJob | None = None) -> str:
    """Render; what it came to. Raises UserError for all that the user can fix."""
    from pipeline.runtime.oom import oom_as_user_error  # and with it torch

    with oom_as_user_error():
        line = _run(cfg, job)
    print_line(line)
    return line


def _run(cfg: DictConfig, running: RunningJob | None) -> str:
    """Compose the job and run it; return its summary. running: as a job of a sweep, None = not."""
    from pipeline.config.compose import compose_config
    from pipeline.jobs import job as single
    from pipeline.jobs import stills
    from pipeline.jobs.estimate import estimate

    choices: Any = OmegaConf.to_container(HydraConfig.get().runtime.choices)
    folder = None if running is None else running.folder
    job = compose_config(cfg, choices, folder=folder, own_process=True)
    if job.plan:
        forecast = estimate(job)
        if folder is not None:  # the sweep sums them up
            forecast.write(folder)
        return forecast.line(job.output)
    if running is not None and running.is_done(job.output, job.fingerprint.facts):
        return f"{running.line} (was done)"
    if job.stills is not None:
        return stills.stills_summary(stills.run_stills(job))
    outcome = single.run(job)
    if running is not None:
        running.stop = outcome.stop
    return single.summary(outcome)


def _warn_of_a_namesake(folder: Path) -> None:
    """Say so if another `pipeline` lies in the current folder: workers would import that one."""
    ours = Path(__file__).resolve().parent.parent
    for other in (folder / "pipeline.py", folder / "pipeline"):
        if other.exists() and other.resolve() != ours:
            print(
                f"warning: {printable(other)} has our package's name; run elsewhere",
                file=sys.stderr,
            )


@contextmanager
def _logged(whose: str = "") -> Iterator[None]:
    """Lines of the log on stderr while a job runs. whose: what each begins with."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"{whose.replace('%', '%%')}%(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)

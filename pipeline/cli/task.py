"""Hydra's task function: composes and runs one render, or one job of a sweep.

The import is cheap, because workers of a sweep need it too, and --help and TAB completion must not
load torch.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pipeline.cli.exit_codes import end, print_text
from pipeline.cli.threads import choose_threads
from pipeline.config.launchers import SEQUENTIAL, kind_of
from pipeline.errors import OutputExistsError, UserError, printable
from pipeline.sweep.job_status import RunningJob, run_job

log = logging.getLogger("pipeline")

KEEP_EXISTING: ContextVar[bool] = ContextVar("keep_existing", default=False)
"""Whether a render whose result exists is left out, since it is one of several."""


def task(cfg: DictConfig) -> None:
    """Run the render, or the job of a sweep, that this configuration describes."""
    _warn_of_shadowing_package(Path.cwd())
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.MULTIRUN:
        folder = Path(os.path.relpath(hydra.runtime.output_dir))
        # sequential jobs need no prefix: the first line of each names the job
        sequential = kind_of(hydra.launcher) == SEQUENTIAL
        with log_to_stderr("" if sequential else f"{folder.name}: "):
            log.info(f"job {folder.name}" if sequential else "started")
            _run_sweep_job(cfg, folder)
        return
    with log_to_stderr():
        try:
            _check_single(cfg, kind_of(hydra.launcher))
            _render(cfg)
        except OutputExistsError as error:
            if not KEEP_EXISTING.get():
                end(2, str(error))
            log.info("%s: exists already and is kept; add -y to replace it", error.name)
        except UserError as error:
            # if it were raised, Hydra would print two lines of its own before it
            end(2, str(error))
        except Exception:
            end(1, f"internal error, please report it:\n{traceback.format_exc()}")


def _check_single(cfg: DictConfig, launcher: str) -> None:
    """Raise UserError if a single render has settings that only apply to a sweep.

    launcher: class name of Hydra's launcher.
    """
    key = "sweep" if cfg.get("sweep") is not None else "hydra/launcher"
    if key == "sweep" or launcher != SEQUENTIAL:
        raise UserError(
            f"{key}: must be used with -m (a sweep), got a single render; add -m to the command"
        )


def _run_sweep_job(cfg: DictConfig, folder: Path) -> None:
    """Run the job of a sweep in this folder, where its status is recorded however it ends.

    Errors are logged, not raised, so that the other jobs continue. Raises KeyboardInterrupt if the
    user pressed Ctrl-C too late to stop this job.
    """
    try:
        with run_job(folder) as job:
            job.line = _render(cfg, job)
    except UserError as error:
        log.error("%s", error)
    except Exception:
        log.error("internal error, please report it:\n%s", traceback.format_exc())
    else:
        if job.stop:
            raise KeyboardInterrupt("stopped after this job; run the same command again to resume")


def _render(cfg: DictConfig, job: RunningJob | None = None) -> str:
    """Render, then print and return the summary. Raises UserError for what the user can fix."""
    choose_threads()
    from pipeline.runtime.oom import oom_as_user_error  # imports torch

    with oom_as_user_error():
        line = _run(cfg, job)
    print_text(line, "the render itself is complete")
    return line


def _run(cfg: DictConfig, running: RunningJob | None) -> str:
    """Compose the job, run it and return its summary.

    running: status of the sweep's job. None: a single render. Raises UserError.
    """
    from pipeline.config.compose import compose_config
    from pipeline.jobs import job as single
    from pipeline.jobs import stills
    from pipeline.jobs.estimate import estimate
    from pipeline.jobs.source_preview import write_source_preview
    from pipeline.jobs.summary import summary

    choices: Any = OmegaConf.to_container(HydraConfig.get().runtime.choices)
    folder = None if running is None else running.folder
    job = compose_config(cfg, choices, folder=folder, own_process=True)
    if job.plan:
        forecast = estimate(job)
        if folder is not None:  # the sweep adds them up
            forecast.write(folder)
        return forecast.line(job.output)
    if running is not None and running.is_done(job.output, job.fingerprint.facts):
        return f"{running.line} (already done)"
    if job.stills is not None:
        return summary(stills.run_stills(job))
    if job.film:
        from pipeline.explain.film import class_maps, explain_film

        maps = class_maps(job)
    outcome = single.run(job)
    line = summary(outcome)
    if job.film:
        log.info("%s", line)
        film = explain_film(outcome.output, maps, overwrite=job.overwrite)
        line = f"{line}; what the network sees: {printable(film)}"
    if running is not None:
        running.stop = outcome.stop
        write_source_preview(job)
    return line


def _warn_of_shadowing_package(folder: Path) -> None:
    """Print a warning if the current folder has a `pipeline` that workers would import instead."""
    ours = Path(__file__).resolve().parent.parent
    for other in (folder / "pipeline.py", folder / "pipeline"):
        if other.exists() and other.resolve() != ours:
            print(
                f"warning: {printable(other)} has the name of dreamreel's package, which may be "
                "imported from there by mistake; rename it, or run dreamreel in another folder",
                file=sys.stderr,
            )


@contextmanager
def log_to_stderr(whose: str = "") -> Iterator[None]:
    """Print the log on stderr inside the block. whose: prefix of each line."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"{whose.replace('%', '%%')}%(message)s"))
    handler.setLevel(logging.INFO)
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)  # for render.log, which has a line of progress now and then
    try:
        yield
    finally:
        log.removeHandler(handler)

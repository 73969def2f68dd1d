"""The command dreamreel: runs Hydra, and turns exceptions into exit codes and messages."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from pipeline.cli import multirun
from pipeline.cli.exit_codes import (
    STOPPED,
    check_current_folder,
    end,
    exit_cleanly_on_signals,
    open_standard_files,
)
from pipeline.cli.shorthand import each_input, expand
from pipeline.cli.task import KEEP_EXISTING, task
from pipeline.config.arguments import hydra_arguments
from pipeline.config.conf_dir import config_dir
from pipeline.config.hydra_config import error_line
from pipeline.errors import UserError, printable


def main() -> NoReturn:
    """Run the command line and exit.

    Exit codes: 0 done, 1 internal error, 2 error that the user can fix, 129 end of the terminal,
    130 Ctrl-C, 143 SIGTERM. A sweep exits with 1 if any of its jobs is not done. State of an
    earlier call in this process is reset.
    """
    open_standard_files()
    GlobalHydra.instance().clear()
    multirun.STARTED.set(None)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise errors unchanged; `_run` makes them one line
    exit_cleanly_on_signals()
    try:
        renders = each_input(sys.argv[1:])
    except UserError as error:
        end(2, str(error))
    if len(renders) > 1:
        end(*_run_each(renders))
    (arguments,) = renders.values()
    code, line = _run(arguments)
    sweep = multirun.STARTED.get()
    if sweep is not None:
        code, line = sweep.ended(code, line)
    end(code, line)


def _run_each(renders: Mapping[str, Sequence[str]]) -> tuple[int, str | None]:
    """Render several inputs one after another, and return the exit code and the line to print.

    renders: the arguments for each input. An input that fails does not stop the others.
    """
    KEEP_EXISTING.set(True)
    failed: list[str] = []
    for number, (name, arguments) in enumerate(renders.items(), 1):
        print(f"{number} of {len(renders)}: {printable(name)}", file=sys.stderr, flush=True)
        GlobalHydra.instance().clear()
        code, line = _run(arguments)
        if code in STOPPED:
            return code, line
        if code:
            failed.append(printable(name))
            if line:
                print(line, file=sys.stderr, flush=True)
    done = f"{len(renders)} inputs: {len(renders) - len(failed)} done"
    if not failed:
        return 0, done
    return 1, f"{done}, {len(failed)} failed: {', '.join(failed)}"


def _run(arguments: Sequence[str]) -> tuple[Any, str | None]:
    """Return the exit code and the line to print. None: the message in STOPPED for this code."""
    try:
        check_current_folder()
        sys.argv[1:] = hydra_arguments(expand(arguments))
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")(task)()
    except KeyboardInterrupt as stop:
        return 130, str(stop) or None
    except SystemExit as ended:
        return ended.code, None
    except (UserError, HydraException, OmegaConfBaseException) as error:
        return 2, error_line(error)
    except BrokenPipeError:
        return 1, None
    except Exception as error:
        if multirun.STARTED.get() is not None:  # not a job's: those are in its status
            reason = printable(" ".join(str(error).split())[:300])
            return 1, (
                f"hydra/launcher: must run all jobs, got {type(error).__name__}: {reason}; "
                "run the same command again to resume"
            )
        return 1, f"internal error, please report it:\n{traceback.format_exc()}"
    return 0, None

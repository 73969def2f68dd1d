"""The entry point: help, versions and subcommands, and else a render or a sweep through Hydra.

Each of them is imported when it is asked for: Hydra takes half a second, torch four.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from pipeline.cli import info
from pipeline.cli.exit_codes import check_current_folder, end, open_standard_files, print_text
from pipeline.cli.help import help_of, usage
from pipeline.cli.shorthand import is_file_name
from pipeline.cli.threads import choose_threads
from pipeline.config.hydra_flags import full_option
from pipeline.errors import UserError, did_you_mean, printable

COMMANDS = {
    "list": "listing",
    "atlas": "atlas",
    "explain": "explain",
    "gallery": "gallery",
    "plot-schedule": "plot_schedule",
    "save-look": "save_look",
    "shots": "shots",
    "table": "table",
}
"""Subcommand -> module of this package with its `main(arguments)`."""
DREAMING = ("atlas", "explain", "shots")
"""Subcommands that load torch when they are imported."""
HELP = ("--help", "-h")
HYDRA_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
"""What Hydra's own --info takes; without it, --info is ours."""


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 internal error, 2 an error that the user can fix."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in COMMANDS:
        run_command(arguments[0], arguments[1:])
    open_standard_files()
    try:
        if _print_text(arguments):
            sys.exit(0)
    except UserError as error:
        end(2, str(error))
    from pipeline.cli.app import main as render  # Hydra

    render()


def run_command(command: str, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a subcommand and exit. arguments: None: those of the process."""
    open_standard_files()
    words = sys.argv[1:] if arguments is None else list(arguments)
    if command in DREAMING and not any(word.startswith("hydra/launcher=") for word in words):
        choose_threads()
    module = import_module(f"pipeline.cli.{COMMANDS[command]}")
    try:
        check_current_folder()
        module.main(words)
    except UserError as error:
        end(2, str(error))
    except KeyboardInterrupt as stop:
        end(130, str(stop))
    except Exception:
        end(1, f"internal error, please report it:\n{traceback.format_exc()}")
    sys.exit(0)


def gallery() -> NoReturn:
    """Run `dreamreel-gallery`, the earlier name of `dreamreel gallery`."""
    run_command("gallery")


def _print_text(arguments: Sequence[str]) -> bool:
    """Print help or versions and return True if that is asked for. Raises UserError."""
    if not arguments:
        raise UserError(usage())
    options = [full_option(word) for word in arguments if "=" not in word]
    flags = [option for option in options if option in (*HELP, "--version", "--info")]
    topics = [word for word in arguments if not word.startswith(("-", "input="))]
    if not flags:
        _check_command(arguments[0])
        return False
    check_current_folder()
    if flags[0] in HELP:
        print_text(help_of(topics))
    elif flags[0] == "--info" and topics and topics[0] in HYDRA_INFO:
        return False
    else:
        for line in info.version_lines() if flags[0] == "--version" else info.info_lines():
            print_text(line)
    return True


def _check_command(first: str) -> None:
    """Raise UserError if the first argument is a misspelt command."""
    near = did_you_mean(first, COMMANDS, "")
    if near and first.replace("-", "").isalpha() and not is_file_name(first):
        raise UserError(f"{printable(first)}: is not a command; {near}")

"""Options on the command line, such as --help and -m, as opposed to settings."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pipeline.config.documentation import top_level_names
from pipeline.config.synonyms import SETTINGS
from pipeline.errors import UserError, did_you_mean, printable

OPTIONS = {
    **dict.fromkeys(("--help", "-h", "--hydra-help", "--version", "--resolve"), 0),
    **dict.fromkeys(("--run", "-r", "--multirun", "-m", "--shell-completion", "-sc"), 0),
    **dict.fromkeys(("--cfg", "-c", "--package", "-p", "--info", "-i"), 1),
    **dict.fromkeys(("--config-dir", "-cd"), 1),
}
"""Option -> number of arguments that follow it. All but --config-dir are Hydra's. Hydra's options
that read settings from elsewhere or load a pickle (--experimental-rerun) are left out."""
FOLDER = "--config-dir"
"""The option that Hydra never sees: `untrusted.split_config_dir` reads it."""


def full_option(argument: str) -> str:
    """Return the option of OPTIONS that an argument names, maybe abbreviated; "" for any other."""
    name = argument.partition("=")[0]
    matches = _matches(name)
    return name if name in OPTIONS else matches[0] if len(matches) == 1 else ""


def _matches(name: str) -> list[str]:
    """Return the long options that begin with this name."""
    return [option for option in OPTIONS if len(name) > 2 and option.startswith(name)]


def _meant_by(argument: str) -> str:
    """Return the end of the error line for an unknown option: another one, or a setting."""
    name, _, value = argument.partition("=")
    key, value = name.lstrip("-").replace("-", "_"), value or "VALUE"
    meant = key if key in top_level_names() else SETTINGS.get(key, "")
    if meant:
        return f"set {printable(shlex.quote(f'{meant}={value}'))}, without dashes"
    return did_you_mean(name, _matches(name) or OPTIONS)


def split_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options with their arguments, and all other arguments, each in their order.

    Hydra accepts options before or after overrides, not among them. Long options may be
    abbreviated. Raises UserError for an option that is unknown or ambiguous.
    """
    options: list[str] = []
    others: list[str] = []
    skip = 0
    for argument in arguments:
        if skip:
            skip -= 1
            options.append(argument)
        elif argument.startswith("-"):
            name, option = argument.partition("=")[0], full_option(argument)
            if not option:
                raise UserError(f"{printable(name)}: is not an option; {_meant_by(argument)}")
            skip = 0 if "=" in argument else OPTIONS[option]
            name = FOLDER if option in (FOLDER, "-cd") else name
            options.append(name + argument.removeprefix(argument.partition("=")[0]))
        else:
            others.append(argument)
    return options, others

"""Hydra's own options on the command line, told from settings."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import UserError, hint, shown

OPTIONS = {
    **dict.fromkeys(("--help", "-h", "--hydra-help", "--version", "--resolve"), 0),
    **dict.fromkeys(("--run", "-r", "--multirun", "-m", "--shell-completion", "-sc"), 0),
    **dict.fromkeys(("--cfg", "-c", "--package", "-p", "--config-path", "-cp"), 1),
    **dict.fromkeys(("--config-name", "-cn", "--config-dir", "-cd", "--info", "-i"), 1),
    "--experimental-rerun": 1,
}
"""Hydra's own options -> how many of the arguments behind one belong to it."""


def parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options with what belongs to them, and all others, in their order.

    Hydra wants the options before or behind the others, not among them. Raises UserError.
    """
    options: list[str] = []
    others: list[str] = []
    skip = 0
    for argument in arguments:
        if skip:
            skip -= 1
            options.append(argument)
        elif argument.startswith("-"):
            name = argument.partition("=")[0]
            fitting = [o for o in OPTIONS if o == name or (len(name) > 2 and o.startswith(name))]
            if not fitting:
                raise UserError(f"{shown(name)}: is no option; {hint(name, OPTIONS)}")
            skip = 0 if "=" in argument else OPTIONS[fitting[0]]
            options.append(argument)
        else:
            others.append(argument)
    return options, others

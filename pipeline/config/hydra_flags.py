"""Hydra's own options on the command line, told from settings."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.errors import UserError, did_you_mean, printable

OPTIONS = {
    **dict.fromkeys(("--help", "-h", "--hydra-help", "--version", "--resolve"), 0),
    **dict.fromkeys(("--run", "-r", "--multirun", "-m", "--shell-completion", "-sc"), 0),
    **dict.fromkeys(("--cfg", "-c", "--package", "-p", "--info", "-i"), 1),
    **dict.fromkeys(("--config-dir", "-cd"), 1),
}
"""Options -> how many of the arguments behind one belong to it. All but --config-dir are Hydra's;
left out are those of Hydra's that take settings from elsewhere, or run what a pickle says."""
FOLDER = "--config-dir"
"""The option that is read here, not by Hydra; the long ones may be cut short."""


def split_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options with what belongs to them, and all others, in their order.

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
            fitting = [o for o in OPTIONS if len(name) > 2 and o.startswith(name)]
            whole = name if name in OPTIONS else fitting[0] if len(fitting) == 1 else ""
            if not whole:
                raise UserError(
                    f"{printable(name)}: is no option; {did_you_mean(name, fitting or OPTIONS)}"
                )
            skip = 0 if "=" in argument else OPTIONS[whole]
            name = FOLDER if whole in (FOLDER, "-cd") else name
            options.append(name + argument.removeprefix(argument.partition("=")[0]))
        else:
            others.append(argument)
    return options, others

"""Short forms on the command line: `dreamreel clip.mp4 -o dream.mp4 -y`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.config.hydra_flags import OPTIONS, full_option
from pipeline.errors import UserError, printable

FLAGS = {"-o": "output", "--output": "output", "-y": "overwrite", "--yes": "overwrite"}
"""Option -> the setting that it stands for."""
KEY_VALUE = re.compile(r"[~+]*[A-Za-z_][\w.@/]*=")
"""How an argument begins that sets something; a URL may hold an equals sign too."""


def expand(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with a bare file name as input=, -o FILE as output= and -y.

    With -m, several files are several inputs. Raises UserError for a second input otherwise, and
    for -o without a file.
    """
    result: list[str] = []
    inputs: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        name, equals, value = argument.partition("=")
        if option := full_option(argument):
            result.append(argument)
            result += [next(remaining, "") for _ in range(0 if equals else OPTIONS[option])]
        elif FLAGS.get(name) == "overwrite":
            result.append("overwrite=true")
        elif name in FLAGS:
            file = value if equals else next(remaining, "")
            if not file or KEY_VALUE.match(file):
                raise UserError(f"{name}: must be followed by a file, got none; write {name} FILE")
            result.append(f"output={file}")
        elif _is_input(argument):
            inputs.append(argument)
            result.append(f"input={argument}")
        else:
            result.append(argument)
    if len(inputs) > 1:
        several = ",".join(inputs)
        sweeping = {"-m", "--multirun"} & {*map(full_option, arguments)}
        if sweeping and not any("," in name for name in inputs):
            bare = [f"input={name}" for name in inputs]
            return [*(word for word in result if word not in bare), f"input={several}"]
        raise UserError(
            f"input: must be one file, got {len(inputs)}; to render each of them: "
            f"dreamreel -m {printable(f'input={several}')!r}"
        )
    return result


def is_file_name(name: str) -> bool:
    """Return whether a file or folder with this name exists."""
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # a name that no disk can hold
        return False


def _is_input(argument: str) -> bool:
    """Return whether an argument names a file, existing or not, rather than a setting."""
    if argument.startswith(("-", "~")) and not argument.startswith("~/"):
        return False
    if KEY_VALUE.match(argument):
        return False
    return "://" in argument or "/" in argument or "." in argument or is_file_name(argument)

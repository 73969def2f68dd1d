"""Commands that render a job's video again at full length and size, to copy into a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from pipeline.sweep.override_grammar import is_quoted
from pipeline.sweep.plan import SweepJob

CLIPPED = ("start", "end", "frames")
"""Settings that select the few seconds that a sweep renders; a full render sets none of them."""
SIDES = ("width", "height")
APART = ("output", "sweep")
PLAIN = re.compile(r"(?!(?:null|true|false|nan|inf)$)[A-Za-z_./][\w./-]*", re.ASCII | re.IGNORECASE)
"""Text that means the same to Hydra with and without quotes."""


def from_job(folder: Path, job: SweepJob, keys: Sequence[str], suffix: str) -> str:
    """Return the command that takes its settings from the job, at full length and size.

    folder: folder of the sweep. keys: settings in which the jobs differ. suffix: of the output.
    """
    resets = [f"{key}=null" for key in ("start", "end", *_preview(job, keys))]
    return command(
        [f"from={folder / job.name}", *dict.fromkeys(resets), f"output={_output(job, suffix)}"]
    )


def full_size_command(job: SweepJob, keys: Sequence[str], suffix: str) -> str:
    """Return the command with all overrides of the job, at full length and size.

    keys: settings in which the jobs differ. suffix: of the output.
    """
    excluded = (*APART, *_preview(job, keys))
    arguments = [
        _without_quotes(word) for word in job.overrides if word.partition("=")[0] not in excluded
    ]
    return command([*arguments, f"output={_output(job, suffix)}"])


def _without_quotes(word: str) -> str:
    """Return KEY='VALUE' without Hydra's quotes, which the command line adds, if VALUE is plain."""
    key, equals, value = word.partition("=")
    plain = is_quoted(value) and PLAIN.fullmatch(value[1:-1])
    return f"{key}={value[1:-1]}" if equals and plain else word


def _preview(job: SweepJob, keys: Sequence[str]) -> list[str]:
    """Return the settings of a job that make its result shorter or smaller than the full one.

    Excludes width and height where both are set, since they choose an aspect ratio, and a side in
    which the jobs differ, since it is intended.
    """
    sides = job.settings(SIDES)
    smaller = [side for side in sides if len(sides) == 1 and side not in keys]
    return [*job.settings(CLIPPED), *smaller]


def command(words: Sequence[str]) -> str:
    """Return the shell command that runs dreamreel with these words as arguments."""
    return " ".join(["dreamreel", *map(shell_quote, words)])


def shell_quote(word: str) -> str:
    """Return the word quoted for a shell, without invisible or direction-changing characters.

    These are escaped (Boucher and Anderson, Trojan Source, 2021), in the form $'...' that bash and
    zsh support.
    """
    if word.isprintable():
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(map(_escape, plain))}'"


def _escape(letter: str) -> str:
    """Return a printable character itself, another one as its UTF-8 bytes in octal escapes."""
    if letter.isprintable():
        return letter
    return "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogatepass"))


def _output(job: SweepJob, suffix: str) -> str:
    """Return an output named after the job.

    An empty suffix means a folder, whose name gets no dots, since they would look like a suffix.
    """
    return f"{job.name}{suffix}" if suffix else job.name.replace(".", "-")

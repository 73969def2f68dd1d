"""The commands that make a job's video once more, in full: to copy into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from pipeline.sweep.plan import SweepJob

CLIPPED = ("start", "end", "frames")
"""Settings that choose the few seconds that a sweep looks at: in full there are none."""
SIDES = ("width", "height")
APART = ("output", "sweep")


def from_job(folder: Path, job: SweepJob, keys: Sequence[str], suffix: str) -> str:
    """By the settings of the job in that folder, whatever they are, at full length and size.

    keys: settings in which the jobs differ. suffix: of what it makes.
    """
    whole = [f"{key}=null" for key in ("start", "end", *_preview(job, keys))]
    return command(
        [f"from={folder / job.name}", *dict.fromkeys(whole), f"output={_output(job, suffix)}"]
    )


def full_size_words(job: SweepJob, keys: Sequence[str], suffix: str) -> str:
    """By every setting that the job was given, at full length and size."""
    apart = (*APART, *_preview(job, keys))
    said = [word for word in job.overrides if word.partition("=")[0] not in apart]
    return command([*said, f"output={_output(job, suffix)}"])


def _preview(job: SweepJob, keys: Sequence[str]) -> list[str]:
    """Return the settings of a job that make its result shorter or smaller.

    Both sides together choose a shape, and a side in which the jobs differ was asked for.
    """
    sides = job.settings(SIDES)
    smaller = [side for side in sides if len(sides) == 1 and side not in keys]
    return [*job.settings(CLIPPED), *smaller]


def command(words: Sequence[str]) -> str:
    """Return a line for a shell in which each of these is a word."""
    return " ".join(["dreamreel", *map(shell_quote, words)])


def shell_quote(word: str) -> str:
    """Return the word as a shell reads it, and as one sees it: nothing in it is invisible or turns
    what is written around (Boucher and Anderson, Trojan Source, 2021). bash and zsh know the
    $'...'.
    """
    if word.isprintable():
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(map(_visible, plain))}'"


def _visible(letter: str) -> str:
    """Return itself, or its bytes in octal."""
    if letter.isprintable():
        return letter
    return "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogatepass"))


def _output(job: SweepJob, suffix: str) -> str:
    """Return named after the job; a folder's dots would look like a suffix."""
    return f"{job.name}{suffix}" if suffix else job.name.replace(".", "-")

"""The commands that make a job's video once more, in full: to copy into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from pipeline.sweep import Job

CLIPPED = ("start", "end", "frames")
"""Settings that choose the few seconds that a sweep looks at: in full there are none."""
APART = (*CLIPPED, "output", "sweep")


def from_job(folder: Path, job: Job, suffix: str) -> str:
    """By the settings of the job in that folder, whatever they are. suffix: of what it makes."""
    clipped = [key for key in CLIPPED if key != "frames" or job.settings([key])]
    whole = [f"{key}=null" for key in clipped]
    return command([f"from={folder / job.name}", *whole, f"output={_output(job, suffix)}"])


def in_full(job: Job, suffix: str) -> str:
    """By every setting that the job was given."""
    said = [word for word in job.overrides if word.partition("=")[0] not in APART]
    return command([*said, f"output={_output(job, suffix)}"])


def command(words: Sequence[str]) -> str:
    """A line for a shell in which each of these is a word."""
    return " ".join(["dreamreel", *map(quoted, words)])


def quoted(word: str) -> str:
    """The word as a shell reads it, and as one sees it: nothing in it is invisible or turns what
    is written around (Boucher and Anderson, Trojan Source, 2021). bash and zsh know the $'...'.
    """
    if word.isprintable():
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(map(_visible, plain))}'"


def _visible(letter: str) -> str:
    """Itself, or its bytes in octal."""
    if letter.isprintable():
        return letter
    return "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogatepass"))


def _output(job: Job, suffix: str) -> str:
    """Named after the job; a folder's dots would look like a suffix."""
    return f"{job.name}{suffix}" if suffix else job.name.replace(".", "-")

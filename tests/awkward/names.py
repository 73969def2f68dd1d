"""Names that mean something to a shell, a terminal, ffmpeg, Hydra or Python, and are but names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from helpers.clips import X264, counted

from awkward.case import Case, Refused, Right, counting

FIVE = counting(*X264, frames=5)
NAMES = {
    "a line break": "a\nb.mkv",
    "both quotes": 'it\'s "so".mkv',
    "bytes that are no text": os.fsdecode(b"\xff\xfe\x80.mkv"),
    "255 bytes": "x" * 251 + ".mkv",
    "255 bytes of other letters": "ü" * 125 + "x.mkv",
    "a number's pattern": "%d.mkv",
    "a shell's pattern": "*?[a-z].mkv",
    "an environment variable": "${oc.env:HOME}.mkv",
    "a dollar": "$HOME.mkv",
    "colours of a terminal": "\x1b[31mred\x1b[0m.mkv",
    "a bell and a backspace": "\a\b.mkv",
    "writing from the right": "\u202eabc.mkv",
    "commas and brackets": "a,b(c)[d]{e}.mkv",
    "blanks around it": "  a  .mkv",
    "an equals sign": "a=b.mkv",
    "a protocol": "concat:a|b.mkv",
    "a backslash": "a\\b.mkv",
    "a comment": "#a;b&c.mkv",
}
ELSEWHERE = "$*ü =#"
"""How names begin that are much like those of test_main_names.py."""
HERE = {"a dash in front": "-i.mkv", "two dashes": "--help.mkv", "a tilde inside": "a~b.mkv"}
"""Names that are told without their folder."""


def beside(name: str) -> Callable[[Path], object]:
    """Makes the file in the folder where the command runs."""
    return lambda path: counted(path.parent.parent / name, *X264, frames=5)


def renamed(path: Path) -> None:
    """Makes the file under a name of which ffmpeg knows what to write."""
    counted(path.with_suffix(".mkv"), *X264, frames=5).rename(path)


def broken(path: Path) -> None:
    path.write_bytes(b"no video")


CASES = [
    Case("a name with no suffix", renamed, Right(range(5)), "null"),
    Case("a name with another suffix", renamed, Right(range(5)), "a.txt"),
    *(
        Case(f"a name with {what}", FIVE, Right(range(5)), file, slow=file[0] in ELSEWHERE)
        for what, file in NAMES.items()
    ),
    *(
        Case(f"a bare name with {what}", beside(file), Right(range(5)), given=file)
        for what, file in HERE.items()
    ),
    Case(
        "a name that forges a line of the log",
        broken,
        Refused(r"can decode, got made/a\\n.*done: all is well"),
        "a\ndone: all is well.mkv",
    ),
    Case(
        "a bad name with colours of a terminal",
        broken,
        Refused(r"can decode, got made/\\x1b\[31m"),
        "\x1b[31mred.mkv",
    ),
    Case(
        "a bad name of bytes that are no text",
        broken,
        Refused(r"can decode, got made/\\udcff"),
        os.fsdecode(b"\xff.mkv"),
    ),
    Case(
        "a title with colours of a terminal",
        counting(*X264, "-metadata", "title=\x1b[31mred\x1b[0m", frames=5),
        Right(range(5)),
    ),
    *(
        Case(f"an address by {protocol}", FIVE, Refused("No such file|the URL"), given=given)
        for protocol, given in {
            "concat": "concat:made/in.mkv|made/in.mkv",
            "file": "file:made/in.mkv",
            "http": "http://127.0.0.1:9/a.mkv",
            "a dash": "-",
            "a descriptor": "pipe:0",
        }.items()
    ),
]

"""The command line before Hydra reads it: names quoted, choices implied by suffix."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pipeline.config import from_result, untrusted
from pipeline.config.hydra_config import CHANGING, config_dir, schema
from pipeline.config.hydra_flags import split_options
from pipeline.errors import UserError, printable
from pipeline.image_io.suffixes import SUFFIXES, is_pictures
from pipeline.storage.file_names import check_name
from pipeline.sweep.override_grammar import is_quoted, quote

PATHS = (
    "input",
    "output",
    "audio",
    "mask",
    "guide",
    "from",
    "sweep",
    "model.weights",
    "model.labels",
)
"""Keys whose value is a file name, whatever characters it has."""

ENCODERS = {
    ".mp4": "h264",
    ".mov": "prores",
    ".mkv": "ffv1",
    ".webm": "webm",
    ".gif": "gif",
    ".png": "images",
    ".jpg": "images",
    ".jpeg": "images",
    ".tif": "images",
    ".tiff": "images",
    ".webp": "images",
    "": "images",
}
"""The suffix of an output -> the encoder that is meant where none is named."""

OWN_SOURCE = ("zoom", "still", "visualise")
"""Recipes that say themselves what becomes of a picture."""

SCHEDULED = tuple(f"{group}." for group in CHANGING)
"""How settings begin that may change over time."""
SCHEDULE = re.compile(r"[()*+/:<>%]|\S \S")
"""What makes a value an expression or keyframes."""
VALUES = re.compile(r"(range|choice|glob|shuffle|sort|tag)\(")
"""How Hydra's own functions begin that give the values of a sweep."""
PARTS = re.compile(r"(?:[^,()'\"]|\([^()]*(?:\([^()]*\)[^()]*)*\)|'[^']*'|\"[^\"]*\")+")
"""Text without a comma but in brackets, two deep, or quotes."""

JOINTS = {
    "camera": ("sequence", "moves", None, "zoom+sway"),
    "objective": ("weighted", "terms", "weights", "norm+label"),
    "model": ("several", "models", None, "efficientnet_lite0+googlenet"),
}
"""Groups whose choices a plus joins -> the choice that holds them, its setting, the one of their
weights, an example."""

NO_TEXT = re.compile(r"[+-]?[\d._]*(e[+-]?\d+)?|null|true|false|[+-]?(inf|nan)", re.IGNORECASE)
"""A value that Hydra takes for a number, for a truth or for nothing."""


def hydra_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the arguments as Hydra reads them: from= written out, names quoted, choices implied.

    Presets of others that --config-dir names are registered with Hydra. Raises UserError.
    """
    start, said = from_result.split_from(arguments)
    before = [] if start is None else from_result.overrides_of_result(start, said)
    groups = [path.name for path in config_dir().iterdir()]
    folder, rest = untrusted.split_config_dir(prepared(said, groups, before))
    if folder is not None:
        untrusted.register(folder, schema())
    return rest


def prepared(
    arguments: Sequence[str], groups: Collection[str] = (), before: Sequence[str] = ()
) -> list[str]:
    """Return the arguments with file names quoted, source and encoder added where names imply them.

    Hydra's grammar gives ( ) [ ] { } , = ' and more a meaning, and refuses non-ASCII letters; in
    the value of a path they are just letters. A comma in a sweep (-m) parts values, unless a file
    of the whole name exists. groups: keys whose value is the name of a choice. before: what comes
    first and is prepared already. Raises UserError for an argument that is neither KEY=VALUE nor an
    option.
    """
    options, arguments = split_options(arguments)
    sweeping = any(option in ("-m", "--multirun") for option in options)
    for argument in arguments:
        _check_form(argument, sweeping=sweeping)
    arguments = [word for argument in arguments for word in _joined(argument)]
    quoted = [_quoted(argument, groups, sweeping=sweeping) for argument in arguments]
    return [*options, *before, *quoted, *_implied([*before, *arguments])]


def _check_form(argument: str, *, sweeping: bool) -> None:
    """Check that it is KEY=VALUE or ~KEY, and names of files such. Raises UserError."""
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+") in PATHS:
        names = value.split(",") if sweeping and equals else [value if equals else argument]
        for name in names:
            check_name(key.lstrip("+")[:80] if equals else "input", name)
    if not argument.startswith("~") and not equals:
        exists = argument != "" and Path(argument).exists()
        meant = f"input={argument}" if exists else f"{argument or 'KEY'}=VALUE"
        raise UserError(
            f"{printable(argument)!r}: must read KEY=VALUE, got no '='; set {printable(meant)}"
        )
    if argument.lstrip("+~").startswith("hydra.searchpath"):
        raise UserError(
            "hydra.searchpath: must be left out, got a folder of settings; use --config-dir DIR"
        )
    if argument.startswith("="):
        raise UserError(f"{printable(argument)!r}: must read KEY=VALUE, got no key; --help has all")


def _joined(argument: str) -> list[str]:
    """camera=zoom+sway as Hydra says it: a sequence, with each of them in its moves.

    Raises UserError for a plus that joins nothing.
    """
    key, _, value = argument.partition("=")
    if key not in JOINTS or "+" not in value:
        return [argument]
    choice, held, weighed, example = JOINTS[key]
    names = value.split("+")
    if not all(names):
        raise UserError(
            f"{key}: must name a choice before and behind each +, got {printable(value)!r}; "
            f"set {key}={example}"
        )
    parts = [f"+{key}@{key}.{held}.{name}={name}" for name in names]
    weights = [f"+{key}.{weighed}.{name}=1" for name in names] if weighed else []
    return [f"{key}={choice}", *parts, *weights]


def _quoted(argument: str, groups: Collection[str], *, sweeping: bool) -> str:
    key, equals, value = argument.partition("=")
    if key in groups and ("${" in value or (value[:1] == "[" and not _are_names(value))):
        raise UserError(
            f"{key}: must be the name of a choice, got {printable(value)[:80]}; set {key}=CHOICE, "
            "--help lists them"
        )
    if key in groups and equals and NO_TEXT.fullmatch(value):
        return f"{key}={quote(value)}"  # a choice by that name is looked for, and not found
    if equals and key.lstrip("+").startswith(SCHEDULED) and not is_quoted(value):
        return f"{key}={_scheduled(value, sweeping=sweeping)}"
    if not equals or key.lstrip("+") not in PATHS or value in ("", "null") or is_quoted(value):
        return argument
    if sweeping and "," in value and key != "sweep" and not Path(value).exists():
        parts = value.split(",")
        return f"{key}=" + ",".join(p if is_quoted(p) else quote(_at_home(p)) for p in parts)
    return f"{key}={quote(_at_home(value))}"


def _are_names(value: str) -> bool:
    """Return whether this is a list of choices. Hydra fails on others."""
    names = [name.strip() for name in value.removeprefix("[").removesuffix("]").split(",")]
    return all(re.fullmatch(r"\w+", name) and not NO_TEXT.fullmatch(name) for name in names)


def _scheduled(value: str, *, sweeping: bool) -> str:
    """Return the value of a setting with the schedules in it quoted, which Hydra's grammar
    refuses."""
    if value[:1] == "[" and value[-1:] == "]":
        return f"[{','.join(_scheduled(item, sweeping=False) for item in _parted(value[1:-1]))}]"
    if value[:1] in ("{", "[") or "${" in value or not SCHEDULE.search(value):
        return value
    if sweeping and VALUES.match(value):
        return value
    if sweeping and ":" not in value:  # the commas of keyframes part no choices
        return ",".join(quote(item) if SCHEDULE.search(item) else item for item in _parted(value))
    return quote(value)


def _parted(text: str) -> list[str]:
    """Return the text between its commas, those within brackets or quotes left out."""
    return [part.strip() for part in PARTS.findall(text)]


def _at_home(name: str) -> str:
    """Return the file name with ~/ replaced: bash does that at the beginning of a word only."""
    home = name.startswith("~/") and not Path(name).exists()
    return str(Path(name).expanduser()) if home else name


def _implied(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the choices of groups that file names imply and that were not made."""
    given = dict(a.partition("=")[::2] for a in arguments if "=" in a)
    names = (given.get(key, "").strip("'\"") for key in ("input", "output"))
    input_, output = ("" if name == "null" else _at_home(name) for name in names)
    pictures = bool(input_) and is_pictures(input_) and given.get("recipe") not in OWN_SOURCE
    if "source" not in given and pictures:
        yield "source=images"
    # a look says itself what the dream should have more of
    if given.get("guide", "null") not in ("", "null") and not {"objective", "look"} & {*given}:
        yield "objective=guide"
    if "encoder" in given:
        return
    if output:
        suffix = Path(output).suffix.lower()
        if suffix in ENCODERS:
            yield f"encoder={ENCODERS[suffix]}"
        return
    photograph = pictures and Path(input_).suffix.lower() in SUFFIXES and "%" not in input_
    drawing = given.get("recipe") == "visualise" and given.get("frames", "1") == "1"
    if photograph or drawing:
        yield "encoder=images"


def check_suffix(output: Path, suffixes: Collection[str], choice: str) -> None:
    """Check that the encoder of that name can write an output of this one. Raises UserError.

    suffixes: of the outputs that it can write.
    """
    if output.name in ("", ".."):
        raise UserError(f"output: must be a file's name, got {str(output)!r}; set output=NAME.mp4")
    suffix = output.suffix.lower()
    if suffix in suffixes:
        return
    known = suffix in ENCODERS
    right = " or ".join(s or "nothing (a folder)" for s in (suffixes if known else ENCODERS))
    where = f" with encoder={choice}" if known else ""
    fix = f"rename it, or set encoder={ENCODERS[suffix]}" if known else "rename it"
    raise UserError(f"output: must end in {right}{where}, got {printable(output)}; {fix}")

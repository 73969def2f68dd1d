"""Preparation of the command line for Hydra: quotes file names, adds choices that they imply."""

from __future__ import annotations

import glob
import logging
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.config import from_result, own_presets, untrusted
from pipeline.config.conf_dir import config_dir
from pipeline.config.documentation import STAGES, top_level_names
from pipeline.config.fades import with_fades
from pipeline.config.hydra_config import SCHEDULABLE_GROUPS, schema
from pipeline.config.hydra_flags import FOLDER, split_options
from pipeline.config.parseq import overrides_of_parseq, split_parseq
from pipeline.config.preset_rules import USER_ONLY_KEYS
from pipeline.errors import UserError, printable
from pipeline.image_io.suffixes import SUFFIXES, is_pictures
from pipeline.storage.file_names import check_name
from pipeline.sweep.override_grammar import is_quoted, quote

log = logging.getLogger(__name__)

PATHS = (
    "input",
    "output",
    "audio",
    "midi",
    "mask",
    "guide",
    "from",
    "sweep",
    "model.weights",
    "model.labels",
)
"""Keys whose value is a file name, in which every character is literal."""

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
"""Suffix of an output -> the encoder that is used if none is chosen."""

STEMS = "++stems."
"""Beginning of an override for a further sound, which the user writes as audio.drums=drums.wav."""

FILM = {f"explain={value}": f"explain.film={value}" for value in ("true", "false")}
"""Short form of a setting -> the setting."""

OWN_SOURCE = ("zoom", "still", "visualise", "growth")
"""Recipes that choose the source of an input picture themselves."""

SCHEDULED = tuple(f"{group}." for group in SCHEDULABLE_GROUPS)
"""Prefixes of settings that may change over time."""
SCHEDULE = re.compile(r"[()*+/:<>%]|\S \S")
"""Characters by which a value is recognised as an expression or keyframes."""
VALUES = re.compile(r"(range|choice|glob|shuffle|sort|tag)\(")
"""The beginning of a call of one of Hydra's functions that give the values of a sweep."""
PARTS = re.compile(r"(?:[^,()'\"]|\([^()]*(?:\([^()]*\)[^()]*)*\)|'[^']*'|\"[^\"]*\")+")
"""Text without commas, except within quotes or parentheses that are nested at most twice."""

OWN_RUN_KEYS = ("device", "compile", "save_seconds")
"""Settings that the user's own defaults may set, though presets of others may not."""

JOINABLE = {
    "camera": ("sequence", "moves", None, "zoom+sway"),
    "objective": ("weighted", "terms", "weights", "norm+label"),
    "model": ("several", "models", None, "efficientnet_lite0+googlenet"),
}
"""Group whose choices can be joined by a plus -> the choice that combines them, its setting for
them, its setting for their weights (None: it has none), and an example."""

NON_STRING = re.compile(r"[+-]?[\d._]*(e[+-]?\d+)?|null|true|false|[+-]?(inf|nan)", re.IGNORECASE)
"""A value that Hydra parses as a number, a boolean or null."""


def hydra_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the arguments for Hydra: from= and from_parseq= expanded, names quoted, implied
    choices added.

    The user's own presets, and those in the folder that --config-dir names, are registered with
    Hydra. The user's own defaults apply unless from= is given. Raises UserError.
    """
    arguments = [FILM.get(word, word) for word in with_fades(arguments)]
    result_path, own_arguments = from_result.split_from(arguments)
    if result_path is None:
        before = _own_defaults(own_arguments)
    else:
        before = from_result.overrides_of_result(result_path, own_arguments)
    motion_path, own_arguments = split_parseq(own_arguments)
    if motion_path is not None:
        before = [*before, *overrides_of_parseq(motion_path, own_arguments)]
    groups = [path.name for path in config_dir().iterdir()]
    folder, rest = untrusted.split_config_dir(prepare(own_arguments, groups, before))
    untrusted.unregister()
    own_folder = own_presets.folder()
    folders = {printable(own_folder): own_folder} if any(own_folder.glob("*/*.yaml")) else {}
    if folder is not None:
        folders[FOLDER] = folder
    if folders:
        known = schema()
        for name, presets in folders.items():
            untrusted.register(presets, known, name=name)
    return rest


def _own_defaults(arguments: Sequence[str]) -> list[str]:
    """Return the user's own defaults for settings that the arguments do not set.

    GROUP.KEY is left out too if they choose for GROUP, or a recipe, which may choose for it.
    """
    given = {argument.lstrip("+~").partition("=")[0] for argument in arguments}
    chosen = {*STAGES} if "recipe" in given else given
    return [
        f"{key}={from_result.format_value(value, key)}"
        for key, value in own_presets.defaults({*USER_ONLY_KEYS} - {*OWN_RUN_KEYS}).items()
        if key not in given and not ("." in key and key.partition(".")[0] in chosen)
    ]


def prepare(
    arguments: Sequence[str], groups: Collection[str] = (), before: Sequence[str] = ()
) -> list[str]:
    """Return the arguments with file names and schedules quoted, and implied choices added.

    In Hydra's grammar ( ) [ ] { } , = ' and other characters are special, and non-ASCII letters are
    rejected; in the value of a path all of them are literal. In a sweep (-m) a comma separates
    values, unless a file with the complete name exists. groups: keys whose value is the name of a
    choice. before: prepared arguments to put first. Raises UserError for an argument that is
    neither KEY=VALUE, ~KEY nor an option.
    """
    options, arguments = split_options(arguments)
    sweeping = any(option in ("-m", "--multirun") for option in options)
    for argument in arguments:
        _check_form(argument, sweeping=sweeping)
    arguments = [
        f"{STEMS}{word.removeprefix('audio.')}" if word.startswith("audio.") else word
        for word in with_fades(_growing(arguments))
    ]
    arguments = [word for argument in arguments for word in _join_choices(argument)]
    quoted = [_quote_value(argument, groups, sweeping=sweeping) for argument in arguments]
    return [*options, *before, *quoted, *_implied_choices([*before, *arguments])]


def _growing(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments with recipe=growth for recipe=still if one picture becomes several."""
    given = dict(argument.partition("=")[::2] for argument in arguments)
    is_still = given.get("recipe") == "still" and _is_photograph(given.get("input", ""))
    snapshots = [int(number) for number in re.findall(r"\d+", given.get("snapshots", ""))]
    if not is_still or not (snapshots or _has_frames(given)):
        return arguments
    words = ["recipe=growth" if word == "recipe=still" else word for word in arguments]
    return words if "frames" in given else [*words, f"frames={max(snapshots)}"]


def _check_form(argument: str, *, sweeping: bool) -> None:
    """Raise UserError unless the argument is KEY=VALUE or ~KEY with valid file names."""
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+") in PATHS:
        names = value.split(",") if sweeping and equals else [value if equals else argument]
        for name in names:
            check_name(key.lstrip("+")[:80] if equals else "input", name)
    if not argument.startswith("~") and not equals:
        raise UserError(
            f"{printable(argument)!r}: must have the form KEY=VALUE, got no '='; "
            f"{_meant_by(argument)}"
        )
    if argument.lstrip("+~").startswith("hydra.searchpath"):
        raise UserError(
            f"hydra.searchpath: must not be set, got {printable(value)[:80]}; "
            "use --config-dir DIR instead"
        )
    if argument.startswith("="):
        raise UserError(
            f"{printable(argument)!r}: must have the form KEY=VALUE, got no key; "
            "--help all lists the keys"
        )


def _meant_by(word: str) -> str:
    """Return the end of the error line for a word that is neither a file nor KEY=VALUE."""
    path = Path(word)
    files = [path] if path.is_file() else [*path.parent.glob(f"{glob.escape(path.name)}.*")]
    if path.name and files:
        return f"set {printable(shlex.quote(f'input={min(files)}'))}"
    if word in top_level_names():
        return f"set {word}=VALUE"
    return "check the name of the file, or put quotes around KEY=VALUE if the value has blanks"


def _join_choices(argument: str) -> list[str]:
    """Return an argument such as camera=zoom+sway as overrides: a sequence with both as its moves.

    Any other argument is returned as it is. Raises UserError for a plus that lacks a choice on
    either side.
    """
    key, _, value = argument.partition("=")
    if key not in JOINABLE or "+" not in value:
        return [argument]
    choice, setting, weights_setting, example = JOINABLE[key]
    names = value.split("+")
    if not all(names):
        raise UserError(
            f"{key}: must name a choice on both sides of each +, got {printable(value)!r}; "
            f"set {key}={example}"
        )
    # one that is named again gets a number: label, label2
    members = [
        name + str(names[: place + 1].count(name)) * (name in names[:place])
        for place, name in enumerate(names)
    ]
    parts = [
        f"+{key}@{key}.{setting}.{member}={name}"
        for member, name in zip(members, names, strict=True)
    ]
    weights = [f"+{key}.{weights_setting}.{name}=1" for name in members] if weights_setting else []
    return [f"{key}={choice}", *parts, *weights]


def _quote_value(argument: str, groups: Collection[str], *, sweeping: bool) -> str:
    key, equals, value = argument.partition("=")
    if key in groups and ("${" in value or (value[:1] == "[" and not _are_names(value))):
        raise UserError(
            f"{key}: must be the name of a choice, got {printable(value)[:80]}; set {key}=CHOICE; "
            f"--help {key} lists them"
        )
    if key in groups and equals and NON_STRING.fullmatch(value):
        return f"{key}={quote(value)}"  # so that Hydra reports a choice that does not exist
    if equals and key.lstrip("+").startswith(SCHEDULED) and not is_quoted(value):
        return f"{key}={_schedule_text(value, sweeping=sweeping)}"
    is_path = key.lstrip("+") in PATHS or key.startswith(STEMS)
    if not equals or not is_path or value in ("", "null") or is_quoted(value):
        return argument
    if sweeping and "," in value and key != "sweep" and not Path(value).exists():
        parts = value.split(",")
        return f"{key}=" + ",".join(p if is_quoted(p) else quote(_expand_home(p)) for p in parts)
    return f"{key}={quote(_expand_home(value))}"


def _are_names(value: str) -> bool:
    """Return whether the value is a list of names of choices. Hydra fails on other lists."""
    names = [name.strip() for name in value.removeprefix("[").removesuffix("]").split(",")]
    return all(re.fullmatch(r"\w+", name) and not NON_STRING.fullmatch(name) for name in names)


def _schedule_text(value: str, *, sweeping: bool) -> str:
    """Return the value of a setting with quotes around schedules, which Hydra would not parse."""
    if is_quoted(value):
        return value
    if value[:1] == "[" and value[-1:] == "]":
        return f"[{','.join(_schedule_text(item, sweeping=False) for item in _split(value[1:-1]))}]"
    if value[:1] in ("{", "[") or "${" in value or not SCHEDULE.search(value):
        return value
    if sweeping and VALUES.match(value):
        return value
    if sweeping and ":" not in value:  # commas in keyframes separate no values
        return ",".join(quote(item) if SCHEDULE.search(item) else item for item in _split(value))
    return quote(value)


def _split(text: str) -> list[str]:
    """Return the text split at its commas, except those within parentheses or quotes."""
    return [part.strip() for part in PARTS.findall(text)]


def _expand_home(name: str) -> str:
    """Return the file name with ~/ expanded: bash does that only at the beginning of a word."""
    home = name.startswith("~/") and not Path(name).exists()
    return str(Path(name).expanduser()) if home else name


def _implied_choices(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the choices that file names imply, for groups whose choice is not given."""
    given = dict(a.partition("=")[::2] for a in arguments if "=" in a)
    names = (given.get(key, "").strip("'\"") for key in ("input", "output"))
    input_, output = ("" if name == "null" else _expand_home(name) for name in names)
    pictures = bool(input_) and is_pictures(input_) and given.get("recipe") not in OWN_SOURCE
    if "source" not in given and pictures:
        if "recipe" not in given and _is_photograph(input_) and _moves(given):
            log.warning("recipe=zoom is used, because a picture becomes a video only by a zoom")
            yield "recipe=zoom"
            pictures = False
        else:
            yield "source=images"
    # a look chooses the objective itself
    if given.get("guide", "null") not in ("", "null") and not {"objective", "look"} & {*given}:
        yield "objective=guide"
    if "encoder" in given:
        return
    if output:
        suffix = Path(output).suffix.lower()
        if suffix in ENCODERS:
            yield f"encoder={ENCODERS[suffix]}"
        return
    photograph = _is_photograph(input_) and pictures
    drawing = given.get("recipe") == "visualise" and given.get("frames", "1") == "1"
    if photograph or drawing:
        yield "encoder=images"


def _is_photograph(name: str) -> bool:
    """Return whether the input is a single picture."""
    return Path(name).suffix.lower() in SUFFIXES and "%" not in name and not Path(name).is_dir()


def _moves(given: Mapping[str, str]) -> bool:
    """Return whether the settings of a single picture ask for a video."""
    return given.get("camera", "still") != "still" or _has_frames(given)


def _has_frames(given: Mapping[str, str]) -> bool:
    """Return whether the settings ask for more than one frame."""
    frames = given.get("frames", "1")
    return frames.isdecimal() and int(frames) > 1


def check_suffix(output: Path, suffixes: Collection[str], choice: str) -> None:
    """Raise UserError unless the encoder can write an output with this suffix.

    suffixes: those that the encoder can write. choice: the name of the encoder.
    """
    if output.name in ("", ".."):
        raise UserError(f"output: must be a file name, got {str(output)!r}; set output=NAME.mp4")
    suffix = output.suffix.lower()
    if suffix in suffixes:
        return
    known = suffix in ENCODERS
    names = sorted(suffixes if known else ENCODERS, key=lambda suffix: not suffix)  # "" last
    *others, last = (name or "no suffix (a folder)" for name in names)
    allowed = f"{', '.join(others)} or {last}" if others else last
    where = f" with encoder={choice}" if known else ""
    fix = f"rename it, or set encoder={ENCODERS[suffix]}" if known else "rename it"
    raise UserError(f"output: must end in {allowed}{where}, got {printable(output)}; {fix}")

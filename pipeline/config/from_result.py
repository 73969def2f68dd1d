"""Settings of an earlier result, for a command to start from: from=SWEEP/JOB, from=x.mp4."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.hydra_config import GROUPS, config_dir, top_level_defaults, yaml_of
from pipeline.config.hydra_flags import split_options as options_and_others
from pipeline.config.provenance import BESIDE
from pipeline.config.untrusted import OF_THE_USER, REFERENCE, check_plain, split_config_dir
from pipeline.errors import UserError, printable
from pipeline.image_io.suffixes import is_pictures
from pipeline.storage.file_names import check_name
from pipeline.storage.work_dir import work_dir
from pipeline.sweep.override_grammar import quote
from pipeline.sweep.plan import PLAN, STATUS, read_plan, status_of

KEY = "from"
TARGET = "_target_"
PRESETS = ("recipe", "quality", "look", "experiment")
RECIPE = "recipe.yaml"
LARGEST = 1 << 18
"""Bytes of settings, at most."""
MOST_READ = 1 << 21
"""Bytes of a video's tags, as ffmpeg writes them, in which a comment is looked for."""
COMMENT = re.compile(r"^comment=((?:\\.|[^\\\n])*)", re.MULTILINE | re.IGNORECASE | re.DOTALL)
"""How ffmpeg writes that tag down; a backslash stands before what would mean something."""
PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
"""A name that Hydra's grammar takes as it is."""
Settings = Mapping[str, Any]


def split_from(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return the path that from= names, None = there is none, and all other arguments."""
    of, rest = None, []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key == KEY and equals:
            value = value.strip("'\"")
            of = None if value in ("", "null") else Path(value).expanduser()
        else:
            rest.append(argument)
    return of, rest


def overrides_of_result(path: Path, arguments: Sequence[str]) -> list[str]:
    """Return what makes a command's settings those of an earlier result, but for what it says
    itself.

    path: a job of a sweep, a work folder, a recipe.yaml, or a result that tells its settings.
    arguments: the command's own, as they were typed. Raises UserError.
    """
    check_name(KEY, path)
    settings = _settings(path)
    for group in GROUPS:
        if not isinstance(settings.get(group), dict) or TARGET not in settings[group]:
            raise UserError(
                f"{KEY}: must tell its {group}, got {printable(path)}; name another result"
            )
    for key in BESIDE:
        if settings.get(key) is not None:
            check_name(key, settings[key])
    settings = _at_hand(settings, path.parent)
    options, words = options_and_others(arguments)
    given = dict(argument.lstrip("+~").partition("=")[::2] for argument in words)
    apart = _said(given, settings, split_config_dir(options)[0])
    general = [key for key in top_level_defaults() if key not in OF_THE_USER and key in settings]
    found = [*_of_general(settings, general)]
    for group in GROUPS:
        if group not in apart:
            found += _of_group(group, settings)
    left = [(key, value) for key, value in found if not _covered(key.lstrip("+"), apart)]
    return [f"{key}={_text(value, key.lstrip('+'))}" for key, value in left]


def _settings(path: Path) -> dict[str, Any]:
    """Return the settings that lie there, resolved. Raises UserError if there are none."""
    if not path.exists():
        raise _none(path)
    whole = path.suffix == ".yaml" or path.is_dir()
    text = _recipe(path) if whole else _comment(path)
    if len(text) > LARGEST:
        raise _none(path)
    try:
        check_plain(text.encode(), f"{KEY}: the settings of {printable(path)}", ())
        settings = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise _none(path) from error
    if not isinstance(settings, dict):
        raise _none(path)
    # A recipe tells all settings; what is of its own render is left out. A result tells no such.
    for key in ("trust",) if whole else OF_THE_USER:
        if settings.get(key):
            raise UserError(
                f"{KEY}: {printable(path)} must not set {key}, which only the user may set, got "
                f"{printable(settings[key])[:80]}; name another result, or take {key} out of it"
            )
    return settings


def _recipe(path: Path) -> str:
    """Return the file, or that of a job or work folder. Raises UserError."""
    file = path
    if (path / STATUS).is_file():
        file = work_dir(path / (Path(status_of(path).output).name or "dream.mp4")) / RECIPE
    elif path.is_dir():
        file = path / RECIPE
    _check_regular(file, path)
    try:
        with file.open(encoding="utf-8") as stream:
            return stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise _none(path) from error


def _comment(path: Path) -> str:
    """Return the settings in a result's own comment. Raises UserError if it has none."""
    _check_regular(path, path)
    comment = _of_picture(path) if is_pictures(str(path)) else _of_video(path)
    first, _, text = comment[: LARGEST + 100].partition("\n")
    if not first.startswith("dreamreel "):
        raise _none(path)
    return text


def _of_picture(path: Path) -> str:
    """Return the comment of a picture. Raises UserError if it cannot be read."""
    from PIL import Image

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return str(image.info.get("comment", ""))
    except Exception as error:  # a header that is cut, a text that unpacks to too much ...
        raise _none(path) from error


def _of_video(path: Path) -> str:
    """Return the comment of a video. Raises UserError if it cannot be read."""
    from pipeline.ffmpeg.decoding import lines
    from pipeline.limits import Limits  # what --help and TAB do without

    limits = Limits(**top_level_defaults()["limits"])
    tags, size = [], 0
    with closing(lines(path, (), ("-f", "ffmetadata", "-"), limits)) as found:
        for line in found:
            tags.append(line)
            size += len(line) + 1
            if size > MOST_READ:
                break
    match = COMMENT.search(b"\n".join(tags)[:MOST_READ].decode("utf-8", "replace"))
    return re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL) if match else ""


def _check_regular(file: Path, path: Path) -> None:
    """Check that a file is no pipe and no device, which could block forever. Raises UserError."""
    if file.exists() and not file.is_file():
        raise _none(path)


def _none(path: Path) -> UserError:
    if not path.exists():
        got, fix = f"{printable(path)}, which is not there", "check the name"
    elif (path / PLAN).exists():
        jobs = [job.name for job in read_plan(path).jobs]
        first = printable(path / jobs[0]) if jobs else "SWEEP/JOB"
        got, fix = f"the whole sweep {printable(path)}", f"set from={first}"
    else:
        got, fix = f"{printable(path)}, which tells no settings", "name another"
    return UserError(
        f"{KEY}: must name a job of a sweep, a recipe.yaml, or a video or .png that dreamreel "
        f"made, got {got}; {fix}"
    )


def _at_hand(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the same, with files found beside the result where they are not found from here: a
    result tells their bare names.
    """
    found = {key: settings[key] for key in BESIDE if isinstance(settings.get(key), str)}
    nearby: dict[str, Any] = {
        key: str(folder / name)
        for key, name in found.items()
        if not Path(name).exists() and (folder / name).exists()
    }
    if "input" in nearby:  # the source has its name too
        source = settings["source"]
        named = {key: nearby["input"] for key, value in source.items() if value == found["input"]}
        nearby["source"] = source | named
    return settings | nearby


def _said(given: Mapping[str, str], settings: Settings, folder: Path | None) -> set[str]:
    """Return the settings, and whole groups, that a command with these arguments says itself.

    folder: of the user's own presets, None = there is none.
    """
    said = {key.partition("@")[0] for key in given}
    folders = [config_dir(), *([folder] if folder else [])]
    for preset in PRESETS:
        for name in given.get(preset, "").split(","):  # several, in a sweep
            paths = [place / preset / f"{name.strip()}.yaml" for place in folders]
            for path in filter(Path.is_file, paths if PLAIN.fullmatch(name.strip()) else ()):
                said |= _set_by(path)
    suffix = Path(given.get("output", "").strip("'\"")).suffix.lower()
    suffixes = settings["encoder"].get("suffixes")
    if "output" in given and (not isinstance(suffixes, list) or suffix not in suffixes):
        said.add("encoder")  # its name implies another
    if "input" in given and _choice("source", settings["source"]) in ("video", "images"):
        said.add("source")
    return said


def _set_by(path: Path) -> set[str]:
    """Return the settings and groups that a preset sets. Raises UserError if it is not plain."""
    content = path.read_bytes()[:LARGEST]
    try:
        check_plain(content, printable(path), top_level_defaults())
        held = yaml.safe_load(content) or {}
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(
            f"{printable(path)} must be yaml, got something else; correct it"
        ) from error
    if not isinstance(held, dict):
        return set()
    chosen = held.pop("defaults", None)
    said = {
        str(key).rpartition("/")[2]
        for choice in (chosen if isinstance(chosen, list) else ())
        if isinstance(choice, dict)
        for key in choice
    }
    said |= {key for key, _ in _leaves(held)}
    # the settings of an objective belong together
    return said | ({"objective"} & held.keys())


def _covered(key: str, said: Collection[str]) -> bool:
    """Return whether one of these settings is this one, or holds it."""
    parts = key.split(".")
    return any(".".join(parts[:end]) in said for end in range(1, len(parts) + 1))


def _of_general(settings: Settings, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    defaults = top_level_defaults()
    for key in keys:
        if settings[key] != defaults[key]:
            yield key, settings[key]


def _of_group(group: str, settings: Settings) -> Iterator[tuple[str, Any]]:
    """Yield the choice of a group, and where its settings differ from what that gives."""
    choice = _choice(group, settings[group])
    yield group, choice
    yield from _differing(settings[group], yaml_of(group, choice), group, settings)


def _choice(group: str, node: Settings) -> str:
    """Return the choice whose settings are the nearest. Raises UserError if there is none."""
    near = {}
    for path in sorted((config_dir() / group).glob("*.yaml")):
        held = yaml_of(group, path.stem)
        if held.get(TARGET) == node[TARGET]:
            near[path.stem] = sum(held.get(key) != value for key, value in node.items())
    if not near:
        raise UserError(
            f"{KEY}: must be of choices that are there, got {group}={printable(node[TARGET])}; "
            f"set {group}=CHOICE, or name another result"
        )
    return min(near, key=lambda name: near[name])


def _differing(
    node: Settings, base: Settings, place: str, settings: Settings
) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if not PLAIN.fullmatch(str(key)):
            raise _no_words(place, key)
        default, where = base.get(key, ...), f"{place}.{key}"
        reference = REFERENCE.fullmatch(default) if isinstance(default, str) else None
        if reference:
            default = settings.get(reference[1])
        if key == TARGET or default == value or (reference and reference[1] in OF_THE_USER):
            continue
        if isinstance(value, dict) and isinstance(default, dict):
            yield from _differing(value, default, where, settings)
        else:
            yield f"{'++' if default is ... else ''}{where}", value


def _leaves(node: Settings, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _text(value: Any, key: str) -> str:
    """Return the value in Hydra's grammar. Raises UserError for what that has no words for."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return f"[{','.join(_text(item, key) for item in value)}]"
    if isinstance(value, dict) and all(PLAIN.fullmatch(str(name)) for name in value):
        return f"{{{','.join(f'{name}:{_text(item, key)}' for name, item in value.items())}}}"
    raise _no_words(key, value)


def _no_words(key: str, value: object) -> UserError:
    return UserError(
        f"{KEY}: must tell plain settings, got {printable(value)[:60]} in {printable(key)}; "
        f"set {printable(key)}= yourself"
    )

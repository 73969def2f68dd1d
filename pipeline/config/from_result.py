"""Settings of an earlier result as the defaults of a command: from=SWEEP/JOB, from=x.mp4."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.config import own_presets
from pipeline.config.conf_dir import config_dir
from pipeline.config.documentation import PRESETS, STAGES
from pipeline.config.hydra_config import top_level_defaults, yaml_of
from pipeline.config.hydra_flags import split_options as options_and_others
from pipeline.config.plain_data import REFERENCE, check_plain
from pipeline.config.preset_rules import USER_ONLY_KEYS
from pipeline.config.provenance import INPUT_KEYS, MODEL_FILE_KEYS
from pipeline.config.result_settings import KEY, MAX_SETTINGS, TARGET, result_settings
from pipeline.config.untrusted import split_config_dir
from pipeline.errors import UserError, printable
from pipeline.storage.file_names import check_name
from pipeline.sweep.override_grammar import quote

SHAPING = (
    "octaves",
    "octave_scale",
    "step_size",
    "smoothing",
    "pyramid",
    "falloff",
    "decorrelation",
    "total_variation",
    "distance",
    "chroma",
)
"""Settings of a dreamer that belong to a look."""
PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
"""A name that needs no quotes in Hydra's grammar."""
Settings = Mapping[str, Any]


def split_from(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return the path that from= names (None if it is not given) and all other arguments."""
    result, rest = None, []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key == KEY and equals:
            value = value.strip("'\"")
            result = None if value in ("", "null") else Path(value).expanduser()
        else:
            rest.append(argument)
    return result, rest


def overrides_of_result(path: Path, arguments: Sequence[str]) -> list[str]:
    """Return the overrides that reproduce the settings of an earlier result.

    Settings that the command itself sets are left out. path: a job of a sweep, a work folder, a
    recipe.yaml, or a result with embedded settings. arguments: the command's own, as typed. Raises
    UserError.
    """
    settings = result_settings(path)
    for key in INPUT_KEYS:
        if settings.get(key) is not None:
            check_name(key, settings[key])
    settings = _resolve_paths(settings, path.parent)
    options, words = options_and_others(arguments)
    given = dict(argument.lstrip("+~").partition("=")[::2] for argument in words)
    explicit = _explicit_settings(given, settings, split_config_dir(options)[0])
    general = [key for key in top_level_defaults() if key not in USER_ONLY_KEYS and key in settings]
    found = [*_general_overrides(settings, general)]
    for group in STAGES:
        if group not in explicit:
            found += _group_overrides(group, settings)
    remaining = [(key, value) for key, value in found if not _is_covered(key.lstrip("+"), explicit)]
    return [f"{key}={format_value(value, key.lstrip('+'))}" for key, value in remaining]


def look_of_result(path: Path) -> dict[str, dict[str, Any]]:
    """Return the look of a result: group -> its "choice", and "settings" that differ from that.

    The groups are objective, model and dreamer. Of the latter only SHAPING is part of a look:
    the number of steps belongs to the quality. Raises UserError.
    """
    settings = result_settings(path)
    look: dict[str, dict[str, Any]] = {}
    for group in ("model", "objective", "dreamer"):
        (_, choice), *changed = _group_overrides(group, settings)
        look[group] = {"choice": choice, "settings": {}}
        for key, value in changed:
            *above, name = key.lstrip("+").split(".")[1:]
            if group == "dreamer" and name not in SHAPING:
                continue
            if group == "model" and name in MODEL_FILE_KEYS and value is not None:
                raise UserError(
                    f"{KEY}: must not use files of your own for a look, got "
                    f"model.{name}={printable(value)} in {printable(path)}; choose a result that "
                    "uses published weights"
                )
            inner = look[group]["settings"]
            for part in above:
                inner = inner.setdefault(part, {})
            inner[name] = value
    del look["dreamer"]["choice"]
    return look


def _resolve_paths(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the settings with the paths of input files that exist only in the result's folder.

    A result embeds the names of its files without their folders.
    """
    found = {key: settings[key] for key in INPUT_KEYS if isinstance(settings.get(key), str)}
    nearby: dict[str, Any] = {
        key: str(folder / name)
        for key, name in found.items()
        if not Path(name).exists() and (folder / name).exists()
    }
    stems = settings.get("stems")
    if isinstance(stems, Mapping):  # missing in results of earlier versions
        near = {k: str(folder / str(v)) for k, v in stems.items() if not Path(str(v)).exists()}
        nearby["stems"] = {**stems, **{k: v for k, v in near.items() if Path(v).exists()}}
    if "input" in nearby:  # the settings of the source contain it too
        source = settings["source"]
        source_paths = {
            key: nearby["input"] for key, value in source.items() if value == found["input"]
        }
        nearby["source"] = source | source_paths
    return settings | nearby


def _explicit_settings(
    given: Mapping[str, str], settings: Settings, folder: Path | None
) -> set[str]:
    """Return the settings, and the groups, that the command sets itself.

    given: key of an argument -> its value. settings: those of the result. folder: the user's own
    presets. None: no such folder.
    """
    said = {key.partition("@")[0] for key in given}
    folders = [config_dir(), own_presets.folder(), *([folder] if folder else [])]
    for preset in PRESETS:
        for name in given.get(preset, "").split(","):  # a sweep may name several
            paths = [place / preset / f"{name.strip()}.yaml" for place in folders]
            for path in filter(Path.is_file, paths if PLAIN.fullmatch(name.strip()) else ()):
                said |= _preset_settings(path)
    suffix = Path(given.get("output", "").strip("'\"")).suffix.lower()
    suffixes = settings["encoder"].get("suffixes")
    if "output" in given and (not isinstance(suffixes, list) or suffix not in suffixes):
        said.add("encoder")  # its suffix implies another encoder
    if (
        "input" in given
        and "source" not in said
        and _choice("source", settings["source"]) in ("video", "images")
    ):
        said.add("source")
    return said


def _preset_settings(path: Path) -> set[str]:
    """Return the settings and groups that a preset sets. Raises UserError if it is invalid."""
    content = path.read_bytes()[:MAX_SETTINGS]
    try:
        check_plain(content, printable(path), top_level_defaults())
        values = yaml.safe_load(content) or {}
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{printable(path)}: must be valid YAML, got: {printable(reason)[:160]}; correct it"
        ) from error
    if not isinstance(values, dict):
        return set()
    choices = values.pop("defaults", None)
    said = {
        str(key).rpartition("/")[2]
        for choice in (choices if isinstance(choices, list) else ())
        if isinstance(choice, dict)
        for key in choice
    }
    said |= {key for key, _ in _leaves(values)}
    # the settings of an objective belong together
    return said | ({"objective"} & values.keys())


def _is_covered(key: str, said: Collection[str]) -> bool:
    """Return whether `said` contains this setting or one that it is nested in."""
    parts = key.split(".")
    return any(".".join(parts[:end]) in said for end in range(1, len(parts) + 1))


def _general_overrides(settings: Settings, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    defaults = top_level_defaults()
    for key in keys:
        if settings[key] != defaults[key]:
            yield key, settings[key]


def _group_overrides(group: str, settings: Settings) -> Iterator[tuple[str, Any]]:
    """Yield the choice of a group, and the settings that differ from the choice's defaults."""
    choice = _choice(group, settings[group])
    yield group, choice
    yield from _differences(settings[group], yaml_of(group, choice), group, settings)


def _choice(group: str, node: Settings) -> str:
    """Return the choice with the same target whose settings differ least from `node`.

    Raises UserError if there is none.
    """
    mismatches = {}
    for path in sorted((config_dir() / group).glob("*.yaml")):
        values = yaml_of(group, path.stem)
        if values.get(TARGET) == node[TARGET]:
            mismatches[path.stem] = sum(values.get(key) != value for key, value in node.items())
    if not mismatches:
        raise UserError(
            f"{KEY}: must use choices that exist here, got {group}={printable(node[TARGET])}; "
            f"set {group}=CHOICE, or choose another result"
        )
    return min(mismatches, key=lambda name: mismatches[name])


def _differences(
    node: Settings, base: Settings, place: str, settings: Settings
) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if not PLAIN.fullmatch(str(key)):
            group = place.partition(".")[0]
            raise _unsupported_value(place, key, f"{group}=CHOICE")
        default, where = base.get(key, ...), f"{place}.{key}"
        reference = REFERENCE.fullmatch(default) if isinstance(default, str) else None
        if reference:
            default = settings.get(reference[1])
        if key == TARGET or default == value or (reference and reference[1] in USER_ONLY_KEYS):
            continue
        if isinstance(value, dict) and isinstance(default, dict):
            yield from _differences(value, default, where, settings)
        else:
            yield f"{'++' if default is ... else ''}{where}", value


def _leaves(node: Settings, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def format_value(value: Any, key: str) -> str:
    """Return the value in Hydra's grammar. Raises UserError if the grammar cannot express it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return f"[{','.join(format_value(item, key) for item in value)}]"
    if isinstance(value, dict) and all(PLAIN.fullmatch(str(name)) for name in value):
        return (
            f"{{{','.join(f'{name}:{format_value(item, key)}' for name, item in value.items())}}}"
        )
    raise _unsupported_value(key, value, f"{key}=VALUE")


def _unsupported_value(key: str, value: object, fix: str) -> UserError:
    return UserError(
        f"{KEY}: must contain only plain settings, got {printable(value)[:60]} in "
        f"{printable(key)}; set {printable(fix)}"
    )

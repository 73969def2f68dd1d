"""The rules by which the content of a preset of others is checked: what it may set, and where."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.config.plain_data import RefusedError
from pipeline.config.provenance import MODE_KEYS, RUN_KEYS
from pipeline.config.synonyms import near_choice, near_setting
from pipeline.errors import printable

USER_ONLY_KEYS = (*RUN_KEYS, *MODE_KEYS, "trust")
"""Settings that only the user may set: where output is written, how the program runs, and which
packages are trusted."""
SWEEP_KEY = re.compile(r"[a-z_]+(\.\w+)*")
"""The key of a setting that a sweep may vary."""
HEADER = re.compile(r"#\s*@\s*(\w+)\s*(.*)")
"""A comment in which a file names the package of its settings: # @package _global_."""
OVERRIDE = re.compile(r"override /([\w/]+)")
"""The key of an entry in a defaults list that overrides the choice of a group."""
MEMBER = re.compile(r"/(\w+)@(?:camera\.moves|objective\.terms|model\.models)\.\w+")
"""The key of an entry in a defaults list that adds one of several moves, terms or models."""


@dataclass(frozen=True)
class Schema:
    """The packaged settings, by which presets are validated."""

    choices: Mapping[str, frozenset[str]]
    """Group, named by its folder ("flow", "look", "quality/flow" ...) -> its choices."""
    keys: Mapping[str, frozenset[str]]
    """Group of a stage -> the settings of all its choices."""
    general: frozenset[str]
    """Settings that belong to no group."""


def check_preset(
    text: str,
    held: Mapping[Any, Any],
    group: str,
    schema: Schema,
    choices: Mapping[str, frozenset[str]],
) -> str:
    """Return the package that the settings of a preset belong to: its group or _global_.

    text: content of its file. held: the settings in it. group: group of the preset. choices: group
    -> the packaged choices and the presets of the same folder. Raises RefusedError unless the
    preset sets only what it may set.
    """
    is_stage_group = group in schema.keys
    package = _package(text, group if is_stage_group else "_global_")
    if package == group:
        _check_group(group, held, schema)
        _check_own_defaults(held.get("defaults"), schema.choices[group])
    else:
        _check_settings(held, group, schema, choices)
    return package


def _package(text: str, usual: str) -> str:
    """Return the package that the settings of a file belong to: `usual` or _global_.

    usual: the package of a file without a header. Raises RefusedError for any other package.
    """
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        found = HEADER.match(line.strip())
        if found is None:
            continue
        package_name = found[2].strip()
        if found[1] != "package" or package_name not in (usual, "_group_", "_global_"):
            raise RefusedError(
                f"must not have a header other than '# @package {usual}', got "
                f"{printable(line.strip())[:80]!r}; remove it"
            )
        return "_global_" if package_name == "_global_" else usual
    return usual


def _check_settings(
    held: Mapping[Any, Any], group: str, schema: Schema, choices: Mapping[str, frozenset[str]]
) -> None:
    """Raise RefusedError unless a preset sets only what it may set."""
    for key, value in held.items():
        if key == "defaults":
            _check_defaults(value, group, schema, choices)
        elif key == "hydra":
            for sweep_key in _sweep_keys(value):
                first, _, rest = sweep_key.partition(".")
                inner: Any = 0
                for name in reversed(rest.split(".") if rest else ()):
                    inner = {name: inner}
                _check_key(first, inner or {}, schema, {*choices})
        else:
            _check_key(key, value, schema, ())


def _check_key(key: object, value: object, schema: Schema, groups: Collection[str]) -> None:
    """Raise RefusedError unless a preset may set this key to this value.

    groups: groups whose name is a valid key too, for a sweep over their choices.
    """
    if key in USER_ONLY_KEYS:
        raise RefusedError(
            f"must not set {key}, which only the command line may set; remove it, and add "
            f"{key}=VALUE to the command"
        )
    if key in schema.keys:
        if not isinstance(value, dict):
            raise RefusedError(
                f"must contain settings of {key}, {key}: {{KEY: VALUE}}, got "
                f"{printable(value)[:80]}; to select a choice, write 'override /{key}: CHOICE' in "
                "its defaults"
            )
        _check_group(str(key), value, schema)
    elif key not in schema.general and key not in groups:
        known = {*schema.general, *schema.keys} - {*USER_ONLY_KEYS}
        raise RefusedError(f"must contain only existing settings, got {_unknown(key, known)}")


def _check_group(group: str, held: Mapping[Any, Any], schema: Schema) -> None:
    """Raise RefusedError unless the choices of a stage's group have all these settings.

    The settings of a custom stage (one with a _target_) are checked when it is built.
    """
    _check_inner(group, held)
    for key in () if "_target_" in held else held:
        if key not in schema.keys[group] and key != "defaults":
            known = [f"{group}.{name}" for name in schema.keys[group] if name[0] != "_"]
            raise RefusedError(
                f"must contain only existing settings, got {_unknown(f'{group}.{key}', known)}"
            )


def _check_inner(place: str, held: Mapping[Any, Any]) -> None:
    """Raise RefusedError if a nested setting is one that only the user may set."""
    for key, value in held.items():
        if key in RUN_KEYS:
            raise RefusedError(
                f"must not set {place}.{key}, which only the command line may set; remove it"
            )
        if isinstance(value, dict):
            _check_inner(f"{place}.{key}", value)


def _unknown(key: object, known: Iterable[str]) -> str:
    return f"{printable(key)}; {near_setting(str(key), sorted(known))}"


def _check_defaults(
    entries: object, group: str, schema: Schema, choices: Mapping[str, frozenset[str]]
) -> None:
    """Raise RefusedError unless a preset's defaults list only selects choices that exist."""
    allowed = {*schema.keys} | ({"recipe", "quality", "look"} if group == "experiment" else set())
    for entry in _entries(entries):
        if entry == "_self_":
            continue
        ((name, choice),) = (
            entry.items() if isinstance(entry, dict) and len(entry) == 1 else [(entry, None)]
        )
        found = OVERRIDE.fullmatch(str(name)) or MEMBER.fullmatch(str(name))
        if found is None or found[1] not in allowed:
            raise RefusedError(
                "must contain only 'override /GROUP: CHOICE' in its defaults, with a GROUP of "
                f"{', '.join(sorted(allowed))}, got {printable(entry)[:80]}; remove it"
            )
        if not isinstance(choice, str) or choice not in choices[found[1]]:
            raise RefusedError(
                "must select existing choices in its defaults, got "
                f"{found[1]}={printable(choice)[:80]}; "
                f"{near_choice(found[1], str(choice), sorted(choices[found[1]]))}"
            )


def _check_own_defaults(entries: object, choices: frozenset[str]) -> None:
    """Raise RefusedError unless the defaults list of a stage's preset names packaged choices only.

    choices: the packaged choices of the preset's group.
    """
    for entry in _entries(entries):
        if entry != "_self_" and entry not in choices:
            raise RefusedError(
                f"must contain only choices of dreamreel in its defaults, "
                f"{', '.join(sorted(choices))}, got {printable(entry)[:80]}; remove it"
            )


def _entries(entries: object) -> list[Any]:
    """Return the entries of a defaults list. Raises RefusedError if it is not a valid one."""
    if not isinstance(entries, list | None):
        raise RefusedError(
            f"must have a list as its defaults, got {printable(entries)[:80]}; correct it"
        )
    if (entries or []).count("_self_") > 1:
        raise RefusedError(
            "must contain _self_ at most once in its defaults, got it several times; keep one"
        )
    return entries or []


def _sweep_keys(held: Any) -> Iterator[str]:
    """Yield the settings that a sweep varies. Raises RefusedError for other Hydra settings."""
    try:
        mode, params = held["mode"], held["sweeper"]["params"]
        values = [*params.values()]
        rest = {*held} - {"mode", "sweeper"} | {*held["sweeper"]} - {"params"}
        names = [str(key) for key in params]
        plain = all(
            SWEEP_KEY.fullmatch(name) and name.partition(".")[0] != "hydra" for name in names
        )
        plain = plain and all(isinstance(value, str | int | float) for value in values)
    except (TypeError, KeyError, AttributeError):
        mode, rest, names, plain = None, set(), [], False
    if mode != "MULTIRUN" or rest or not plain:
        raise RefusedError(
            "must set nothing of hydra except 'mode: MULTIRUN' and sweeper.params, got something "
            "else; remove it"
        )
    yield from names

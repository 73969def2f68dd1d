"""Presets of others, from the folder that --config-dir names.

They are read as plain data, checked, and given to Hydra as such. Hydra never sees the folder: it
would obey package headers and defaults lists that reach its own settings, build what those name,
call resolvers such as ${oc.env:HOME}, and expand aliases until memory is full.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.hydra_flags import FOLDER
from pipeline.config.provenance import ASKED, ELSEWHERE
from pipeline.errors import UserError, did_you_mean, printable
from pipeline.storage.file_names import check_name

OF_THE_USER = (*ELSEWHERE, *ASKED, "trust")
"""Settings that only the user may set: what is written where, and what is trusted."""
LARGEST, DEEPEST = 1 << 14, 20
"""Bytes of a preset, and settings within settings, at most."""
REFERENCE = re.compile(r"\$\{(\w+)\}")
"""To one setting, and nothing beside it."""
SWEPT = re.compile(r"[a-z_]+(\.\w+)*")
"""A setting that a sweep may go over."""
CALL = re.compile(r"(?<!\\)(?:\\\\)*\$\{[^}]*[:$]")
"""Of a resolver, or of what is put together first."""
HEADER = re.compile(r"#\s*@\s*(\w+)\s*(.*)")
"""A line by which a file tells Hydra where its settings belong."""
OVERRIDE = re.compile(r"override /([\w/]+)")
"""An entry of a defaults list that chooses for a group."""
MEMBER = re.compile(r"/(\w+)@(?:camera\.moves|objective\.terms|model\.models)\.\w+")
"""An entry of a defaults list that adds one of several moves, terms or models."""


@dataclass(frozen=True)
class Schema:
    """The packaged settings."""

    choices: Mapping[str, frozenset[str]]
    """The choices of each group, by its folder: "flow", "look", "quality/flow" ..."""
    keys: Mapping[str, frozenset[str]]
    """The settings of each group of parts."""
    general: frozenset[str]
    """The settings that belong to no group."""


def register(folder: Path, schema: Schema) -> None:
    """Give Hydra the presets in a folder, those of an earlier call taken back.

    Raises UserError naming the file that is refused, and why.
    """
    unregister()
    check_name(FOLDER, folder)
    if not folder.is_dir():
        raise UserError(f"{FOLDER}: must be a folder, got {printable(folder)}; check the name")
    files = {
        group: sorted(path for path in (folder / group).glob("*.yaml")) for group in schema.choices
    }
    if not any(files.values()):
        raise UserError(
            f"{FOLDER}: must hold presets as GROUP/NAME.yaml, got none in {printable(folder)}; "
            "look/NAME.yaml say"
        )
    choices = {
        group: names | {path.stem for path in files[group]}
        for group, names in schema.choices.items()
    }
    for group, paths in files.items():
        for path in paths:
            try:
                package, settings = _read(path, folder, group, schema, choices)
            except _RefusedError as error:
                raise UserError(f"{FOLDER}: {printable(path)} {error}") from error
            ConfigStore.instance().store(
                name=path.stem, group=group, node=settings, package=package, provider=FOLDER
            )


def unregister() -> None:
    """Take back from Hydra all presets of others."""

    def without(node: dict[str, Any]) -> None:
        for name, child in [*node.items()]:
            if isinstance(child, dict):
                without(child)
            elif child.provider == FOLDER:
                del node[name]

    without(ConfigStore.instance().repo)


def check_single(key: str, value: Any) -> None:
    """Check that a setting which others may refer to holds no reference itself: it could multiply.

    Raises UserError.
    """
    if isinstance(value, dict | list) and "${" in str(value):
        raise UserError(f"{key}: must hold no ${{}}, got {printable(value)[:80]}; write it out")


def check_calls(node: Any, key: str = "") -> None:
    """Check that no text in unresolved settings calls a resolver. Raises UserError."""
    children = node.items() if isinstance(node, dict) else enumerate(node)
    for name, child in children:
        place = f"{key}.{name}".lstrip(".")
        if isinstance(child, dict | list):
            check_calls(child, place)
        elif isinstance(child, str) and CALL.search(child):
            raise UserError(
                f"{printable(place)}: must not call what reaches beyond the settings, got "
                f"{printable(child)[:80]!r}; write the value itself"
            )


def check_plain(content: bytes, name: str, general: Iterable[str]) -> None:
    """Check that yaml is plain data. Raises UserError for aliases, tags, depth and references to
    anything but single settings, and yaml.YAMLError.

    name: of what holds it. general: settings that may be referred to.
    """
    try:
        _check_plain(content, general)
    except _RefusedError as error:
        raise UserError(f"{name} {error}") from error


class _RefusedError(Exception):
    """A file is refused; the message follows the name of the file."""


def _read(
    path: Path,
    folder: Path,
    group: str,
    schema: Schema,
    choices: Mapping[str, frozenset[str]],
) -> tuple[str, Any]:
    """Return the package of a preset's settings, and these. Raises _RefusedError."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        raise _RefusedError(f"must be a file of at most {LARGEST} bytes; take it away")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _RefusedError(f"must lie in {printable(folder)}, got a link elsewhere; copy the file")
    if path.stem in schema.choices[group]:
        raise _RefusedError(f"must not be named as {group}={path.stem}, which is ours; rename it")
    try:
        content = path.read_bytes()
        _check_plain(content, schema.general)
        node = OmegaConf.create(content.decode())
        held = OmegaConf.to_container(node)
        is_mapping = _is_mapping(content)
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, OSError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines())
        raise _RefusedError(f"must be yaml, got: {printable(reason)[:160]}; correct it") from error
    if not isinstance(held, dict) or (content.strip() and not is_mapping):
        raise _RefusedError("must hold settings, KEY: VALUE, got something else; correct it")
    of_parts = group in schema.keys
    package = _package(content.decode(), group if of_parts else "_global_")
    if package == group:
        _check_group(group, held, schema)
        _check_own_defaults(held.get("defaults"), schema.choices[group])
    else:
        _check_settings(held, group, schema, choices)
    return package, node


def _is_mapping(content: bytes) -> bool:
    """Return whether yaml holds a mapping, or nothing: text alone would be taken for a key."""
    return isinstance(yaml.safe_load(content), dict | None)


def _package(text: str, usual: str) -> str:
    """Return where the settings of a file belong. Raises _RefusedError for any other place."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        found = HEADER.match(line.strip())
        if found is None:
            continue
        said = found[2].strip()
        if found[1] != "package" or said not in (usual, "_group_", "_global_"):
            raise _RefusedError(
                f"must have no header but '# @package {usual}', got "
                f"{printable(line.strip())[:80]!r}; "
                "leave it out"
            )
        return "_global_" if said == "_global_" else usual
    return usual


def _check_settings(
    held: Mapping[Any, Any], group: str, schema: Schema, choices: Mapping[str, frozenset[str]]
) -> None:
    """Check that a preset sets only what it may. Raises _RefusedError."""
    for key, value in held.items():
        if key == "defaults":
            _check_defaults(value, group, schema, choices)
        elif key == "hydra":
            for swept in _swept(value):
                first, _, rest = swept.partition(".")
                inner: Any = 0
                for name in reversed(rest.split(".") if rest else ()):
                    inner = {name: inner}
                _check_key(first, inner or {}, schema, {*choices})
        else:
            _check_key(key, value, schema, ())


def _check_key(key: object, value: object, schema: Schema, groups: Collection[str]) -> None:
    """Check that a preset may set a key. Raises _RefusedError.

    groups: whose choice it may make by their name, as a sweep does.
    """
    if key in OF_THE_USER:
        raise _RefusedError(
            f"must not set {key}, which only the user may set; leave it out, and set "
            f"{key}= on the command line"
        )
    if key in schema.keys:
        if not isinstance(value, dict):
            raise _RefusedError(
                f"must hold settings of {key}, {key}: {{KEY: VALUE}}, got {printable(value)[:80]}; "
                f"choose one by 'override /{key}: CHOICE' in its defaults"
            )
        _check_group(str(key), value, schema)
    elif key not in schema.general and key not in groups:
        known = {*schema.general, *schema.keys} - {*OF_THE_USER}
        raise _RefusedError(f"sets what is no setting: {printable(key)}: {_unknown(key, known)}")


def _check_group(group: str, held: Mapping[Any, Any], schema: Schema) -> None:
    """Check that a group of parts has these settings. Raises _RefusedError.

    A part of its own (_target_) has its own settings, which are checked where it is built.
    """
    _check_inner(group, held)
    for key in () if "_target_" in held else held:
        if key not in schema.keys[group] and key != "defaults":
            known = [f"{group}.{name}" for name in schema.keys[group]]
            raise _RefusedError(f"sets what is no setting: {_unknown(f'{group}.{key}', known)}")


def _check_inner(place: str, held: Mapping[Any, Any]) -> None:
    """Check that settings within others are none that only the user may set."""
    for key, value in held.items():
        if key in ELSEWHERE:
            raise _RefusedError(
                f"must not set {place}.{key}, which only the user may set; leave it out"
            )
        if isinstance(value, dict):
            _check_inner(f"{place}.{key}", value)


def _unknown(key: object, known: Iterable[str]) -> str:
    return f"{printable(key)}: is not a setting; {did_you_mean(str(key), sorted(known))}"


def _check_defaults(
    entries: object, group: str, schema: Schema, choices: Mapping[str, frozenset[str]]
) -> None:
    """Check that the choices in the defaults list of a preset exist. Raises _RefusedError."""
    allowed = {*schema.keys} | ({"recipe", "quality", "look"} if group == "experiment" else set())
    for entry in _entries(entries):
        if entry == "_self_":
            continue
        ((name, choice),) = (
            entry.items() if isinstance(entry, dict) and len(entry) == 1 else [(entry, None)]
        )
        found = OVERRIDE.fullmatch(str(name)) or MEMBER.fullmatch(str(name))
        if found is None or found[1] not in allowed:
            raise _RefusedError(
                f"must choose by 'override /GROUP: CHOICE' for one of {', '.join(sorted(allowed))},"
                f" got {printable(entry)[:80]} in its defaults; leave it out"
            )
        if not isinstance(choice, str) or choice not in choices[found[1]]:
            raise _RefusedError(
                f"must choose what there is, got {found[1]}={printable(choice)[:80]} in its "
                "defaults; "
                f"{did_you_mean(str(choice), sorted(choices[found[1]]), 'choose one of these')}"
            )


def _check_own_defaults(entries: object, choices: frozenset[str]) -> None:
    """Check that the defaults list of a part names packaged choices only.

    Raises _RefusedError.
    """
    for entry in _entries(entries):
        if entry != "_self_" and entry not in choices:
            raise _RefusedError(
                f"must begin with one of {', '.join(sorted(choices))}, got "
                f"{printable(entry)[:80]} in "
                "its defaults; leave it out"
            )


def _entries(entries: object) -> list[Any]:
    """Return the entries of a defaults list. Raises _RefusedError if it is none."""
    if not isinstance(entries, list | None):
        raise _RefusedError(
            f"must have a list of defaults, got {printable(entries)[:80]}; correct it"
        )
    if (entries or []).count("_self_") > 1:
        raise _RefusedError("must have _self_ once in its defaults, got it again; leave one out")
    return entries or []


def _swept(held: Any) -> Iterator[str]:
    """Yield the settings that a sweep goes over. Raises _RefusedError for any other of Hydra's."""
    try:
        mode, params = held["mode"], held["sweeper"]["params"]
        values = [*params.values()]
        rest = {*held} - {"mode", "sweeper"} | {*held["sweeper"]} - {"params"}
        names = [str(key) for key in params]
        plain = all(SWEPT.fullmatch(name) and name.partition(".")[0] != "hydra" for name in names)
        plain = plain and all(isinstance(value, str | int | float) for value in values)
    except (TypeError, KeyError, AttributeError):
        mode, rest, names, plain = None, set(), [], False
    if mode != "MULTIRUN" or rest or not plain:
        raise _RefusedError(
            "must set nothing of hydra's own but mode and sweeper.params, got hydra; leave it out"
        )
    yield from names


def _check_plain(content: bytes, general: Iterable[str]) -> None:
    """Check that yaml is plain data. Raises _RefusedError and yaml.YAMLError."""
    depth = 0
    for event in yaml.parse(content, Loader=yaml.SafeLoader):
        opens = isinstance(event, yaml.CollectionStartEvent)
        depth += opens - isinstance(event, yaml.CollectionEndEvent)
        text = event.value if isinstance(event, yaml.ScalarEvent) else ""
        if isinstance(event, yaml.AliasEvent):
            rule, got = "have no aliases", f"*{event.anchor}"
        elif getattr(event, "tag", None):
            rule, got = "have no tags", event.tag
        elif depth > DEEPEST:
            rule, got = f"be at most {DEEPEST} deep", "more"
        elif "${" in text and not ((found := REFERENCE.fullmatch(text)) and found[1] in general):
            rule, got = "refer to nothing but single settings, ${frames} say", text
        else:
            continue
        raise _RefusedError(f"must {rule}, got {printable(got)[:80]}; write it out")


def split_config_dir(options: Sequence[str]) -> tuple[Path | None, list[str]]:
    """Return the folder that --config-dir names, None = none, and all other options."""
    folder, rest, following = None, [], iter(options)
    for option in following:
        name, equals, value = option.partition("=")
        if name == FOLDER:
            folder = Path(value if equals else next(following, "")).expanduser()
        else:
            rest.append(option)
    return folder, rest

"""Presets of others, from a folder that --config-dir names: looked at as data, before Hydra does.

What Hydra would make of one that is hostile: it builds what its own settings name, calls
${oc.env:HOME} and the like, and multiplies aliases until memory is full.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import UserError, shown

FOLDERS = ("--config-dir", "-cd", "--config-path", "-cp")
"""Options that name a folder of settings; long ones may be cut short."""
LARGEST, DEEPEST = 1 << 14, 20
"""Bytes of a preset, and settings within settings, at most."""
REFERENCE = re.compile(r"\$\{(\w+)\}")
"""To one setting, and nothing beside it."""
SWEPT = re.compile(r"[a-z_]+(\.\w+)*")
"""A setting that a sweep may go over."""
CALL = re.compile(r"(?<!\\)(?:\\\\)*\$\{[^}]*[:$]")
"""Of a resolver, or of what is put together first."""


def check_presets(arguments: Sequence[str], groups: Collection[str], face: Collection[str]) -> None:
    """Nothing, if all presets in the folders that these arguments name are plain data.

    groups: names of folders that hold choices. face: settings that belong to none of them: these
    alone may be referred to. Raises UserError naming the file.
    """
    for folder in _folders(arguments):
        for path in sorted(folder.rglob("*.yaml")):
            where = path.relative_to(folder).parts
            if len(where) == 1 or where[0] in groups:
                _check(path, f"--config-dir: {shown(path)}", face)


def check_single(key: str, value: Any) -> None:
    """Nothing, if what others may refer to refers to nothing itself: it could multiply so.

    Raises UserError.
    """
    if isinstance(value, dict | list) and "${" in str(value):
        raise UserError(f"{key}: must hold no ${{}}, got {shown(value)[:80]}; write it out")


def check_calls(node: Any, key: str = "") -> None:
    """Nothing, if no text in these settings, unresolved, calls a resolver. Raises UserError."""
    children = node.items() if isinstance(node, dict) else enumerate(node)
    for name, child in children:
        place = f"{key}.{name}".lstrip(".")
        if isinstance(child, dict | list):
            check_calls(child, place)
        elif isinstance(child, str) and CALL.search(child):
            raise UserError(
                f"{shown(place)}: must not call what reaches beyond the settings, got "
                f"{shown(child)[:80]!r}; write the value itself"
            )


def _folders(arguments: Sequence[str]) -> Iterator[Path]:
    for argument, following in pairwise([*arguments, ""]):
        name, equals, value = argument.partition("=")
        cut = name.startswith("--config-") and len(name) > len("--config-")
        if name in FOLDERS or (cut and any(option.startswith(name) for option in FOLDERS)):
            yield Path(value if equals else following)


def _check(path: Path, name: str, face: Collection[str]) -> None:
    """Raises UserError unless the file is small, plain, and about our settings alone."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        raise UserError(f"{name} must be a file of at most {LARGEST} bytes; take it away")
    try:
        content = path.read_bytes()
        check_plain(content, name, face)
        held = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines())
        raise UserError(f"{name} must be yaml, got: {shown(reason)[:160]}; mend it") from error
    if not isinstance(held, dict | None):
        raise UserError(f"{name} must hold settings, KEY: VALUE, got {shown(held)[:80]}; mend it")
    chosen = (held or {}).get("defaults") or []
    if "hydra" in str(chosen) or not _only_sweeps((held or {}).get("hydra", {})):
        raise UserError(
            f"{name} must set nothing of hydra's own but mode and sweeper.params, got hydra; "
            "leave it out"
        )


def _only_sweeps(held: Any) -> bool:
    """Whether these settings of Hydra's say no more than which jobs a sweep has."""
    if held == {}:
        return True
    try:
        mode, params = held["mode"], held["sweeper"]["params"]
        rest = {*held} - {"mode", "sweeper"} | {*held["sweeper"]} - {"params"}
        plain = all(SWEPT.fullmatch(key) and key.partition(".")[0] != "hydra" for key in params)
    except (TypeError, KeyError, AttributeError):
        return False
    return mode == "MULTIRUN" and not rest and plain


def check_plain(content: bytes, name: str, face: Collection[str]) -> None:
    """Nothing, if this yaml is plain data. Raises UserError for aliases, tags, depth and references
    that it has no need of, and yaml.YAMLError.

    name: of what holds it. face: settings that may be referred to.
    """
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
        elif "${" in text and not ((found := REFERENCE.fullmatch(text)) and found[1] in face):
            rule, got = "refer to nothing but single settings, ${frames} say", text
        else:
            continue
        raise UserError(f"{name} must {rule}, got {shown(got)[:80]}; write it out")

"""Targets: the classes and functions that a `_target_` in the settings may name.

Settings may come from others, so a name alone must never be enough to call any code.
"""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from pipeline.config.conf_dir import config_dir
from pipeline.errors import UserError, printable

TARGET = "_target_"
"""Key of the name of the class or function to call."""
DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)+")
"""The dotted name of a class or function."""
OURS = "pipeline"
"""This package."""
INTERNAL_TARGETS = frozenset(
    {
        "pipeline.limits.Limits",
        "pipeline.source.matte.PictureMattes",
        "pipeline.source.matte.VideoMattes",
    }
)
"""Targets that no yaml file but the code itself names, under keys that are not groups."""
NAMED = re.compile(rf"\b{TARGET}: *({OURS}\.[\w.]+)")
"""A target in this package, as it is written in the packaged yaml files."""


@cache
def targets(group: str) -> frozenset[str]:
    """Return the targets in this package that the packaged choices of a group name.

    For a key that is not a group, return those of all groups and INTERNAL_TARGETS.
    """
    known = (config_dir() / group).is_dir()
    files = config_dir().glob(f"{group if known else '*'}/*.yaml")
    packaged_targets = frozenset(
        name for path in files for name in NAMED.findall(path.read_text("utf-8"))
    )
    return packaged_targets if known else packaged_targets | INTERNAL_TARGETS


def resolve_target(name: object, key: str, trusted: Sequence[str]) -> Callable[..., Any]:
    """Return the class or function with this dotted name.

    Raises UserError if there is none, it is not trusted, or its module cannot be imported. In this
    package only the targets are trusted that a packaged choice of the key's group names, because
    other functions write and delete files. A package that is not trusted is not imported.
    """
    text = str(name)
    group = key.partition(".")[0]
    if not isinstance(name, str) or not DOTTED.fullmatch(text):
        raise UserError(
            f"{key}: must be the dotted name of a class or function, got "
            f"{printable(text)[:80]!r}; set {group}=CHOICE for one of dreamreel's"
        )
    package = text.partition(".")[0]
    allowed = " or ".join(trusted)
    if package not in trusted:
        packages = ",".join([*(one for one in trusted if one != OURS), package])
        raise UserError(
            f"{key}: must be in the package {allowed}, got {printable(text)!r}; "
            f"set {shlex.quote(f'trust=[{printable(packages)}]')} if you trust that package"
        )
    if package == OURS and text not in targets(group):
        raise UserError(
            f"{key}: must be a class or function of {OURS} that a packaged {group} uses, "
            f"got {printable(text)!r}; set {group}=CHOICE; --help {group} lists them"
        )
    target = _imported(text, key)
    # os.system is an attribute of every module that imports os
    module_name = str(getattr(target, "__module__", ""))
    if not callable(target) or module_name.partition(".")[0] not in trusted:
        raise UserError(
            f"{key}: must be a class or function of {allowed}, got {printable(text)!r}; "
            "check its name"
        )
    function: Callable[..., Any] = target
    return function


def _imported(text: str, key: str) -> Any:
    """Return the object with this dotted name; None if there is none.

    Raises UserError if its module is not in this package and fails when it is imported.
    """
    module, _, attribute = text.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute, None)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and text.startswith(f"{error.name}."):
            return None
        if module.partition(".")[0] == OURS:
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(
            f"{key}: {module} must be importable, got {printable(reason)[:200]}; correct it, or "
            "install what it needs"
        ) from error

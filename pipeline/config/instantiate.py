"""Builds a part from its settings: a `_target_`, and the keywords that it is called with.

Hydra's own `instantiate` would do, but it resolves ${...} a second time, even where that stands in
a file's name; it knows neither the name of a faulty setting nor what its yaml gives for it.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, ValidationError, validate_call

from pipeline.config import validation_errors
from pipeline.config.hydra_config import config_dir
from pipeline.errors import UserError, did_you_mean, printable
from pipeline.schedule import Schedule, ScheduleError

TARGET = "_target_"
DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)+")
"""A name that code can be found by."""
OURS = "pipeline"
OF_THE_CODE = frozenset(
    {
        "pipeline.limits.Limits",
        "pipeline.source.matte.PictureMattes",
        "pipeline.source.matte.VideoMattes",
    }
)
"""Targets that no yaml file names, but the code itself, under keys that are no groups."""
NAMED = re.compile(rf"\b{TARGET}: *({OURS}\.[\w.]+)")
"""A target of ours, as the packaged yaml files name it."""


def build(
    node: Any, key: str, *, trusted: Sequence[str], defaults: Mapping[str, Any] | None = None
) -> Any:
    """Return what the plain settings at `key` describe; what stands within them is built first.

    trusted: packages whose code a `_target_` may name. defaults: what the yaml of this choice
    gives, for the remedy. Raises UserError for settings that are refused.
    """
    if isinstance(node, list):
        return [build(child, f"{key}.{i}", trusted=trusted) for i, child in enumerate(node)]
    if not isinstance(node, dict):
        return node
    defaults = defaults or {}
    settings = {
        name: build(child, f"{key}.{name}", trusted=trusted, defaults=_within(defaults, name))
        for name, child in node.items()
        if name != TARGET
    }
    if TARGET not in node:
        return settings
    target = resolve_target(node[TARGET], f"{key}.{TARGET}", trusted)
    _check_names(settings, key, inspect.signature(target).parameters)
    try:
        stage = _checked(target)(**settings)
    except ValidationError as error:
        raise UserError(
            validation_errors.validation_line(key, error, settings, defaults)
        ) from error
    for name, value in settings.items():
        # pydantic takes true for 1, which nobody means who writes dreamer.octaves=true
        if isinstance(value, bool) and type(getattr(stage, name, value)) in (int, float):
            whole, fix = validation_errors.describe_setting(f"{key}.{name}", defaults.get(name))
            raise UserError(f"{whole}: must be a number, got {str(value).lower()}; {fix}")
    return stage


@dataclass(frozen=True)
class ScheduledConfig:
    """Settings of a stage whose numbers may change over time: text where a number belongs is
    a schedule.
    """

    node: Any
    """The settings, schedules parsed."""
    key: str
    """Where they stand."""
    trusted: Sequence[str]
    """Packages whose code they may name."""
    defaults: Mapping[str, Any]
    """Settings in the yaml of this choice, for error messages."""
    names: frozenset[str]
    """The variables that the schedules use."""
    constant: Any = None
    """The stage itself, where nothing changes."""

    @staticmethod
    def of(
        node: Any,
        key: str,
        read: Callable[[str], Schedule],
        *,
        trusted: Sequence[str],
        defaults: Mapping[str, Any] | None = None,
    ) -> ScheduledConfig:
        """Return the template of these settings; `read` parses a schedule. Raises UserError."""
        names: set[str] = set()
        parsed = _scheduled(node, key, read, trusted, names)
        template = ScheduledConfig(parsed, key, trusted, defaults or {}, frozenset(names))
        return template if names else replace(template, constant=template._built({}))

    def at(self, values: Mapping[str, float]) -> Any:
        """Return the stage while the variables have these values. Raises UserError."""
        return self._built(values) if self.names else self.constant

    def _built(self, values: Mapping[str, float]) -> Any:
        plain = _valued(self.node, self.key, values)
        return build(plain, self.key, trusted=self.trusted, defaults=self.defaults)


@dataclass(frozen=True)
class _Number:
    """A schedule, and whether it stands for a whole number."""

    schedule: Schedule
    whole: bool


def _scheduled(
    node: Any, key: str, read: Callable[[str], Schedule], trusted: Sequence[str], names: set[str]
) -> Any:
    """Return the settings with every schedule in them parsed; gathers the variables into
    `names`."""
    if not isinstance(node, dict):
        return node
    hints: Mapping[str, Any] = {}
    if TARGET in node:
        hints = get_type_hints(resolve_target(node[TARGET], f"{key}.{TARGET}", trusted))

    def parsed(child: Any, place: str, types: frozenset[type]) -> Any:
        if isinstance(child, dict) and TARGET in child:
            return _scheduled(child, place, read, trusted, names)
        if isinstance(child, dict):
            return {name: parsed(item, f"{place}.{name}", types) for name, item in child.items()}
        if isinstance(child, list):
            return [parsed(item, f"{place}.{i}", types) for i, item in enumerate(child)]
        if not isinstance(child, str) or not types & {int, float} or types & {str, Path}:
            return child
        try:
            schedule = read(child)
        except ScheduleError as error:
            raise UserError(f"{place}: {error}") from error
        # a constant is used too, so that it is evaluated at all
        names.update(schedule.names or {"t"})
        return _Number(schedule, float not in types)

    return {
        name: parsed(child, f"{key}.{name}", _types(hints.get(name)))
        for name, child in node.items()
    }


def _types(hint: Any) -> frozenset[type]:
    """Return all plain types in an annotation; of a mapping those of its values."""
    inner = get_args(hint)
    if get_origin(hint) is dict:
        inner = inner[1:]
    if not inner:
        return frozenset({hint} if isinstance(hint, type) else ())
    return frozenset().union(*map(_types, inner))


def _valued(node: Any, key: str, values: Mapping[str, float]) -> Any:
    """Return the settings with numbers in place of the schedules."""
    if isinstance(node, dict):
        return {name: _valued(child, f"{key}.{name}", values) for name, child in node.items()}
    if isinstance(node, list):
        return [_valued(child, f"{key}.{i}", values) for i, child in enumerate(node)]
    if not isinstance(node, _Number):
        return node
    try:
        value = node.schedule(values)
    except ScheduleError as error:
        raise UserError(f"{key}: {error}") from error
    return round(value) if node.whole else value


@cache
def targets(group: str) -> frozenset[str]:
    """Return the classes and functions of ours that packaged choices of a group name.

    Of a key that is no group, those of all groups, and what the code itself names.
    """
    known = (config_dir() / group).is_dir()
    files = config_dir().glob(f"{group if known else '*'}/*.yaml")
    named = frozenset(name for path in files for name in NAMED.findall(path.read_text("utf-8")))
    return named if known else named | OF_THE_CODE


def resolve_target(name: object, key: str, trusted: Sequence[str]) -> Callable[..., Any]:
    """Return the class or function of this dotted name. Raises UserError if it is none, or not
    trusted.

    Of this package, only what a packaged choice of the key's group names: other functions write and
    remove files. A package that is not trusted is not imported.
    """
    text = str(name)
    if not isinstance(name, str) or not DOTTED.fullmatch(text):
        group = key.partition(".")[0]
        raise UserError(
            f"{key}: must be the dotted name of what to build, got {printable(text)[:80]!r}; "
            f"set {group}=CHOICE for one that is there"
        )
    package = text.partition(".")[0]
    allowed = " or ".join(trusted)
    if package not in trusted:
        raise UserError(
            f"{key}: must be in {allowed}, got {printable(text)!r}; "
            f"set trust=[{printable(package)}] if you trust that package"
        )
    group = key.partition(".")[0]
    if package == OURS and text not in targets(group):
        raise UserError(
            f"{key}: must name a class or function of {allowed} that a packaged {group} names, "
            f"got {printable(text)!r}; set {group}=CHOICE, --help lists them"
        )
    module, _, attribute = text.rpartition(".")
    try:
        target: Any = getattr(importlib.import_module(module), attribute) if module else None
    except (ImportError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and not text.startswith(str(error.name)):
            raise  # the module is there, but something that it needs is not
        target = None
    # os.system can be reached through any module that imports os
    home = str(getattr(target, "__module__", ""))
    if not callable(target) or home.partition(".")[0] not in trusted:
        raise UserError(
            f"{key}: must name a class or function of {allowed}, got {printable(text)!r}; "
            "the yaml files in conf/ name those that there are"
        )
    function: Callable[..., Any] = target
    return function


def _check_names(settings: Collection[str], key: str, known: Mapping[str, Any]) -> None:
    """Check that the target knows all these settings: pydantic would drop the others silently."""
    for name in settings:
        if name not in known:
            whole = [f"{key}.{other}" for other in known]
            raise UserError(
                f"{key}.{name}: is not a setting of this {key}; "
                f"{did_you_mean(f'{key}.{name}', whole)}"
            )


def _checked(target: Callable[..., Any]) -> Callable[..., Any]:
    """Return the target, its arguments compared with their types if it is a plain function."""
    if not inspect.isfunction(target):
        return target
    return validate_call(config=ConfigDict(arbitrary_types_allowed=True))(target)


def _within(defaults: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    inner = defaults.get(name)
    return inner if isinstance(inner, Mapping) else None

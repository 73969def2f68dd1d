"""Builds a stage from its settings: a `_target_` and the keyword arguments to call it with.

This replaces Hydra's `instantiate`, which resolves ${...} a second time, even in the name of a
file, and whose errors contain neither the name of an invalid setting nor its default.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, ValidationError, validate_call

from pipeline.config import validation_errors
from pipeline.config.synonyms import near_setting
from pipeline.config.targets import TARGET, resolve_target
from pipeline.errors import UserError
from pipeline.schedule import Schedule, ScheduleError


def build(
    node: Any, key: str, *, trusted: Sequence[str], defaults: Mapping[str, Any] | None = None
) -> Any:
    """Return the object that the settings at `key` describe; nested objects are built first.

    node: plain, resolved settings. trusted: packages whose code a `_target_` may name. defaults:
    settings in the yaml of this choice, for error messages. Raises UserError for invalid settings.
    """
    if isinstance(node, list):
        return [build(child, f"{key}.{i}", trusted=trusted) for i, child in enumerate(node)]
    if not isinstance(node, dict):
        return node
    defaults = defaults or {}
    settings = {
        name: build(
            child, f"{key}.{name}", trusted=trusted, defaults=_nested_defaults(defaults, name)
        )
        for name, child in node.items()
        if name != TARGET
    }
    if TARGET not in node:
        return settings
    target = resolve_target(node[TARGET], f"{key}.{TARGET}", trusted)
    _check_names(settings, key, inspect.signature(target).parameters)
    try:
        stage = _with_validation(target)(**settings)
    except ValidationError as error:
        raise UserError(
            validation_errors.validation_line(key, error, settings, defaults)
        ) from error
    for name, value in settings.items():
        # pydantic converts true to 1, but dreamer.octaves=true can only be a mistake
        if isinstance(value, bool) and type(getattr(stage, name, value)) in (int, float):
            whole, fix = validation_errors.describe_setting(
                f"{key}.{name}", defaults.get(name, ...)
            )
            raise UserError(f"{whole}: must be a number, got {str(value).lower()}; {fix}")
    return stage


@dataclass(frozen=True)
class ScheduledConfig:
    """Template of a stage whose numbers may change over time.

    Text in place of a number is a schedule.
    """

    node: Any
    """Settings, with their schedules parsed."""
    key: str
    """Key of the settings in the configuration."""
    trusted: Sequence[str]
    """Packages whose code a `_target_` may name."""
    defaults: Mapping[str, Any]
    """Settings in the yaml of this choice, for error messages."""
    names: frozenset[str]
    """Variables that the schedules use."""
    constant: Any = None
    """The stage itself if its settings are constant. None: they contain schedules."""

    @staticmethod
    def of(
        node: Any,
        key: str,
        read: Callable[[str], Schedule],
        *,
        trusted: Sequence[str],
        defaults: Mapping[str, Any] | None = None,
    ) -> ScheduledConfig:
        """Return the template with these settings. Raises UserError.

        read: parses a schedule.
        """
        names: set[str] = set()
        parsed = _parse_schedules(node, key, read, trusted, names)
        template = ScheduledConfig(parsed, key, trusted, defaults or {}, frozenset(names))
        return template if names else replace(template, constant=template._built({}))

    def at(self, values: Mapping[str, float]) -> Any:
        """Return the stage for these values of the variables. Raises UserError."""
        return self._built(values) if self.names else self.constant

    def _built(self, values: Mapping[str, float]) -> Any:
        plain = _evaluate(self.node, self.key, values)
        return build(plain, self.key, trusted=self.trusted, defaults=self.defaults)


@dataclass(frozen=True)
class _Number:
    """A schedule, and whether its value must be a whole number."""

    schedule: Schedule
    whole: bool


def _parse_schedules(
    node: Any, key: str, read: Callable[[str], Schedule], trusted: Sequence[str], names: set[str]
) -> Any:
    """Return the settings with every schedule parsed, and add the variables used to `names`.

    Raises UserError.
    """
    if not isinstance(node, dict):
        return node
    hints: Mapping[str, Any] = {}
    if TARGET in node:
        hints = get_type_hints(resolve_target(node[TARGET], f"{key}.{TARGET}", trusted))

    def parsed(child: Any, place: str, types: frozenset[type | str]) -> Any:
        if isinstance(child, dict) and TARGET in child:
            return _parse_schedules(child, place, read, trusted, names)
        if isinstance(child, dict):
            return {name: parsed(item, f"{place}.{name}", types) for name, item in child.items()}
        if isinstance(child, list):
            return [parsed(item, f"{place}.{i}", types) for i, item in enumerate(child)]
        if not isinstance(child, str) or not types & {int, float} or types & {str, Path, child}:
            return child
        try:
            schedule = read(child)
        except ScheduleError as error:
            names_too = sorted(name for name in types if isinstance(name, str))
            too = f", or set {place}={names_too[0]}" if names_too else ""
            raise UserError(f"{place}: {error}{too}") from error
        # a schedule without variables counts as one of t, so that it is evaluated at all
        names.update(schedule.names or {"t"})
        return _Number(schedule, float not in types)

    return {
        name: parsed(child, f"{key}.{name}", _types(hints.get(name)))
        for name, child in node.items()
    }


def _types(hint: Any) -> frozenset[type | str]:
    """Return all plain types and literal names in an annotation; of a mapping, its values'."""
    inner = get_args(hint)
    if get_origin(hint) is dict:
        inner = inner[1:]
    if not inner:
        return frozenset({hint} if isinstance(hint, type | str) else ())
    return frozenset().union(*map(_types, inner))


def _evaluate(node: Any, key: str, values: Mapping[str, float]) -> Any:
    """Return the settings with every schedule replaced by its value. Raises UserError."""
    if isinstance(node, dict):
        return {name: _evaluate(child, f"{key}.{name}", values) for name, child in node.items()}
    if isinstance(node, list):
        return [_evaluate(child, f"{key}.{i}", values) for i, child in enumerate(node)]
    if not isinstance(node, _Number):
        return node
    try:
        value = node.schedule(values)
    except ScheduleError as error:
        raise UserError(f"{key}: {error}") from error
    return round(value) if node.whole else value


def _check_names(settings: Collection[str], key: str, known: Mapping[str, Any]) -> None:
    """Raise UserError unless the target accepts all settings: pydantic would ignore others."""
    for name in settings:
        if name not in known:
            whole = [f"{key}.{other}" for other in known]
            raise UserError(
                f"{key}.{name}: is not a setting of this {key}; "
                f"{near_setting(f'{key}.{name}', whole)}"
            )


def _with_validation(target: Callable[..., Any]) -> Callable[..., Any]:
    """Return the target; a plain function with its arguments validated against their types."""
    if not inspect.isfunction(target):
        return target
    return validate_call(config=ConfigDict(arbitrary_types_allowed=True))(target)


def _nested_defaults(defaults: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    inner = defaults.get(name)
    return inner if isinstance(inner, Mapping) else None

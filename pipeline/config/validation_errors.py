"""pydantic's validation errors for a stage's settings, as one line: key, rule, value, fix."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from pipeline.config.hydra_config import top_level_defaults
from pipeline.config.units import CLOCK_KEYS, meant_number
from pipeline.errors import printable
from pipeline.sweep.override_grammar import quote

RULES = {
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt:g}",
    "finite_number": "a finite number",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "of the form {pattern}",
}
"""Type of a pydantic error -> the rule that was broken; filled in from the error's context."""

WORD = re.compile(r"[\w.:/%-]+")
"""Text that needs no quotes on the command line."""
REFERENCE = re.compile(r"\$\{([\w.]+)\}")

KINDS = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "fraction": "a number or a fraction such as 30000/1001",
    "bool": "true or false",
    "string": "text",
    "path": "a file name",
    "list": "a list such as [1,2]",
    "tuple": "a list such as [1,2]",
    "mapping": "settings such as {a:1}",
    "dict": "settings such as {a:1}",
}
"""First word of a pydantic error's type, for a value of the wrong type -> the rule."""


def validation_line(
    key: str, error: ValidationError, settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> str:
    """Return the line for the first error.

    settings: the values given for `key`. defaults: the values in the yaml of its choice.
    """
    faults = error.errors()
    first = faults[0]["loc"]
    names = _names(first, settings)
    if not names and faults[0]["type"] == "missing":
        name = f"{key}.{first[0]}"
        removed = str(first[0]) in defaults
        fix = f"remove ~{name} from the command" if removed else f"set +{name}=VALUE"
        return f"{name}: must be set, got nothing; {fix}"
    in_list = len(first) > len(names) and isinstance(first[len(names)], int)
    depth = len(names) + in_list
    # a setting that may have several types gives an error for each of them
    rules = [_rule(fault) for fault in faults if fault["loc"][:depth] == first[:depth]]
    rule = " or ".join(dict.fromkeys(rules)).replace(" or be ", " or ")
    if not names:  # a rule about several settings; its text begins with the name of one
        name, _, rule = rule.partition(" must ")
        return f"{key}.{name}: must {rule}; change one of them"
    value, default = _value_at(settings, names), _value_at(defaults, names, missing=...)
    rule = f"each {rule}" if in_list else rule
    got = "null" if value is None else printable(repr(value))
    got = "" if ", got " in rule else f", got {got}"
    name, fix = describe_setting(".".join([key, *names]), default)
    if isinstance(value, str) and (number := meant_number(name, value)):
        fix = f"set {number}"
    elif name in CLOCK_KEYS and "number" in rule:
        rule = f"{rule} of seconds, or a time such as 0:03"
    return f"{name}: must {rule}{got}; {fix}"


def describe_setting(name: str, default: object) -> tuple[str, str]:
    """Return a setting's name as the user knows it, and the fix.

    A setting whose default refers to a general one is known by that: source.frames as frames.
    default: the value in the yaml of the choice. Ellipsis: it has none.
    """
    if reference := REFERENCE.fullmatch(str(default)):
        name = reference[1]
        default = top_level_defaults().get(name)
    value = _override_value(default)
    if name == "input":
        value = "FILE"
    elif default in (..., "???"):
        value = "VALUE"
    return name, f"set {shlex.quote(f'{name}={value}')}"


def _names(location: Sequence[int | str], settings: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings that lead to the error.

    location: pydantic's, which continues with internal steps.
    """
    names: list[str] = []
    node: Any = settings
    for place in location:
        if not isinstance(node, Mapping) or place not in node:
            break
        names.append(str(place))
        node = node[place]
    return names


def _value_at(settings: Mapping[str, Any], names: Sequence[str], *, missing: object = None) -> Any:
    """Return the value at this path of names; `missing` if there is none."""
    node: Any = settings
    for name in names:
        node = node.get(name, missing) if isinstance(node, Mapping) else missing
    return node


def _rule(fault: Mapping[str, Any]) -> str:
    """Return the rule that was broken, as it follows "must"."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in RULES:
        return "be " + RULES[kind].format(**context)
    if kind != "value_error" and kind.partition("_")[0] in KINDS:
        return "be " + KINDS[kind.partition("_")[0]]
    text = str(fault["msg"]).removeprefix("Value error, ")
    return re.sub(r"^(must |(Input|Value) should )", "", text)


def _override_value(value: object) -> str:
    """Return the value as it is written on the command line."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{','.join(_override_value(item) for item in value)}]"
    if isinstance(value, str) and not WORD.fullmatch(value):
        return quote(value)
    return str(value).lower() if isinstance(value, bool) else str(value)

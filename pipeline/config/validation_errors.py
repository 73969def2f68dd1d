"""What pydantic found wrong with a part's settings, in one line: key, rule, value, remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from pipeline.config.hydra_config import top_level_defaults
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
"""Kind of fault -> what must be, with what pydantic tells of it."""

WORD = re.compile(r"[\w.:/%-]+")
"""Text that the command line takes as it is."""
REFERENCE = re.compile(r"\$\{([\w.]+)\}")

KINDS = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "fraction": "a number or a fraction, 30000/1001 say",
    "bool": "true or false",
    "string": "text",
    "path": "a file's name",
    "list": "a list, [1,2] say",
    "tuple": "a list, [1,2] say",
    "mapping": "settings, {a:1} say",
    "dict": "settings, {a:1} say",
}
"""How pydantic's kind of a fault of type begins -> what must be."""


def validation_line(
    key: str, error: ValidationError, settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> str:
    """Return the first fault. settings: what was given for `key`. defaults: what its yaml gives."""
    faults = error.errors()
    first = faults[0]["loc"]
    names = _names(first, settings)
    if not names and faults[0]["type"] == "missing":
        return f"{key}.{first[0]}: must be given, got nothing; do not take it away"
    inside = len(first) > len(names) and isinstance(first[len(names)], int)
    depth = len(names) + inside
    # of a setting that may be of several types, each has a fault of its own
    rules = [_rule(fault) for fault in faults if fault["loc"][:depth] == first[:depth]]
    rule = " or ".join(dict.fromkeys(rules)).replace(" or be ", " or ")
    if not names:  # a rule about several settings, whose text begins with the name of one
        name, _, rule = rule.partition(" must ")
        return f"{key}.{name}: must {rule}; fix one of them"
    value, default = _at(settings, names), _at(defaults, names)
    rule = f"each {rule}" if inside else rule
    got = "null" if value is None else printable(repr(value))
    got = "" if ", got " in rule else f", got {got}"
    name, fix = describe_setting(".".join([key, *names]), default)
    return f"{name}: must {rule}{got}; {fix}"


def describe_setting(name: str, default: object) -> tuple[str, str]:
    """Return a setting's name as the user knows it, source.frames is ${frames}, and the remedy.

    default: what its yaml gives.
    """
    if reference := REFERENCE.fullmatch(str(default)):
        name = reference[1]
        usual = top_level_defaults().get(name)
        default = usual if usual is not None else "FILE" if name == "input" else "null"
    has_default = default not in (None, "???")
    return name, f"set {name}={_written(default)}" if has_default else "its yaml in conf/ says more"


def _names(location: Sequence[int | str], settings: Mapping[str, Any]) -> list[str]:
    """Return the settings that lead to the fault; the rest of its location are pydantic's inner
    steps.
    """
    names: list[str] = []
    node: Any = settings
    for place in location:
        if not isinstance(node, Mapping) or place not in node:
            break
        names.append(str(place))
        node = node[place]
    return names


def _at(settings: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return what stands there, None if nothing does."""
    node: Any = settings
    for name in names:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def _rule(fault: Mapping[str, Any]) -> str:
    """Return what must be."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in RULES:
        return "be " + RULES[kind].format(**context)
    if kind != "value_error" and kind.partition("_")[0] in KINDS:
        return "be " + KINDS[kind.partition("_")[0]]
    text = str(fault["msg"]).removeprefix("Value error, ")
    return re.sub(r"^(must |(Input|Value) should )", "", text)


def _written(value: object) -> str:
    """Return the value as the command line takes it."""
    if isinstance(value, list):
        return f"[{','.join(_written(item) for item in value)}]"
    if isinstance(value, str) and not WORD.fullmatch(value):
        return quote(value)
    return str(value).lower() if isinstance(value, bool) else str(value)

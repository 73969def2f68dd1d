"""What pydantic found wrong with a part's settings, in one line: key, rule, value, remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pipeline.errors import shown

RULES = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "finite_number": "a finite number",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "of the form {pattern}",
}
"""Kind of fault -> what must be, with what pydantic tells of it."""

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


def line(
    key: str, error: ValidationError, settings: Mapping[str, Any], defaults: Mapping[str, Any]
) -> str:
    """The first fault. settings: what was given for `key`. defaults: what its yaml gives."""
    fault = error.errors()[0]
    names, value, default = [key], settings, defaults
    for place in fault["loc"]:
        # the rest of the place names pydantic's own inner steps
        if not _holds(value, place):
            break
        names.append(str(place))
        value, default = value[place], default[place] if _holds(default, place) else None
    name = ".".join(names)
    if len(names) == 1 and fault["type"] == "missing":
        return f"{key}.{fault['loc'][0]}: must be given, got nothing; do not take it away"
    # source.frames is ${frames}: the user knows it by the shorter name
    face = re.fullmatch(r"\$\{([\w.]+)\}", default) if isinstance(default, str) else None
    if face:
        name, default = face[1], "null"
    if len(names) == 1:  # a rule about several settings, whose text begins with one of them
        setting, _, rule = _rule(fault).partition(" ")
        return f"{key}.{setting}: {rule}; mend one of them"
    got = "null" if value is None else shown(repr(value))
    remedy = f"say {name}={_written(default)}" if default is not None else "see its yaml in conf/"
    return f"{name}: {_rule(fault)}, got {got}; {remedy}"


def _rule(fault: Mapping[str, Any]) -> str:
    """What must be."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in RULES:
        return "must be " + RULES[kind].format(**context)
    if kind != "value_error" and kind.partition("_")[0] in KINDS:
        return "must be " + KINDS[kind.partition("_")[0]]
    text = str(fault["msg"]).removeprefix("Value error, ")
    return re.sub(r"^(Input|Value) should ", "must ", text)


def _holds(node: Any, place: int | str) -> bool:
    if isinstance(node, Mapping):
        return place in node
    return isinstance(node, (list, tuple)) and isinstance(place, int) and place < len(node)


def _written(value: object) -> str:
    """The value as the command line takes it."""
    if isinstance(value, list):
        return f"[{','.join(_written(item) for item in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)

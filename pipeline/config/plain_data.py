"""Checks that settings are plain data: they call nothing, and cannot fill the memory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

from pipeline.errors import UserError, printable

MAX_BYTES = 1 << 14
"""Maximum size in bytes of a preset, and of the user's own defaults."""
MAX_DEPTH = 20
"""Maximum nesting depth of settings."""
REFERENCE = re.compile(r"\$\{(\w+)\}")
"""A reference to a single setting, without any other text: ${frames}."""
CALL = re.compile(r"(?<!\\)(?:\\\\)*\$\{[^}]*[:$]")
"""A call of a resolver, ${oc.env:HOME}, or a reference that contains another one."""


class RefusedError(Exception):
    """A refused file. The message completes a sentence that begins with the name of the file."""


def check_single(key: str, value: Any) -> None:
    """Raise UserError if the value is a list or mapping that contains a reference.

    Other settings may refer to the value, so references inside it could grow exponentially.
    """
    if isinstance(value, dict | list) and "${" in str(value):
        raise UserError(
            f"{key}: must not contain ${{...}}, got {printable(value)[:80]}; write the values "
            "instead"
        )


def check_calls(node: Any, key: str = "") -> None:
    """Raise UserError if any text in unresolved settings calls a resolver.

    key: where `node` is in the settings, for the error message.
    """
    children = node.items() if isinstance(node, dict) else enumerate(node)
    for name, child in children:
        place = f"{key}.{name}".lstrip(".")
        if isinstance(child, dict | list):
            check_calls(child, place)
        elif isinstance(child, str) and CALL.search(child):
            raise UserError(
                f"{printable(place)}: must not contain ${{...}} except for the name of a single "
                f"setting, got {printable(child)[:80]!r}; write the value instead"
            )


def check_plain(content: bytes, name: str, general: Iterable[str]) -> None:
    """Raise UserError unless yaml is plain data.

    Plain data has no aliases, no tags, at most MAX_DEPTH levels, and no references except to single
    settings. name: what contains the yaml, for the error message. general: settings that may be
    referred to. Raises yaml.YAMLError if the yaml cannot be parsed.
    """
    try:
        check_events(content, general)
    except RefusedError as error:
        raise UserError(f"{name} {error}") from error


def check_events(content: bytes, general: Iterable[str]) -> None:
    """Raise RefusedError unless yaml is plain data, and yaml.YAMLError if it cannot be parsed."""
    depth = 0
    for event in yaml.parse(content, Loader=yaml.SafeLoader):
        opens = isinstance(event, yaml.CollectionStartEvent)
        depth += opens - isinstance(event, yaml.CollectionEndEvent)
        text = event.value if isinstance(event, yaml.ScalarEvent) else ""
        if isinstance(event, yaml.AliasEvent):
            rule, got = "not contain aliases", f"*{event.anchor}"
        elif getattr(event, "tag", None):
            rule, got = "not contain tags", event.tag
        elif depth > MAX_DEPTH:
            rule, got = f"be nested at most {MAX_DEPTH} levels deep", "more"
        elif "${" in text and not ((found := REFERENCE.fullmatch(text)) and found[1] in general):
            rule, got = "not contain ${...} except for a single setting such as ${frames}", text
        else:
            continue
        raise RefusedError(f"must {rule}, got {printable(got)[:80]}; write plain values")

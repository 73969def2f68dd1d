"""The network that a look was made for: its layers and channels mean nothing to another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.config import own_presets
from pipeline.config.documentation import default_choice
from pipeline.config.hydra_config import yaml_of
from pipeline.errors import UserError, printable

MODEL = "override /model"
"""Key of the entry in a look's defaults list that names its network."""


def look_content(name: str) -> Mapping[str, Any]:
    """Return the content of a packaged look or of the user's own; empty if there is none."""
    return yaml_of("look", name) or own_presets.content("look", name)


def overrides_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a look's defaults list: "override /GROUP" -> its choice."""
    overrides: dict[str, Any] = {}
    for entry in content.get("defaults", []):
        overrides |= entry if isinstance(entry, dict) else {}
    return overrides


def check_look(settings: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Raise UserError if the layers of the look belong to another network than the chosen one.

    A look that names no network is made for the default one. settings: all settings, resolved.
    choices: group -> its choice.
    """
    look, model = str(choices.get("look")), str(choices["model"])
    content = look_content(look)
    objective = content.get("objective")
    layers = objective.get("layers") if isinstance(objective, dict) else None
    if layers is None or settings["objective"].get("layers") != layers:
        return
    made_for = overrides_of(content).get(MODEL, default_choice("model"))
    if model != made_for:
        raise UserError(
            f"look: must be used with the network that it was made for, got {printable(look)} "
            f"(model={printable(made_for)}) with model={printable(model)}; set "
            f"model={printable(made_for)}, or the layers of your network with objective.layers"
        )

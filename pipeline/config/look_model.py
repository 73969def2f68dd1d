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


def check_look(settings: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Raise UserError if the layers of the look belong to another network than the chosen one.

    A look that names no network is made for the default one. settings: all settings, resolved.
    choices: group -> its choice.
    """
    look, model = str(choices.get("look")), str(choices["model"])
    content = yaml_of("look", look) or own_presets.content("look", look)
    objective = content.get("objective")
    layers = objective.get("layers") if isinstance(objective, dict) else None
    if layers is None or settings["objective"].get("layers") != layers:
        return
    defaults = [one for one in content.get("defaults", []) if isinstance(one, dict)]
    made_for = next((one[MODEL] for one in defaults if MODEL in one), default_choice("model"))
    if model != made_for:
        raise UserError(
            f"look: must be used with the network that it was made for, got {printable(look)} "
            f"(model={printable(made_for)}) with model={printable(model)}; set "
            f"model={printable(made_for)}, or the layers of your network with objective.layers"
        )

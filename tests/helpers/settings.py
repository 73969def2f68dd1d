"""Settings as Hydra composes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers.stages import CONF
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf


def name(path: Path) -> str:
    """A yaml as the command line writes it."""
    return f"{path.parent.name}={path.stem}"


def composed(*overrides: str) -> dict[str, Any]:
    """The settings that these overrides lead to, as plain data."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        whole = compose("config", overrides=list(overrides))
    plain: Any = OmegaConf.to_container(whole, resolve=True)
    return dict(plain)

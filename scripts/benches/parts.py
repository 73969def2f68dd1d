"""The program's own parts with its own defaults, and a recording that keeps pictures in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import hydra
import torch
from omegaconf import DictConfig

from pipeline.__main__ import config_dir
from pipeline.frame import Picture
from pipeline.gradient import Gradient
from pipeline.recording import Recorder
from pipeline.render import Dreamt, render
from pipeline.source import Source

CPU = torch.device("cpu")


class Kept:
    """Takes pictures and forgets them; the bench looks at what `render` yields."""

    def append(self, picture: Picture) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""


def settings(overrides: Sequence[str] = ()) -> DictConfig:
    """The configuration that a user gets with these words on the command line."""
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        return hydra.compose("config", overrides=list(overrides))


def built(config: DictConfig, group: str) -> Any:
    """The part of this group."""
    return hydra.utils.instantiate(config[group], _convert_="all")


def gradient(config: DictConfig) -> Gradient:
    """The slope of the configured objective and model."""
    return Gradient(built(config, "model"), built(config, "objective"))


def rendered(
    source: Source, config: DictConfig, slope: Gradient, recording: Recorder | None = None
) -> Iterator[Dreamt]:
    """The render of this source, frame by frame, as the command line would do it."""
    names = ("cuts", "flow", "camera", "warp", "dreamer")
    parts = {name: built(config, name) for name in names}
    return render(
        source, **parts, gradient=slope, recording=recording or Kept(), seed=config.seed, device=CPU
    )

"""The channels that respond most to a picture, each with what it would most like to see.

The drawings are feature visualisations (Olah, Mordvintsev, Schubert 2017), made once for each
network and channel and kept in `~/.cache/dreamreel` (or `$XDG_CACHE_HOME/dreamreel`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from pipeline.config.compose import compose
from pipeline.explain.attribution import Heat
from pipeline.explain.layers import dream_with, strongest_channels
from pipeline.frame import Image, Picture, to_picture
from pipeline.model import Model
from pipeline.objective.channel import Channel
from pipeline.storage.atomic import atomic_write
from pipeline.storage.user_folders import user_folder

COUNT = 5
"""Number of channels that are shown."""
SIDE = 128
"""Side of a drawing in pixels."""
DRAWING = (
    *("recipe=visualise", "model=efficientnet_lite0", "objective=channel"),
    *("objective.layers=[stem]", "objective.channels=[0]", "output=drawing.png", "overwrite=true"),
    *(f"width={SIDE}", f"height={SIDE}", "dreamer.iterations=160", "dreamer.step_size=0.07"),
)
"""Settings of a drawing; its network and channel are replaced."""
VERSION = 1
"""Increased when drawings would look different."""


@dataclass(frozen=True)
class DrawnChannel:
    """A channel of a layer."""

    number: int
    """Its number, from 0."""
    drawing: Picture
    """Feature visualisation, drawn out of noise, (SIDE, SIDE, 3)."""
    heat: Heat
    """Where it responds to the picture, at the picture's size."""


def drawn_channels(
    model: Model, image: Image, layer: str, numbers: Sequence[int], device: torch.device
) -> list[DrawnChannel]:
    """Return these channels of a layer with their drawings, made unless they are cached."""
    with torch.no_grad():
        activation = model(image, [layer])[layer].float()
    maps = F.interpolate(activation, image.shape[2:], mode="bicubic")[0].clamp(min=0)
    result = []
    for number in numbers:
        heat = maps[number] / maps[number].max().clamp(min=1e-12)
        drawing = _drawing(model, layer, number, device)
        result.append(DrawnChannel(number, drawing, heat.cpu().numpy()))
    return result


def leading_channels(model: Model, image: Image, layer: str) -> list[int]:
    """Return the numbers of the COUNT channels of a layer that respond most to an image."""
    return strongest_channels(model, image, layer, COUNT)


def cache_folder() -> Path:
    """Return the folder of the drawings, whether it exists or not."""
    return user_folder("XDG_CACHE_HOME", "~/.cache") / "channels"


def _path(model: Model, layer: str, number: int) -> Path:
    name = re.sub(r"[^\w.-]", "_", layer)
    return cache_folder() / model.weights_sha256[:16] / f"{name}-{number}-v{VERSION}.png"


def _drawing(model: Model, layer: str, number: int, device: torch.device) -> Picture:
    path = _path(model, layer, number)
    cached = _cached(path)
    if cached is not None:
        return cached
    job = compose(*DRAWING, f"device={device}")
    job = replace(job, pipeline=replace(job.pipeline, model=model))
    picture = to_picture(dream_with(job, Channel(layers=(layer,), channels=(number,))))
    encoded, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert encoded
    with suppress(OSError):  # without a cache it is drawn again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_bytes(data.tobytes())
    return picture


def _cached(path: Path) -> Picture | None:
    """Return the cached drawing; None if there is none that can be read."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if picture is None or picture.shape != (SIDE, SIDE, 3):
        return None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)

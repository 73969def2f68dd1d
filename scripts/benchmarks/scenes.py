"""Footage whose motion is known exactly: a camera over a photograph."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import torch
from torch import Tensor

from pipeline.frame import Clip, FloatMap, Picture
from pipeline.imaging.sampling import pixel_grid

HEIGHT, WIDTH = 224, 400
RATE = 25
PAN_ANGLE = 20
"""Direction of pans in degrees below the horizontal, so that both coordinates have fractions."""


@dataclass(frozen=True)
class Scene:
    """A source of pictures with the exact backward flow; None for the first picture."""

    shots: tuple[Picture, ...]
    flows: tuple[FloatMap | None, ...]

    @property
    def clip(self) -> Clip:
        """400x224 pixels at 25 frames per second."""
        return Clip(HEIGHT, WIDTH, Fraction(RATE), len(self.shots))

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """Yield the pictures from frame `start` on."""
        yield from self.shots[start:]


def photograph(name: str) -> Picture:
    """Return one of scikit-image's photographs, RGB."""
    path = Path(skimage.data.__file__).parent / name
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def moving(frames: int, name: str = "motorcycle_left.png") -> Scene:
    """Return a scene of a panning, zooming, rotating camera, about 3 pixels of motion per frame."""
    ground = photograph(name)
    looks = [_camera(i / RATE, ground.shape[0], ground.shape[1]) for i in range(frames)]
    return _render(ground, looks)


def still(frames: int, name: str = "motorcycle_left.png") -> Scene:
    """Return a scene of the same camera, standing still."""
    ground = photograph(name)
    return _render(ground, [_camera(0, ground.shape[0], ground.shape[1])] * frames)


def steady(
    frames: int,
    *,
    pixels: float = 0,
    zoom: float = 1,
    degrees: float = 0,
    name: str = "motorcycle_left.png",
) -> Scene:
    """Return a scene of a camera at constant speed.

    pixels: pan per frame, mostly to the right. zoom: factor per frame. degrees: rotation per frame.
    The photograph is mirrored beyond its edges.
    """
    ground = photograph(name)
    height, width = ground.shape[:2]
    # pad as far as the camera gets: OpenCV itself mirrors only once
    beyond = math.ceil(pixels * frames + HEIGHT + WIDTH)
    ground = np.pad(ground, [(beyond, beyond), (beyond, beyond), (0, 0)], "symmetric")
    looks = []
    for i in range(frames):
        turn, scale = math.radians(degrees * i), zoom**-i
        c, s = scale * math.cos(turn), scale * math.sin(turn)
        right = beyond + width / 2 + pixels * i * math.cos(math.radians(PAN_ANGLE))
        down = beyond + height / 2 + pixels * i * math.sin(math.radians(PAN_ANGLE))
        looks.append(_similarity(c, s, right, down))
    return _render(ground, looks)


def joined(one: Scene, other: Scene) -> Scene:
    """Return both scenes, joined by a hard cut."""
    return Scene(one.shots + other.shots, one.flows + other.flows)


def positions(flow: FloatMap) -> Tensor:
    """Return the previous position of each pixel, (1, H, W, 2), as `sample` expects it."""
    grid = pixel_grid(flow.shape[0], flow.shape[1], torch.device("cpu"))
    return grid + torch.from_numpy(flow)[None]


def ages(flows: Sequence[FloatMap | None]) -> list[FloatMap]:
    """Return (H, W) per frame: how many frames ago each pixel came into view.

    1000 and more: it was in view in the first frame.
    """
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    edge = np.array([WIDTH, HEIGHT]) - 0.5
    found = [np.full((HEIGHT, WIDTH), 1000, np.float32)]
    for flow in flows[1:]:
        assert flow is not None
        there = flow + np.stack([x, y], axis=-1)
        age = cv2.remap(found[-1], there[..., 0], there[..., 1], cv2.INTER_NEAREST) + 1
        beyond = (there < -0.5) | (there > edge)
        age[beyond.any(axis=-1)] = 0
        found.append(np.asarray(age, np.float32))
    return found


def _camera(seconds: float, height: int, width: int) -> FloatMap:
    """Return the (3, 3) similarity from frame pixels to photograph pixels at this time."""
    turn = 2 * math.pi * seconds
    scale = 0.95 + 0.12 * math.sin(turn / 5)
    angle = math.radians(5 * math.sin(turn / 4.3))
    right = width / 2 + 0.9 * (width / 2 - WIDTH / 2 - 30) * math.sin(turn / 9 - 1.2)
    down = height / 2 + 0.7 * (height / 2 - HEIGHT / 2 - 40) * math.sin(turn / 6.1 + 0.5)
    return _similarity(scale * math.cos(angle), scale * math.sin(angle), right, down)


def _similarity(c: float, s: float, right: float, down: float) -> FloatMap:
    """Return the (3, 3) similarity from frame pixels to photograph pixels.

    c, s: cosine and sine of its angle, times its scale. right, down: position of the centre.
    """
    about = np.array([[1, 0, -(WIDTH - 1) / 2], [0, 1, -(HEIGHT - 1) / 2], [0, 0, 1]])
    return np.asarray(np.array([[c, -s, right], [s, c, down], [0, 0, 1]]) @ about)


def _render(ground: Picture, looks: Sequence[FloatMap]) -> Scene:
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    shots = tuple(
        np.asarray(
            cv2.warpAffine(
                ground, look[:2], (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT
            ),
            np.uint8,
        )
        for look in looks
    )
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    here = np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float64)
    flows: list[FloatMap | None] = [None]
    for before, now in pairwise(looks):
        back = np.linalg.inv(before) @ now
        flows.append(((here @ back.T)[..., :2] - here[..., :2]).astype(np.float32))
    return Scene(shots, tuple(flows))

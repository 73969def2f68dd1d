"""Pictures that move, whose flow is known."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.frame import FloatMap, Picture


def texture(height: int, width: int, seed: int, *, centre: float = 128) -> Picture:
    """Blurred colour noise, detailed enough for a flow to hold on to, (height, width, 3)."""
    noise = np.random.default_rng(seed).standard_normal((height, width, 3)).astype(np.float32)
    mixed = np.zeros_like(noise)
    for deviation in (1.5, 4.0):
        blurred = cv2.GaussianBlur(noise, (0, 0), deviation)
        mixed += blurred / blurred.std()
    return np.clip(centre + 28 * mixed, 0, 255).astype(np.uint8)


def pan(
    frames: int, *, height: int, width: int, velocity: tuple[int, int], seed: int = 0
) -> list[Picture]:
    """A camera that moves over a texture by velocity (x, y) pixels a frame.

    Its backward flow is the velocity: current[y, x] was previous[y + vy, x + vx].
    """
    vx, vy = velocity
    above, before = max(0, -vy * (frames - 1)), max(0, -vx * (frames - 1))
    whole = texture(height + abs(vy) * (frames - 1), width + abs(vx) * (frames - 1), seed)
    return [
        whole[above + vy * t : above + vy * t + height, before + vx * t : before + vx * t + width]
        for t in range(frames)
    ]


def square_moved(
    *, size: int, side: int, velocity: tuple[int, int]
) -> tuple[Picture, Picture, FloatMap, FloatMap]:
    """Current and previous picture of a textured square that moved over still, textured ground.

    Also the true backward flow, (size, size, 2), and where it is known, (size, size) float32: 0
    where the current picture shows ground that the square hid before.
    """
    ground, square = texture(size, size, 1, centre=90), texture(side, side, 2, centre=165)
    corner = (size - side) // 2
    vx, vy = velocity
    previous, current = ground.copy(), ground.copy()
    before = np.s_[corner : corner + side, corner : corner + side]
    now = np.s_[corner + vy : corner + vy + side, corner + vx : corner + vx + side]
    previous[before] = square
    current[now] = square
    known = np.ones((size, size), np.float32)
    known[before] = 0
    known[now] = 1
    flow = np.zeros((size, size, 2), np.float32)
    flow[now] = -vx, -vy
    return current, previous, flow, known

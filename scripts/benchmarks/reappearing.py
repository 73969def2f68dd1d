"""Footage in which content is hidden or leaves the frame, and reappears; and content that enters.

A *way* dreams over pictures; see `benchmarks.memory`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import scenes
from pipeline.frame import Picture, to_image
from pipeline.gradient import Gradient


@dataclass(frozen=True)
class Shown:
    """A dreamt frame."""

    layer: Tensor
    """Shown picture minus source, (1, 3, H, W)."""
    picture: Picture
    """The shown picture, (H, W, 3)."""
    gain: float
    steps: float


Way: TypeAlias = Callable[[Sequence[Picture]], list[Shown]]
"""Pictures -> the dreams of them."""
LEAD, REST = 24, 40
"""Frames before the first place reappears, and after the last measured place was hidden."""
AWAY, SPEED = 20, 10
"""Frames in which the camera pans away, and as many in which it returns; pixels per frame."""
SETTLED = 12
"""Frames before the camera moves."""
LATER = 5
"""Frames after content has returned at which it is measured."""
MOVING = 100
"""Frames of the scene in which content enters."""
RECENT = range(6, 11)
"""Frames since content entered: about 8."""
LONG_AGO = 25
"""Frames since content entered from which it belongs to the rest."""


def photograph(name: str) -> Picture:
    """Return a photograph of scikit-image at the size of the scenes."""
    size = scenes.WIDTH, scenes.HEIGHT
    return np.asarray(
        cv2.resize(scenes.photograph(name), size, interpolation=cv2.INTER_AREA), np.uint8
    )


def hidden(way: Way, frames: int) -> dict[str, float]:
    """Measure the layer two frames after places reappear, compared with that before.

    An opaque strip of another photograph crosses a photograph and hides each place for so many
    frames.
    """
    ground, strip = photograph("motorcycle_left.png"), photograph("astronaut.png")
    speed = 6 if frames < 30 else 3
    width = frames * speed
    object_ = np.asarray(cv2.resize(strip, (width, scenes.HEIGHT)), np.uint8)
    pictures, covered = [], []
    for index in range(LEAD + frames + REST):
        left = (index - LEAD) * speed - width + 100
        shown = slice(max(0, left), max(0, min(scenes.WIDTH, left + width)))
        picture, columns = ground.copy(), np.zeros(scenes.WIDTH, bool)
        picture[:, shown] = object_[:, shown.start - left : shown.stop - left]
        columns[shown] = True
        pictures.append(picture)
        covered.append(columns)
    layers = [frame.layer for frame in way(pictures)]
    before, after = [], []
    for index in range(10, len(layers)):
        back = covered[index - 3] & ~covered[index - 2]
        for column in np.flatnonzero(back):
            start = next((t for t in range(len(covered)) if covered[t][column]), 0)
            if start >= 4:  # two frames before it was hidden
                before.append(layers[start - 2][..., column])
                after.append(layers[index][..., column])
    return _compared(before, after)


def returning(way: Way) -> dict[str, float]:
    """Measure the layer of content that left the frame, soon after the camera has returned to it.

    The camera pans over a photograph to the right, and back.
    """
    ground = scenes.photograph("motorcycle_left.png")
    top = (ground.shape[0] - scenes.HEIGHT) // 2
    shifts = [0] * SETTLED
    shifts += [SPEED * (k + 1) for k in range(AWAY)]
    shifts += [SPEED * (AWAY - 1 - k) for k in range(AWAY)] + [0] * LATER
    pictures = [
        ground[top : top + scenes.HEIGHT, shift : shift + scenes.WIDTH].copy() for shift in shifts
    ]
    layers = [frame.layer for frame in way(pictures)]
    before, after = [], []
    for column in range(SPEED * AWAY):  # of the photograph
        out = [index for index, shift in enumerate(shifts) if shift > column]
        if len(out) > 1 and out[-1] + LATER < len(shifts):
            leaves, back = out[0] - 2, out[-1] + LATER
            before.append(layers[leaves][..., column - shifts[leaves]])
            after.append(layers[back][..., column - shifts[back]])
    return _compared(before, after)


def entering(way: Way, gradient_fn: Gradient) -> dict[str, float]:
    """Measure the gain of content that entered about 8 frames ago over that of the rest.

    A camera pans, zooms and turns over a photograph. "jump": the largest ratio of the gains of
    content that entered k + 1 and k frames ago.
    """
    footage = scenes.moving(MOVING)
    (layer,) = gradient_fn.objective.layers
    energy: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    ages = scenes.ages(footage.flows)
    for index, shown in enumerate(way(footage.shots)):
        if index < LONG_AGO:
            continue
        picture = to_image(footage.shots[index], shown.layer.device)
        for place, image in enumerate((picture + shown.layer, picture)):
            with torch.no_grad():
                squares = gradient_fn.model(image, [layer])[layer].square().mean(dim=1)[0]
            age = np.minimum(ages[index], LONG_AGO)
            small = cv2.resize(age, squares.shape[::-1], interpolation=cv2.INTER_AREA)
            where = torch.from_numpy(np.rint(small))
            for since in range(LONG_AGO + 1):
                energy[since][place] += float(squares[where == since].sum())
    gains = {since: dreamt / plain for since, (dreamt, plain) in energy.items() if plain}
    recent = sum(energy[since][0] for since in RECENT) / sum(energy[since][1] for since in RECENT)
    ratios = [gains[later] / gains[since] for since, later in pairwise(sorted(gains))]
    return {"gain": recent / gains[LONG_AGO], "jump": max(ratios)}


def _compared(before: Sequence[Tensor], after: Sequence[Tensor]) -> dict[str, float]:
    """Return the correlation of two lists of columns of layers, and the energy of the second."""
    one, other = torch.stack(list(before)), torch.stack(list(after))
    return {
        "correlation": float(F.cosine_similarity(one.flatten(), other.flatten(), dim=0)),
        "energy": float(other.square().mean() / one.square().mean()),
    }

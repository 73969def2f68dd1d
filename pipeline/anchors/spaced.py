"""Anchors at two distances: a few recent frames, and a few that are farther back.

Neoral, Serych, Matas 2024, "MFT: Long-term tracking of every pixel", matches a frame with several
earlier ones, at growing distances, and uses the most reliable match of each pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import cv2
import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.anchors import FlowFn, Snapshot
from pipeline.canvas import Canvas
from pipeline.dreamer import Dream
from pipeline.frame import FloatMap, Frame, Motion, Picture, to_device
from pipeline.imaging.flow_field import enlarge_flow, outside, targets
from pipeline.imaging.greyscale import grey
from pipeline.imaging.mixing import smoothstep
from pipeline.imaging.resizing import reduce_picture
from pipeline.imaging.sampling import pixel_grid, sample

GIVEN = 0.2
"""Maturity of a dream that is given back: a few larger steps restore what the match has lost.
Measured where an object hid places for 30 frames: with 0.6, the layer has 0.84 of its energy
before, with 0.2 0.90 and with 0.1 0.92, but it correlates less with the one before."""
UNKNOWN = 0.03
"""Weight of a carried layer that does not belong to the picture. With 0.15 it smears what is given
back next to a moving object: 0.86 of the energy before instead of 0.90, in 15 frames."""
LEAST_SIDE = 96
"""Smallest side in pixels of a picture that is matched at half its size."""
SAME = 8.0
"""Mean difference of matching pixels, of 255, up to which they show the same; from twice of it on
they do not."""
DISTINCT = 10.0
"""Standard deviation of a window, of 255, from which a match is fully trusted: plain content
matches with anything."""
WINDOW, NEAR = 7, 3
"""Sides in pixels of the squares over which differences are averaged."""
SHOTS = 6
"""Largest number of earlier shots that a cut may return to."""
SAME_SHOT = 0.5
"""Share of the distinct content of a picture that must be in a snapshot of the same scene."""


@dataclass(frozen=True)
class Spaced:
    """Keeps frames at regular distances from the start of the shot."""

    interval: Annotated[int, Field(ge=1, le=1000)]
    """Distance in frames of recent anchors."""
    recent: Annotated[int, Field(ge=0, le=32)]
    """Number of recent anchors."""
    long_interval: Annotated[int, Field(ge=1, le=1000)]
    """Distance in frames of the anchors that are farther back."""
    distant: Annotated[int, Field(ge=0, le=32)]
    """Number of those."""
    matches: Annotated[int, Field(ge=1, le=32)]
    """Largest number of snapshots that a frame is matched with."""
    least: Annotated[float, Field(ge=0, le=1)]
    """Share of the frame, distinct and without a reliable motion, from which it is matched."""
    across_cuts: bool
    """Whether a cut back to one of the last shots continues the dream of that shot."""

    def __call__(
        self,
        canvas: Canvas,
        frame: Frame,
        previous: Picture | None,
        snapshots: Sequence[Snapshot],
        flow: FlowFn,
    ) -> Canvas:
        """Return the canvas with the dream of content that is in a snapshot."""
        if frame.picture is None or not snapshots or not canvas.accepts_layers:
            return canvas
        if frame.cut and self.across_cuts:
            return _after_cut(canvas, frame.picture, snapshots, flow)
        if frame.motion is None or previous is None:
            return canvas
        device = canvas.maturity.device
        distinct = _distinctness(frame.picture)
        # plain content is never given back, so it is not worth a match
        findable = (1 - canvas.confidence) * to_device(distinct, device)
        if self._too_little(findable):
            return canvas
        same = to_device(_sameness(frame.picture, previous, frame.motion.flow, distinct), device)
        known = canvas.maturity * same[None, None]
        given = torch.zeros_like(known)
        layer = torch.zeros_like(canvas.layer)
        grid = pixel_grid(known.shape[2], known.shape[3], device)
        for snapshot in self._candidates(snapshots):
            missing = 1 - known - given
            if self._too_little(missing * findable):
                break
            match = _match(frame.picture, snapshot.picture, flow, distinct)
            if match is None:
                break
            positions = grid + to_device(match.flow, device)[None]
            earlier = sample(snapshot.layer.float(), positions, canvas.border)
            trusted = to_device(match.confidence, device)[None, None]
            share = missing * (1 - canvas.confidence) * trusted * earlier[:, 3:].clamp(0, 1)
            layer.addcmul_(earlier[:, :3], share)
            given = given + share
        total = known + given
        # what is neither carried nor given back is in the carried layer, with little weight
        known_or_not = total + UNKNOWN * (1 - total)
        weight = smoothstep(given / known_or_not)
        return replace(
            canvas.mixed_with(layer / given.clamp(min=1e-6), weight),
            given=given,
            maturity=torch.maximum(canvas.maturity, known + GIVEN * given),
            kept=torch.maximum(canvas.kept, smoothstep(total / known_or_not)),
        )

    def keep(
        self, snapshots: Sequence[Snapshot], frame: Frame, canvas: Canvas, dream: Dream, age: int
    ) -> tuple[Snapshot, ...]:
        """Return the snapshots at the chosen distances, with this frame if it is one of them."""
        if age == 0:
            snapshots = _of_earlier_shots(snapshots) if self.across_cuts else ()
        ages = self._ages(age)
        kept = [one for one in snapshots if one.age < 0 or one.age in ages]
        if age in ages and frame.picture is not None:
            kept.append(Snapshot.of(age, frame.picture, canvas, dream))
        return tuple(kept)

    def _too_little(self, missing: Tensor) -> bool:
        """Return whether few pixels of this map, (1, 1, H, W) in [0, 1], lack their dream."""
        return float((missing > 0.5).float().mean()) < self.least

    def _ages(self, age: int) -> set[int]:
        """Return the ages of the snapshots to keep after the frame of this age."""
        return {
            step * (age // step - k)
            for step, count in ((self.interval, self.recent), (self.long_interval, self.distant))
            for k in range(count)
        }

    def _candidates(self, snapshots: Sequence[Snapshot]) -> list[Snapshot]:
        """Return the snapshots to match with, the best one first.

        A recent one is near enough for an exact match, and far enough for most of what has passed
        by; then come the others, evenly spaced, from the oldest on.
        """
        snapshots = [one for one in snapshots if one.age >= 0]
        recent, others = snapshots[-2:][0], snapshots[:-2]
        step = max(1, len(others) // max(1, self.matches - 1))
        return [recent, *others[::step]][: self.matches]


def _of_earlier_shots(snapshots: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    """Return the newest snapshot of each of the last shots, after a shot with these snapshots."""
    newest = _newest(snapshots)[-SHOTS:]
    return tuple(replace(one, age=k - len(newest)) for k, one in enumerate(newest))


def _newest(snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """Return the newest snapshot of each shot, ascending."""
    return [*(one for one in snapshots[:-1] if one.age < 0), *snapshots[-1:]]


def _after_cut(
    canvas: Canvas, picture: Picture, snapshots: Sequence[Snapshot], flow: FlowFn
) -> Canvas:
    """Return the canvas of the first frame of a shot, with the dream of the shot it returns to."""
    distinct = _distinctness(picture)
    content = max(float(distinct.sum()), 1.0)
    found, best = None, SAME_SHOT
    for snapshot in _newest(snapshots):
        match = _match(picture, snapshot.picture, flow, distinct)
        if match is None:
            return canvas
        if (share := float(match.confidence.sum()) / content) > best:
            found, best = (snapshot, match.flow), share
    if found is None:
        return canvas
    snapshot, field = found
    device = canvas.maturity.device
    grid = pixel_grid(distinct.shape[0], distinct.shape[1], device)
    earlier = sample(snapshot.layer.float(), grid + to_device(field, device)[None], canvas.border)
    # in a picture that was recognised, plain content is trusted too where it matches
    same = _sameness(picture, snapshot.picture, field, np.ones_like(distinct))
    known = to_device(same, device)[None, None] * earlier[:, 3:].clamp(0, 1)
    return replace(
        canvas,
        layer=earlier[:, :3],
        kept=known,
        maturity=known,
        given=known,
    )


def _match(current: Picture, earlier: Picture, flow: FlowFn, distinct: FloatMap) -> Motion | None:
    """Return the motion from the earlier to the current picture, with confidence in the match.

    distinct: distinctness of the current picture.
    The flow's own confidence is low next to what moves differently, which is where content
    reappears. What counts here is that both pictures show the same.
    """
    height, width = current.shape[:2]
    halved = min(height, width) >= 2 * LEAST_SIDE
    size = (height // 2, width // 2) if halved else (height, width)
    motion = flow(*(reduce_picture(picture, size) for picture in (current, earlier)))
    if motion is None:
        return None
    field = enlarge_flow(motion.flow, (height, width)) if halved else motion.flow
    return Motion(field, _sameness(current, earlier, field, distinct))


def _distinctness(picture: Picture) -> FloatMap:
    """Return how distinct the surroundings of each pixel are, (H, W) in [0, 1]; 0: plain."""
    light = grey(picture)
    mean = cv2.boxFilter(light, cv2.CV_32F, (WINDOW, WINDOW))
    square = cv2.sqrBoxFilter(light, cv2.CV_32F, (WINDOW, WINDOW)) - mean * mean
    return np.asarray(np.clip(np.sqrt(np.maximum(square, 0)) / DISTINCT, 0, 1), np.float32)


def _sameness(current: Picture, earlier: Picture, flow: FloatMap, distinct: FloatMap) -> FloatMap:
    """Return whether matching pixels show the same, (H, W) in [0, 1]; 0 outside of the earlier one.

    distinct: distinctness of the current picture. A pixel must match with one of the windows that
    contain it: at the edge of an object, half of the window around it shows the object.
    """
    moved = cv2.remap(earlier, *targets(flow), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = grey(np.asarray(cv2.absdiff(current, moved), np.uint8))
    window = cv2.boxFilter(difference, cv2.CV_32F, (WINDOW, WINDOW))
    window = cv2.erode(window, np.ones((WINDOW, WINDOW), np.uint8))
    near = cv2.boxFilter(difference, cv2.CV_32F, (NEAR, NEAR))
    trusted = distinct * np.clip(2 - window / SAME, 0, 1) * np.clip(2 - near / (2 * SAME), 0, 1)
    trusted[outside(flow)] = 0
    return np.asarray(trusted, np.float32)

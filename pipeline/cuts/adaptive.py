"""Cuts by PySceneDetect's adaptive detector, which a fast camera does not fool.

A cut is a frame whose change of hue, saturation and brightness stands out among its neighbours'.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Annotated, TypeVar

import cv2
import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from scenedetect import AdaptiveDetector, ContentDetector, FrameTimecode

from pipeline.cuts import Change
from pipeline.frame import Picture, to_uint8

T = TypeVar("T")

NEIGHBOURS = 2
"""Frames on either side that a change is compared with."""
LOOKED_AT = 256
"""Pixels of the longer side at which pictures are compared; more tells no more."""


@dataclass(frozen=True)
class Adaptive:
    """Finds cuts and flashes."""

    ratio: Annotated[float, Field(gt=1)]
    """Factor over its neighbours' mean from which a change may be a cut."""
    least_change: Annotated[float, Field(gt=0, le=255)]
    """Mean change of hue, saturation and brightness, 0..255, below which nothing is a cut."""
    flash_frames: Annotated[int, Field(ge=0, le=30)]
    """Longest flash in frames: a change back after at most so many is no cut; 0 = no flashes."""

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        """Yield the pictures with the changes among them; holds at most flash_frames + 3 of
        them."""
        source = iter(pictures)
        rest: list[None] = []

        def filmed() -> Iterator[Picture]:
            for picture in source:
                if picture is None:
                    rest.append(picture)
                    return
                yield picture

        yield from self._shots(filmed())
        for nothing in chain(rest, source):
            yield nothing, Change.NONE

    def _shots(self, pictures: Iterable[Picture]) -> Iterator[tuple[Picture, Change]]:
        marked = _marked(pictures, self.ratio, self.least_change)
        ahead: deque[tuple[Picture, bool]] = deque()
        before: Picture | None = None
        flashing = 0
        for item in _then(marked, self.flash_frames + 1):
            if item is not None:
                ahead.append(item)
                if len(ahead) <= self.flash_frames + 1:
                    continue
            if not ahead:
                return
            picture, jump = ahead.popleft()
            # Behind a flash the shot jumps too, but back to what was before.
            if flashing == 0 and jump and before is not None and self._left(before, picture):
                later = [downscaled(following) for following, _ in ahead]
                flashing = self._lasts(before, later)
                if flashing == 0:
                    yield picture, Change.CUT
                    before = downscaled(picture)
                    continue
            if flashing > 0:
                flashing -= 1
                yield picture, Change.FLASH
                continue
            yield picture, Change.NONE
            before = downscaled(picture)

    def _left(self, before: Picture, picture: Picture) -> bool:
        """Return whether the picture is of another shot than the one before it, as `downscaled`
        made that.
        """
        return _differ(before, downscaled(picture), self.least_change)

    def _lasts(self, before: Picture, later: list[Picture]) -> int:
        """For how many frames it flashes, until a later picture is like the one before; or 0."""
        for frames, picture in enumerate(later[: self.flash_frames], start=1):
            if not _differ(before, picture, self.least_change):
                return frames
        return 0


def downscaled(picture: Picture) -> Picture:
    """Return the picture at the size at which it is compared, (h, w, 3) uint8, in OpenCV's BGR."""
    scale = min(1.0, LOOKED_AT / max(picture.shape[:2]))
    shrunk = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(to_uint8(shrunk.astype(picture.dtype, copy=False))[..., ::-1])


def _marked(
    pictures: Iterable[Picture], ratio: float, least_change: float
) -> Iterator[tuple[Picture, bool]]:
    """Yield each picture with whether it stands out from the one before."""
    detector = AdaptiveDetector(
        adaptive_threshold=ratio,
        min_scene_len=1,
        window_width=NEIGHBOURS,
        min_content_val=least_change,
    )
    waiting: deque[Picture] = deque()
    clock = 0
    last: Picture | None = None
    for picture in _then(pictures, NEIGHBOURS):
        if picture is not None:
            waiting.append(picture)
            last = downscaled(picture)
        if last is None:
            return
        # The detector judges a frame only between two neighbours on either side: before the first
        # and behind the last it is shown them again.
        for _ in range(NEIGHBOURS + 1 if clock == 0 else 1):
            found = detector.process_frame(FrameTimecode(clock, 25.0), last)
            clock += 1
        # A single picture is fewer than there are neighbours to make up for behind it.
        if waiting and (len(waiting) > NEIGHBOURS or picture is None):
            yield waiting.popleft(), bool(found)


def _differ(one: Picture, other: Picture, threshold: float) -> bool:
    """Return whether two pictures, as `downscaled` makes them, belong to different shots."""
    detector = ContentDetector(threshold=threshold, min_scene_len=0)
    detector.process_frame(FrameTimecode(0, 25.0), one)
    return bool(detector.process_frame(FrameTimecode(1, 25.0), other))


def _then(items: Iterable[T], count: int) -> Iterator[T | None]:
    """Yield the items, then None `count` times."""
    yield from items
    for _ in range(count):
        yield None

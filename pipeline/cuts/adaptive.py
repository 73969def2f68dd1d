"""Cut detection by PySceneDetect's adaptive detector, which fast camera motion does not mislead.

A cut is a frame whose change of hue, saturation and brightness clearly exceeds that of its
neighbours.
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
"""Number of frames on either side with whose change a frame's change is compared."""
COMPARISON_SIZE = 256
"""Longer side in pixels of the pictures that are compared; larger ones give no better result."""


@dataclass(frozen=True)
class Adaptive:
    """Detects cuts and flashes."""

    ratio: Annotated[float, Field(gt=1)]
    """Smallest ratio of a frame's change to the mean change of its neighbours that may be a cut."""
    least_change: Annotated[float, Field(gt=0, le=255)]
    """Smallest mean change of hue, saturation and brightness, 0..255, that may be a cut."""
    flash_frames: Annotated[int, Field(ge=0, le=30)]
    """Maximum length of a flash in frames; a longer one is two cuts. 0: no flashes."""

    def __call__(
        self, pictures: Iterable[Picture | None]
    ) -> Iterator[tuple[Picture | None, Change]]:
        """Yield each picture with its change. Reads flash_frames + 3 pictures ahead."""
        source = iter(pictures)
        rest: list[None] = []

        def footage() -> Iterator[Picture]:
            for picture in source:
                if picture is None:
                    rest.append(picture)
                    return
                yield picture

        yield from self._shots(footage())
        for missing in chain(rest, source):
            yield missing, Change.NONE

    def _shots(self, pictures: Iterable[Picture]) -> Iterator[tuple[Picture, Change]]:
        marked = _with_jumps(pictures, self.ratio, self.least_change)
        ahead: deque[tuple[Picture, bool]] = deque()
        before: Picture | None = None
        flashing = 0
        for item in _pad_with_none(marked, self.flash_frames + 1):
            if item is not None:
                ahead.append(item)
                if len(ahead) <= self.flash_frames + 1:
                    continue
            if not ahead:
                return
            picture, jump = ahead.popleft()
            # The end of a flash is a jump too, but back to the picture before it, so it is no cut.
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
        """Return whether the picture is from a different shot than the downscaled one before it."""
        return _differ(before, downscaled(picture), self.least_change)

    def _lasts(self, before: Picture, later: list[Picture]) -> int:
        """Return the length of a flash in frames: until a later picture resembles `before`.

        Returns 0 if there is no flash. before, later: downscaled pictures.
        """
        for frames, picture in enumerate(later[: self.flash_frames], start=1):
            if not _differ(before, picture, self.least_change):
                return frames
        return 0


def downscaled(picture: Picture) -> Picture:
    """Return the picture scaled down for comparison: (h, w, 3) uint8 in OpenCV's BGR order."""
    scale = min(1.0, COMPARISON_SIZE / max(picture.shape[:2]))
    shrunk = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(to_uint8(shrunk.astype(picture.dtype, copy=False))[..., ::-1])


def _with_jumps(
    pictures: Iterable[Picture], ratio: float, least_change: float
) -> Iterator[tuple[Picture, bool]]:
    """Yield each picture with whether the detector finds a cut at it."""
    detector = AdaptiveDetector(
        adaptive_threshold=ratio,
        min_scene_len=1,
        window_width=NEIGHBOURS,
        min_content_val=least_change,
    )
    waiting: deque[Picture] = deque()
    clock = 0
    last: Picture | None = None
    for picture in _pad_with_none(pictures, NEIGHBOURS):
        if picture is not None:
            waiting.append(picture)
            last = downscaled(picture)
        if last is None:
            return
        # The detector needs NEIGHBOURS frames before and after a frame to judge it, so the first
        # and the last picture are repeated.
        for _ in range(NEIGHBOURS + 1 if clock == 0 else 1):
            found = detector.process_frame(FrameTimecode(clock, 25.0), last)
            clock += 1
        # A single picture is followed by more padding than there are pictures waiting.
        if waiting and (len(waiting) > NEIGHBOURS or picture is None):
            yield waiting.popleft(), bool(found)


def _differ(one: Picture, other: Picture, threshold: float) -> bool:
    """Return whether two downscaled pictures belong to different shots."""
    detector = ContentDetector(threshold=threshold, min_scene_len=0)
    detector.process_frame(FrameTimecode(0, 25.0), one)
    return bool(detector.process_frame(FrameTimecode(1, 25.0), other))


def _pad_with_none(items: Iterable[T], count: int) -> Iterator[T | None]:
    """Yield the items, then None `count` times."""
    yield from items
    for _ in range(count):
        yield None

"""A result that plays forwards and then backwards: loop=pingpong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from pipeline.encoder import Encoder
from pipeline.frame import Clip, Picture
from pipeline.storage.atomic import temporary_path


def mirrored_clip(clip: Clip) -> Clip:
    """Return the clip of the result, which has no sound.

    Where it turns, no picture is shown twice, so n pictures become 2n - 2.
    """
    count = None if clip.count is None else max(clip.count, 2 * clip.count - 2)
    return replace(clip, count=count, tracks=None)


def backwards(segments: Sequence[Path], encoder: Encoder, clip: Clip) -> Iterator[Picture]:
    """Yield the pictures of the segments from the last but one to the second, decoded.

    One segment at a time is decoded, into a temporary file next to it. Raises UserError, and
    OSError if there is no space for that file.
    """
    pictures = chain.from_iterable(
        _reversed(segment, encoder, clip) for segment in reversed(segments)
    )
    next(pictures)
    for picture, _ in pairwise(pictures):
        yield picture


def _reversed(segment: Path, encoder: Encoder, clip: Clip) -> Iterator[Picture]:
    """Yield the pictures of a segment, the last first."""
    dtype = np.dtype(f"u{clip.depth // 8}")
    raw = temporary_path(segment)
    try:
        with raw.open("xb", buffering=0) as file:
            for picture in encoder.pictures(segment, clip):
                file.write(np.ascontiguousarray(picture).data)
        decoded = np.memmap(raw, dtype, "r").reshape(-1, clip.height, clip.width, 3)
        for picture in decoded[::-1]:
            yield np.array(picture)
    finally:
        raw.unlink(missing_ok=True)

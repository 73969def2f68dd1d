"""Contract: what keeps a dream in shape that is carried for a long time. One file a way."""

from __future__ import annotations

from typing import Protocol

from pipeline.canvas import Canvas


class Governor(Protocol):
    """Corrects what was carried before it is dreamt on again."""

    def __call__(self, canvas: Canvas, *, rate: float, steady: bool) -> Canvas:
        """Return the canvas, corrected by a frame's share.

        It may change `layer`, `level` and `strength`. It keeps nothing itself: what it must know
        of earlier frames is `canvas.level`. rate: frames a second. steady: whether dreamer and
        objective are set as in the last frame; if not, the dream is meant to change.
        """

"""Motion per frame, with the parameters of Deforum's 2D animation mode."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, FiniteFloat
from pydantic.dataclasses import dataclass
from torch import Tensor


@dataclass(frozen=True)
class PerFrame:
    """Shifts the dream, then enlarges and rotates it around the centre, by an amount per frame.

    As these amounts belong to a frame, the motion is faster at a higher frame rate.
    """

    zoom: Annotated[float, Field(ge=0.1, le=10)]
    """Factor by which the dream grows per frame."""
    angle: FiniteFloat
    """Counter-clockwise rotation of the dream per frame, in degrees."""
    translation_x: FiniteFloat
    """Shift of the dream to the right per frame, in pixels of a picture `width` pixels wide."""
    translation_y: FiniteFloat
    """Shift of the dream downwards per frame, in the same pixels."""
    width: Annotated[int, Field(ge=16)]
    """Width in pixels of the picture that the shifts are given for."""

    def __call__(self, positions: Tensor, time: float, rate: float) -> Tensor:
        """Return where these positions were one frame ago: turned back, nearer, shifted back."""
        angle, scale = math.radians(self.angle), positions.shape[2] / self.width
        cosine, sine = math.cos(angle), math.sin(angle)
        # Row vectors times this matrix rotate clockwise, as y points down.
        rotation = positions.new_tensor([[cosine, sine], [-sine, cosine]])
        shift = positions.new_tensor([self.translation_x * scale, self.translation_y * scale])
        return positions @ (rotation / self.zoom) - shift

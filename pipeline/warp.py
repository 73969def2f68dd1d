"""Carries the last dream layer along the motion onto the picture: frame + last state -> canvas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass as part
from torch import Tensor

from pipeline.camera import Camera
from pipeline.frame import Frame, Image, State, Strength, sent, to_image
from pipeline.imaging.layer_level import LayerLevel
from pipeline.imaging.sampling import Border, pixel_grid, sample


@dataclass(frozen=True)
class Canvas:
    """A picture with the carried dream layer, on which the next dream starts."""

    picture: Image | None
    """(1, 3, H, W) in [0, 1]; None where nothing was filmed: the whole last dream is carried."""
    layer: Tensor
    """(1, 3, H, W), what was carried: the last dream layer, or without a picture the last dream."""
    kept: Tensor
    """The share of the layer that goes onto the picture, () or (1, 1, H, W) in [0, 1]."""
    maturity: Tensor
    """(1, 1, H, W) in [0, 1], how far the dream has grown; 0 where nothing was carried, or all."""
    positions: Tensor | None
    """(1, H, W, 2), where each pixel was in the last frame, in pixels from the centre; None where
    nothing was carried."""
    confidence: Tensor
    """(1, 1, H, W) in [0, 1], of the positions."""
    strength: Strength
    border: Border = "reflect"
    """What was taken to lie beyond the edges."""
    level: LayerLevel | None = None
    """The strength that the layer is to keep; None where it is not known."""

    @cached_property
    def image(self) -> Image:
        """The layer on the picture, (1, 3, H, W) in [0, 1]."""
        if self.picture is None:
            return self.layer
        return (self.picture + self.kept * self.layer).clamp_(0, 1)


@part(frozen=True)
class Warp:
    """canvas = picture + persistence * kept * W(last dream - last picture).

    W samples at x + flow(x), the flow backward. Carrying the layer, not the picture, leaves the
    source sharp; the transport is that of Ruder, Dosovitskiy, Brox 2016, applied to the layer.

    Where nothing was filmed, canvas = W(last dream): zoom-in feedback. There the dream is its own
    picture, and never mature: what flies towards us must be dreamt anew at every size.

    persistence: the share of the layer that is kept from one frame to the next. least_kept: kept is
    the confidence in the motion, but no less than this: 0 = what was hidden, or moves too wildly,
    is dreamt anew; more = the dream that lay there is dreamt on. border: what lies beyond the
    edges, the frame mirrored (reflect) or over again (wrap).
    """

    persistence: Annotated[float, Field(ge=0, le=1)]
    least_kept: Annotated[float, Field(ge=0, le=1)]
    border: Border

    @torch.no_grad()
    def __call__(
        self, frame: Frame, state: State, camera: Camera, *, rate: float, device: torch.device
    ) -> Canvas:
        """The canvas of this frame, on `device`.

        Raises ValueError for a frame without a picture where there is no dream to go on with.
        """
        if frame.picture is None:
            return self._carried_whole(frame, state, camera, rate)
        picture = to_image(frame.picture, device)
        one = torch.ones((), device=device)
        if state.dream is None or state.maturity is None or state.picture is None or frame.cut:
            nothing = torch.zeros_like(picture[:, :1])
            layer = torch.zeros_like(picture)
            return Canvas(picture, layer, one, nothing, None, nothing, Strength.alike(one),
                          self.border)  # fmt: skip
        positions = pixel_grid(picture.shape[2], picture.shape[3], device)
        confidence = torch.ones_like(picture[:, :1])
        if frame.motion is not None:
            positions = positions + sent(frame.motion.flow, device)[None]
            confidence = sent(frame.motion.confidence, device)[None, None]
        positions = camera(positions, frame.time, rate)
        layer = state.dream - to_image(state.picture, device)
        level = (state.level or LayerLevel.of(layer)).carried(positions, self.border)
        # One sampling for both: positions cost more than channels.
        carried = sample(torch.cat([layer, state.maturity], dim=1), positions, self.border)
        trusted = confidence.clamp(min=self.least_kept)
        maturity = carried[:, 3:].clamp(0, 1) * trusted
        return Canvas(picture, carried[:, :3], self.persistence * trusted, maturity, positions,
                      confidence, Strength.alike(one), self.border, level)  # fmt: skip

    def _carried_whole(self, frame: Frame, state: State, camera: Camera, rate: float) -> Canvas:
        """The canvas of a frame that was not filmed: all of the last dream, moved by the camera."""
        if state.dream is None:
            raise ValueError("the first frame must have a picture, got None")
        height, width = state.dream.shape[2:]
        grid = pixel_grid(height, width, state.dream.device)
        positions = camera(grid, frame.time, rate)
        image = sample(state.dream, positions, self.border).clamp_(0, 1)
        one, nothing = torch.ones((), device=image.device), torch.zeros_like(image[:, :1])
        return Canvas(None, image, one, nothing, positions, torch.ones_like(nothing),
                      Strength.alike(one), self.border)  # fmt: skip

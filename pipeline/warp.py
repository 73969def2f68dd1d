"""Warp: carries the last dream layer along the motion onto the picture."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from pipeline.camera import Camera
from pipeline.canvas import Canvas, Strength, composite
from pipeline.frame import Frame, Image, to_device, to_image
from pipeline.imaging.layer_level import LayerLevel
from pipeline.imaging.sampling import Border, pixel_grid, sample
from pipeline.state import State
from pipeline.transitions import Transition, begin, follow, in_flash

GROWN = 0.95
"""Mean maturity of a dream from which its strength is the level to keep."""


@dataclass(frozen=True)
class Warp:
    """canvas = picture + kept * W(last dream - last picture), where
    kept = persistence * exp(-renewal_per_second / rate) * max(confidence, least_kept).

    W samples at x + flow(x), where flow is the backward flow. Only the layer is resampled, so the
    source stays sharp. The transport is that of Ruder, Dosovitskiy, Brox 2016, applied to the
    layer.

    Without footage, canvas = W(last dream): zoom-in feedback. Its maturity is always 0, as content
    that moves towards the viewer must be dreamt again at every size.
    """

    persistence: Annotated[float, Field(ge=0, le=1)]
    """Share of the layer that is kept from one frame to the next."""
    least_kept: Annotated[float, Field(ge=0, le=1)]
    """Smallest share that is kept where the confidence in the motion is low. 0: the dream starts
    from the picture where content was hidden or moves too fast; more: the old dream is continued
    there."""
    renewal_per_second: Annotated[float, Field(ge=0, le=100)]
    """Rate at which the dream is given up and dreamt again, per second: r replaces 1 - exp(-r) of
    it in a second. 0: content keeps its motifs for as long as it is visible."""
    transitions: bool
    """Whether the layer fades with the picture that it was dreamt on, in fades and dissolves, and
    blank pictures are left as they are."""
    border: Border
    """How the layer continues beyond its edges: mirrored (reflect) or repeated (wrap)."""

    @torch.no_grad()
    def __call__(
        self, frame: Frame, state: State, camera: Camera, *, rate: float, device: torch.device
    ) -> Canvas:
        """Return the canvas of this frame, on `device`.

        rate: frames per second. Raises ValueError if there is neither a picture nor a last dream.
        """
        if frame.picture is None:
            return self._carried_whole(frame, state, camera, rate)
        picture = to_image(frame.picture, device)
        one, nothing = torch.ones((), device=device), torch.zeros_like(picture[:, :1])
        blank = Canvas(
            picture=picture,
            layer=torch.zeros_like(picture),
            kept=one,
            maturity=nothing,
            positions=None,
            confidence=nothing,
            strength=Strength.alike(one),
            border=self.border,
            mask=_mask_at(frame, picture),
            index=frame.index,
        )
        positions = pixel_grid(picture.shape[2], picture.shape[3], device)
        if state.dream is None or state.maturity is None or state.picture is None or frame.cut:
            start = begin(picture) if self.transitions else Transition()
            return replace(
                blank,
                visibility=start.visibility,
                reference=start.reference,
                follows_picture=camera(positions, frame.time, rate) is positions,
            )
        confidence = torch.ones_like(picture[:, :1])
        if frame.motion is not None:
            positions = positions + to_device(frame.motion.flow, device)[None]
            confidence = to_device(frame.motion.confidence, device)[None, None]
        transition = self._transition(frame, state, picture, positions, confidence)
        moved, positions = positions, camera(positions, frame.time, rate)
        layer, factor = state.dream - to_image(state.picture, device), transition.layer_factor
        level = state.level
        if level is None and float(state.maturity.mean()) >= GROWN:
            level = LayerLevel.of(layer)
        if level is not None:
            level = level.carried(positions, self.border)
        # Layer and maturity are sampled together: positions cost more than channels.
        carried = sample(torch.cat([layer, state.maturity], dim=1), positions, self.border)
        trusted = confidence.clamp(min=self.least_kept)
        remaining = math.exp(-self.renewal_per_second / rate)
        # Squared, so that the new dream becomes as strong: with the plain share, a layer that was
        # replaced within 1.6 s had 68 % of the root mean square of a first dream, with this 78 %.
        maturity = carried[:, 3:].clamp(0, 1) * trusted * remaining**2
        if transition.is_new:
            maturity = nothing
        return replace(
            blank,
            layer=carried[:, :3] if factor == 1 else carried[:, :3] * factor,
            kept=self.persistence * trusted * remaining,
            maturity=maturity,
            positions=positions,
            confidence=confidence,
            level=level,
            level_factor=transition.level_factor,
            follows_picture=positions is moved,
            visibility=transition.visibility,
            reference=transition.reference,
        )

    def _transition(
        self, frame: Frame, state: State, picture: Image, positions: Tensor, confidence: Tensor
    ) -> Transition:
        """Return what the frame does to the dream of the frames before; see `transitions.follow`.

        positions: where each pixel was in the last frame, without the camera's moves.
        """
        if not self.transitions or state.reference is None:
            return Transition()
        if frame.flash:
            return in_flash(picture, state.reference)
        return follow(state.reference, picture, positions, confidence, self.border)

    def _carried_whole(self, frame: Frame, state: State, camera: Camera, rate: float) -> Canvas:
        """Return the canvas of a frame without footage: the last dream, moved by the camera.

        At the end of the footage it is the last dream as shown through the mask, because from there
        on there is no picture to composite it over.
        """
        if state.dream is None:
            raise ValueError("the first frame must have a picture, got None")
        dream = state.dream
        mask = _mask_at(frame, dream)
        if state.picture is not None and mask is not None:
            dream = composite(dream, to_image(state.picture, dream.device), mask)
        height, width = dream.shape[2:]
        positions = camera(pixel_grid(height, width, dream.device), frame.time, rate)
        image = sample(dream, positions, self.border).clamp_(0, 1)
        one, nothing = torch.ones((), device=image.device), torch.zeros_like(image[:, :1])
        return Canvas(
            picture=None,
            layer=image,
            kept=one,
            maturity=nothing,
            positions=positions,
            confidence=torch.ones_like(nothing),
            strength=Strength.alike(one),
            border=self.border,
            mask=mask,
            index=frame.index,
        )


def _mask_at(frame: Frame, image: Image) -> Tensor | None:
    """Return the frame's mask at the size of the image, (1, 1, H, W), on its device."""
    if frame.mask is None:
        return None
    mask = to_device(frame.mask, image.device)[None, None]
    size = (image.shape[2], image.shape[3])
    return mask if mask.shape[2:] == size else F.adaptive_avg_pool2d(mask, size)

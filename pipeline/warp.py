"""Carries the last dream layer along the motion onto the picture: frame + last state -> canvas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal, TypeAlias

import torch
import torch.nn.functional as F
from pydantic import Field
from pydantic.dataclasses import dataclass as part
from torch import Tensor

from pipeline.camera import Camera
from pipeline.convolution import Edge, convolved
from pipeline.frame import Frame, Image, State, sent, to_image

Border: TypeAlias = Literal["reflect", "wrap"]
"""What lies beyond a picture's edges."""
BETWEEN = tuple(weight / 256 for weight in (3, -25, 150, 150, -25, 3))
"""Of six pixels in a row, what stands in their middle (Lagrange)."""
KERNEL = 2
"""Pixels that the bicubic kernel reaches to either side."""


@dataclass(frozen=True)
class Canvas:
    """What the next dream is made on.

    image: (1, 3, H, W), the picture with the carried dream layer on it. picture: (1, 3, H, W), the
    picture alone; None where nothing was filmed, and the whole last dream is carried. maturity:
    (1, 1, H, W) in [0, 1], how far the dream has grown here; 0 where nothing was carried, or all
    was. positions: (1, H, W, 2), where each pixel was in the last frame, in pixels from the centre;
    None where nothing was carried. confidence: (1, 1, H, W) in [0, 1] of them. border: what was
    taken to lie beyond the edges.
    """

    image: Image
    picture: Image | None
    maturity: Tensor
    positions: Tensor | None
    confidence: Tensor
    border: Border = "reflect"


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
        if state.dream is None or state.maturity is None or state.picture is None or frame.cut:
            nothing = torch.zeros_like(picture[:, :1])
            return Canvas(picture, picture, nothing, None, nothing)
        positions = pixel_grid(picture.shape[2], picture.shape[3], device)
        confidence = torch.ones_like(picture[:, :1])
        if frame.motion is not None:
            positions = positions + sent(frame.motion.flow, device)[None]
            confidence = sent(frame.motion.confidence, device)[None, None]
        positions = camera(positions, frame.time, rate)
        layer = state.dream - to_image(state.picture, device)
        # One sampling for both: positions cost more than channels.
        carried = sample(torch.cat([layer, state.maturity], dim=1), positions, self.border)
        kept = confidence.clamp(min=self.least_kept)
        maturity = carried[:, 3:].clamp(0, 1) * kept
        image = (picture + self.persistence * kept * carried[:, :3]).clamp_(0, 1)
        return Canvas(image, picture, maturity, positions, confidence, self.border)

    def _carried_whole(self, frame: Frame, state: State, camera: Camera, rate: float) -> Canvas:
        """The canvas of a frame that was not filmed: all of the last dream, moved by the camera."""
        if state.dream is None:
            raise ValueError("the first frame must have a picture, got None")
        height, width = state.dream.shape[2:]
        grid = pixel_grid(height, width, state.dream.device)
        positions = camera(grid, frame.time, rate)
        # Carried on and on with nothing under it, it would fall behind the camera: fine waves lag.
        image = sample_finely(state.dream, positions, self.border).clamp_(0, 1)
        nothing = torch.zeros_like(image[:, :1])
        return Canvas(image, None, nothing, positions, torch.ones_like(nothing), self.border)


def pixel_grid(height: int, width: int, device: torch.device) -> Tensor:
    """Every pixel's own position, (1, H, W, 2): (x, y) in pixels from the picture's centre."""
    y = torch.arange(height, device=device, dtype=torch.float32) - (height - 1) / 2
    x = torch.arange(width, device=device, dtype=torch.float32) - (width - 1) / 2
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[None]


def sample(image: Tensor, positions: Tensor, border: Border = "reflect") -> Tensor:
    """The image at these positions, (1, C, H, W), bicubic.

    image: (1, C, h, w). positions: (1, H, W, 2), pixels (x, y) from the image's centre. border:
    beyond its edges the image is mirrored, or stands over again. The only place where positions
    become [-1, 1].
    """
    height, width = image.shape[2:]
    half = _numbers((width / 2, height / 2), image.device)
    if border == "wrap":
        positions = torch.remainder(positions + half, 2 * half) - half
        image = F.pad(image, [KERNEL] * 4, mode="circular")
        half = half + KERNEL
    # A CPU samples each picture of a batch in one thread: bands of rows are such pictures.
    bands = _bands(positions.shape[1]) if image.device.type == "cpu" else 1
    sampled = F.grid_sample(
        image.expand(bands, -1, -1, -1),
        (_even(positions, half - 0.5) / half).reshape(bands, -1, positions.shape[2], 2),
        mode="bicubic",
        padding_mode="reflection",
        align_corners=False,
    )
    return sampled.transpose(0, 1).flatten(1, 2)[None]


@lru_cache(maxsize=8)
def _numbers(values: tuple[float, ...], device: torch.device) -> Tensor:
    """These, (n,), there. Sent anew, a GPU would be waited for."""
    return torch.tensor(values, device=device)


def _bands(height: int) -> int:
    """Into how many equal bands so many rows are best cut: as many as threads, or nearly."""
    return max(n for n in range(1, torch.get_num_threads() + 1) if height % n == 0)


def sample_finely(image: Tensor, positions: Tensor, border: Border = "reflect") -> Tensor:
    """As `sample`, from an image of twice the size: nearer to what stands between the pixels.

    A wave of 8 pixels that is carried in tiny steps lags 10 % behind in `sample`, here 2.5 %; it
    costs twice as much.
    """
    return sample(_doubled(image, border), 2 * positions - 0.5, border)


def _doubled(image: Tensor, border: Border) -> Tensor:
    """(1, C, 2 H, 2 W), the image's own pixels at even places, polynomials of degree 5 between."""
    line = _numbers(BETWEEN, image.device)[None]
    edge: Edge = "circular" if border == "wrap" else "reflect"
    rows = torch.stack([image, convolved(image, line, edge)], dim=-1).flatten(-2)
    return torch.stack([rows, convolved(rows, line.mT, edge)], dim=-2).flatten(-3, -2)


def _even(positions: Tensor, first: Tensor) -> Tensor:
    """Positions at which torch's bicubic kernel gives what stands at the given ones.

    first: (2,), how far the first pixel's middle lies from the centre. The kernel (Keys 1981 with
    a = -0.75) does not reproduce a ramp: v pixels from the middle between two pixels it gives what
    stands at v^3 + v * 3/4. A slow camera is then carried along up to 1.5 times too fast: measured,
    8.6 pixels where 6 were asked, in steps of 0.02. The root is sinh(asinh(4 v) / 3); this
    polynomial makes every step, however small, within 0.08 % of its length, at a fifth of the cost:
    2 ms at 640x272.
    """
    v = positions + first
    v = v - v.floor() - 0.5
    square = v.square()
    bend = ((-27.2307519 * square + 18.6218869) * square - 5.5232716) * square + 1.3076257
    return positions + v * (0.25 - square) * bend

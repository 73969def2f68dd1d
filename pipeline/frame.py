"""Data types of a frame, and the conversions between pictures on the CPU and images on the device.

Pictures are uint8 (H, W, 3) RGB on the CPU, or uint16 for 16-bit stills; images are float32
(1, 3, H, W) RGB in [0, 1] on the device. Height always precedes width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Picture: TypeAlias = npt.NDArray[np.uint8 | np.uint16]
"""(H, W, 3) uint8 RGB, 0..255, on the CPU; uint16, 0..65535, for 16-bit stills."""
FloatMap: TypeAlias = npt.NDArray[np.float32]
"""(H, W) or (H, W, 2) float32, on the CPU."""
Image: TypeAlias = Tensor
"""(1, 3, H, W) float32 RGB in [0, 1], on the device."""
Span: TypeAlias = tuple[float, float]
"""Start and end of a time span, in seconds of time.perf_counter."""
Memory: TypeAlias = Mapping[str, Tensor]
"""State that a dreamer keeps between frames in addition to its image, such as momentum."""


@dataclass(frozen=True)
class Motion:
    """Where each pixel of a picture was one frame ago."""

    flow: FloatMap
    """Backward flow, (H, W, 2) float32, pixels (dx, dy): current[y, x] was previous[y+dy, x+dx]."""
    confidence: FloatMap
    """Confidence in the flow, (H, W) float32 in [0, 1]; 0 where the pixel was hidden or outside the
    frame."""


@dataclass(frozen=True, eq=False)
class Guide:
    """A picture whose motifs the dream should show, of any size.

    Compares by identity, so that results computed from it can be cached while it stays the same.
    """

    picture: Picture
    """The picture, (H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class Frame:
    """A frame of the source with its motion, before the dream."""

    index: int
    """Index of the frame, from 0 at the first frame of the render."""
    time: float
    """Seconds since the first frame."""
    picture: Picture | None
    """The picture, at the size of the dream. None: there is no footage."""
    full_picture: Picture | None = None
    """The picture at the size of the output, if that is another one. None: `picture` has it."""
    motion: Motion | None = None
    """Motion since the previous frame. None: not computed, or at a cut, in a flash or without
    footage."""
    cut: bool = False
    """Whether a new shot starts here, so that nothing is carried into this frame from the last."""
    flash: bool = False
    """Whether the frame is a flash: different content for a few frames, during which the dream is
    kept in place."""
    mask: FloatMap | None = None
    """How strongly to dream at each pixel of the output, (H, W) in [0, 1]. None: fully
    everywhere."""
    guide: Guide | None = None
    """Picture to take motifs from. None: no guide."""
    spans: Mapping[str, Span] = field(default_factory=dict)
    """Start and end of each stage that prepared the frame, by name: decode, flow."""


@dataclass(frozen=True)
class Tracks:
    """The sound and subtitles of a video file, to be muxed with the dream."""

    path: Path
    """File that contains them."""
    offset: float = 0.0
    """Time in the file, in seconds, at frame 0 of the render."""
    seconds: float | None = None
    """Duration to keep, in seconds of the file. None: to the end of the file."""
    audio: tuple[str, ...] = ()
    """ffmpeg's name of the codec of each audio stream, in the order of the file."""
    subtitles: tuple[str, ...] = ()
    """ffmpeg's name of the codec of each subtitle stream, in the order of the file."""
    tempo: float = 1.0
    """Factor by which the sound is sped up at the same pitch; if not 1, nothing else is kept."""
    copied: bool = False
    """Whether the sound stays in its codec wherever the output can store it, even if few players of
    such files play it."""


@dataclass(frozen=True)
class Clip:
    """Size, rate, length and format of a sequence of pictures."""

    height: int
    """Height in pixels; even, except for stills."""
    width: int
    """Width in pixels; even, except for stills."""
    rate: Fraction
    """Frames per second, exact."""
    count: int | None = None
    """Number of frames. None: unknown before the end. Never relied on for memory or loops."""
    tracks: Tracks | None = None
    """Sound and subtitles of the clip, if any."""
    depth: int = 8
    """Bits per colour channel: 8, or 16 for some stills."""
    cutout: Picture | None = field(default=None, compare=False)
    """A transparent still, (H, W, 4) RGBA of this depth; its alpha is applied to the dream."""
    profile: bytes = b""
    """ICC profile of a still; empty: none."""
    transfer: str = "bt709"
    """ffmpeg's name of the transfer characteristic of the pictures (color_trc)."""
    sphere: str = ""
    """Layout of the views of a 360-degree video: mono, top-bottom or left-right; empty: not a
    360-degree video."""


def to_image(picture: Picture, device: torch.device | str) -> Image:
    """Return the picture on the device, (1, 3, H, W) float32 in [0, 1].

    picture: (H, W, 3) with 8 or 16 bits.
    """
    # not every device supports uint16
    supported = picture if picture.dtype == np.uint8 else picture.astype(np.int32)
    channels = to_device(supported, device).permute(2, 0, 1)[None]
    # contiguous channels, as in dreams: operations on both would otherwise take three times as long
    image = channels.to(torch.float32, memory_format=torch.contiguous_format)
    return image.div_(np.iinfo(picture.dtype).max)


def to_device(numbers: npt.NDArray[Any], device: torch.device | str) -> Tensor:
    """Return the array as a tensor on the device; a copy to an NVIDIA GPU is asynchronous."""
    device = torch.device(device)
    if device.type != "cuda":
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(device)
    # a copy from pageable memory would wait until the GPU has finished all earlier work
    tensor_dtype = torch.from_numpy(np.empty(0, numbers.dtype)).dtype
    pinned = torch.empty(numbers.shape, dtype=tensor_dtype, pin_memory=True)
    # numpy copies in one thread; torch would use all cores, which are busy with optical flow
    np.copyto(pinned.numpy(), numbers)
    return pinned.to(device, non_blocking=True)


def to_picture(image: Image, depth: int = 8) -> Picture:
    """Return the image as a picture on the CPU, (H, W, 3), rounded to `depth` bits.

    image: (1, 3, H, W) in [0, 1]. depth: 8 for uint8, 16 for uint16.
    """
    tensor = image[0].detach().clamp(0, 1).mul(2**depth - 1).round_().permute(1, 2, 0)
    values = tensor.to(torch.uint8 if depth == 8 else torch.int32).contiguous().cpu().numpy()
    picture: Picture = values.astype(np.uint8 if depth == 8 else np.uint16, copy=False)
    return picture


def composite_over_grey(picture: Picture, alpha: Picture, grey: float) -> Picture:
    """Return a transparent picture composited over a grey background, (H, W, 3), same dtype.

    picture: (H, W, 3). alpha: (H, W) of the same dtype; the maximum is opaque. grey: brightness of
    the background, from 0 (black) to 1 (white).
    """
    peak = int(np.iinfo(picture.dtype).max)
    opacity = alpha[..., None].astype(np.uint32)
    blended = picture * opacity + (peak - opacity) * np.uint32(round(peak * grey))
    # rounds half up; it rounds after the division, as 65535 squared only just fits into 32 bits
    values, remainder = np.divmod(blended, np.uint32(peak))
    return (values + (remainder > peak // 2)).astype(picture.dtype)


def to_uint8(picture: Picture) -> npt.NDArray[np.uint8]:
    """Return the picture, with any number of channels, rounded to 8 bits if it has 16."""
    if picture.dtype == np.uint8:
        return picture.view(np.uint8)
    return np.asarray((picture.astype(np.uint32) + 128) // 257, np.uint8)

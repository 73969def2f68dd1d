"""The data that travels the way of a frame, and the two crossings between CPU and device.

Pictures are uint8 (H, W, 3) RGB on the CPU, of a still maybe uint16; images are float32
(1, 3, H, W) RGB in [0, 1] on the device. Height always stands before width.
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
"""(H, W, 3) uint8 RGB, 0..255, on the CPU; a still of 16 bits is uint16, 0..65535."""
FloatMap: TypeAlias = npt.NDArray[np.float32]
"""(H, W) or (H, W, 2) float32, on the CPU."""
Image: TypeAlias = Tensor
"""(1, 3, H, W) float32 RGB in [0, 1], on the device."""
Span: TypeAlias = tuple[float, float]
"""When something began and ended, in seconds of time.perf_counter."""
Memory: TypeAlias = Mapping[str, Tensor]
"""State that a dreamer keeps from frame to frame in addition to its image: momentum, say."""


@dataclass(frozen=True)
class Motion:
    """Where each pixel of a picture was one frame ago."""

    flow: FloatMap
    """(H, W, 2) float32, pixels (dx, dy), backward: current[y, x] was previous[y+dy, x+dx]."""
    confidence: FloatMap
    """(H, W) float32 in [0, 1]; 0 = it was hidden, outside the frame, or in another shot."""


@dataclass(frozen=True, eq=False)
class Guide:
    """A picture whose motifs are wanted, (H, W, 3) uint8 RGB, of any size.

    Equal only to itself, so that what was found in it can be kept as long as it stays.
    """

    picture: Picture
    """(H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class Frame:
    """A frame before it is dreamt."""

    index: int
    """From 0 at the first frame of the render."""
    time: float
    """Seconds since that frame."""
    picture: Picture | None
    """None where nothing was filmed."""
    motion: Motion | None = None
    """None where none was asked for, and at a cut."""
    cut: bool = False
    """Whether nothing may be carried into this frame."""
    flash: bool = False
    """Whether something else is seen for a moment; the dream stays where it was."""
    mask: FloatMap | None = None
    """(H, W) in [0, 1], how strongly to dream where; None = fully."""
    guide: Guide | None = None
    """The picture to take motifs from, None = none."""
    spans: Mapping[str, Span] = field(default_factory=dict)
    """When each stage of making it was at work."""


@dataclass(frozen=True)
class Tracks:
    """The sound and subtitles of a video file, to be muxed with the dream."""

    path: Path
    """The file."""
    offset: float = 0.0
    """The file's own clock, in seconds, at frame 0 of the render."""
    seconds: float | None = None
    """How much of it to keep; None = to its end."""
    audio: tuple[str, ...] = ()
    """Codec of each audio stream, in the file's order, by ffmpeg's name."""
    subtitles: tuple[str, ...] = ()
    """Codec of each subtitle stream, in the file's order, by ffmpeg's name."""


@dataclass(frozen=True)
class Clip:
    """The shape of a sequence of pictures."""

    height: int
    """Pixels, even but of a still."""
    width: int
    """Pixels, even but of a still."""
    rate: Fraction
    """Frames a second, exact."""
    count: int | None = None
    """Frames, None = unknown before the end; never trusted for memory or loops."""
    tracks: Tracks | None = None
    """Sound and subtitles that go with it, if any."""
    depth: int = 8
    """Bits of a colour, 8, or 16 of a still."""
    cutout: Picture | None = field(default=None, compare=False)
    """(H, W, 4) of that depth, a still with its transparency, which the dream gets too."""
    profile: bytes = b""
    """ICC profile of a still's colours."""
    transfer: str = "bt709"
    """From the pictures' values to light, by ffmpeg's name."""
    sphere: str = ""
    """Of a 360-degree video, the layout of its views: mono, top-bottom or left-right; empty = of
    any other."""


def to_image(picture: Picture, device: torch.device | str) -> Image:
    """Return the picture on the device: (1, 3, H, W) float32 in [0, 1] from (H, W, 3) of 8 or 16
    bits.
    """
    # unsigned numbers of two bytes are not known to every device
    known = picture if picture.dtype == np.uint8 else picture.astype(np.int32)
    channels = to_device(known, device).permute(2, 0, 1)[None]
    # each colour on its own, as dreams are: what goes over both takes three times as long otherwise
    image = channels.to(torch.float32, memory_format=torch.contiguous_format)
    return image.div_(np.iinfo(picture.dtype).max)


def to_device(numbers: npt.NDArray[Any], device: torch.device | str) -> Tensor:
    """Return the same numbers on the device. The CPU does not wait for an NVIDIA GPU to have
    them."""
    device = torch.device(device)
    if device.type != "cuda":
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(device)
    # copied from pageable memory, torch would wait until the GPU has done all before
    kind = torch.from_numpy(np.empty(0, numbers.dtype)).dtype
    pinned = torch.empty(numbers.shape, dtype=kind, pin_memory=True)
    # torch would wake all cores for this copy, and they are busy with optical flow
    np.copyto(pinned.numpy(), numbers)
    return pinned.to(device, non_blocking=True)


def to_picture(image: Image, depth: int = 8) -> Picture:
    """Return the image rounded to `depth` bits on the CPU: (H, W, 3) from (1, 3, H, W) in [0, 1].

    depth: 8 gives uint8, 16 uint16.
    """
    tensor = image[0].detach().clamp(0, 1).mul(2**depth - 1).round_().permute(1, 2, 0)
    whole = tensor.to(torch.uint8 if depth == 8 else torch.int32).contiguous().cpu().numpy()
    picture: Picture = whole.astype(np.uint8 if depth == 8 else np.uint16, copy=False)
    return picture


def composite_over_grey(picture: Picture, alpha: Picture, grey: float) -> Picture:
    """Return what is seen of a transparent picture before a grey wall, (H, W, 3) of the same depth.

    picture: (H, W, 3). alpha: (H, W) of the same type, at its peak opaque. grey: how bright the
    wall is, 0 black .. 1 white.
    """
    peak = int(np.iinfo(picture.dtype).max)
    share = alpha[..., None].astype(np.uint32)
    seen = picture * share + (peak - share) * np.uint32(round(peak * grey))
    # halves up, and 65535 squared fits 32 bits only just: the half is added behind the division
    whole, rest = np.divmod(seen, np.uint32(peak))
    return (whole + (rest > peak // 2)).astype(picture.dtype)


def to_uint8(picture: Picture) -> npt.NDArray[np.uint8]:
    """Return the picture, of any number of channels, rounded to 8 bits if it has more."""
    if picture.dtype == np.uint8:
        return picture.view(np.uint8)
    return np.asarray((picture.astype(np.uint32) + 128) // 257, np.uint8)

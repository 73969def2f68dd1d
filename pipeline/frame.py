"""The data that travels the way of a frame, and the two crossings between CPU and device.

Pictures are uint8 (H, W, 3) RGB on the CPU; images are float32 (1, 3, H, W) RGB in [0, 1] on the
device. Height always stands before width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Picture: TypeAlias = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB, 0..255, on the CPU."""
Field: TypeAlias = npt.NDArray[np.float32]
"""(H, W) or (H, W, 2) float32, on the CPU."""
Image: TypeAlias = Tensor
"""(1, 3, H, W) float32 RGB in [0, 1], on the device."""
Memory: TypeAlias = Mapping[str, Tensor]
"""What a dreamer keeps from frame to frame beside its image, by names of its own: momentum, say."""


@dataclass(frozen=True)
class Motion:
    """Where each pixel of a picture was one frame ago.

    flow: (H, W, 2) float32, pixels (dx, dy), backward: current[y, x] was previous[y+dy, x+dx].
    confidence: (H, W) float32 in [0, 1]; 0 = it was hidden, outside the frame, or in another shot.
    """

    flow: Field
    confidence: Field


@dataclass(frozen=True, eq=False)
class Guide:
    """A picture whose motifs are wanted, (H, W, 3) uint8 RGB, of any size.

    Equal only to itself, so that what was found in it can be kept as long as it stays.
    """

    picture: Picture


@dataclass(frozen=True)
class Frame:
    """What is known of a frame before it is dreamt.

    index: from 0 at the first frame of the render. time: seconds since that frame.
    picture: None where nothing was filmed. motion: None where none was asked for, and at a cut.
    cut: nothing may be carried into this frame. flash: for a moment something else is seen; the
    dream stays where it was. mask: (H, W) in [0, 1], how strongly to dream where; None = fully.
    guide: what to look for, None = nothing. seconds: what each stage took to make it.
    """

    index: int
    time: float
    picture: Picture | None
    motion: Motion | None = None
    cut: bool = False
    flash: bool = False
    mask: Field | None = None
    guide: Guide | None = None
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Tracks:
    """What a video file holds beside its picture, to be laid beside the dream.

    path: the file. offset: the file's own clock, in seconds, at frame 0 of the render.
    seconds: how much of it to keep; None = to its end.
    audio, subtitles: the codec of each such stream, in the file's order, by ffmpeg's names.
    """

    path: Path
    offset: float = 0.0
    seconds: float | None = None
    audio: tuple[str, ...] = ()
    subtitles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clip:
    """The shape of a sequence of pictures.

    height, width: pixels, both even. rate: frames a second, exact. count: frames, None = unknown
    before the end; never trusted for memory or loops. tracks: what goes with it, if anything.
    """

    height: int
    width: int
    rate: Fraction
    count: int | None = None
    tracks: Tracks | None = None


@dataclass(frozen=True)
class State:
    """All that the next frame depends on.

    index: of the next frame. picture: the last one, (H, W, 3) uint8, if one was filmed. dream: the
    last dream, (1, 3, H, W) float32, never through 8 bits. maturity: (1, 1, H, W) float32 in
    [0, 1], how far the dream at each pixel has grown: 0 = nothing yet, 1 = full strength. memory:
    the dreamer's own.
    """

    index: int = 0
    picture: Picture | None = None
    dream: Image | None = None
    maturity: Tensor | None = None
    memory: Memory = field(default_factory=dict)

    def after(self, frame: Frame, dream: Image, maturity: Tensor, memory: Memory) -> State:
        """The state that the frame behind `frame` starts from.

        A flash leaves the dream where it was: it is shown on the flash, and goes on behind it.
        """
        if frame.flash:
            return replace(self, index=frame.index + 1)
        return State(frame.index + 1, frame.picture, dream, maturity, memory)


def to_image(picture: Picture, device: torch.device | str) -> Image:
    """The picture on the device: (1, 3, H, W) float32 in [0, 1] from (H, W, 3) uint8."""
    tensor = torch.from_numpy(np.ascontiguousarray(picture)).to(device)
    return tensor.permute(2, 0, 1)[None].float().div_(255)


def to_picture(image: Image) -> Picture:
    """The image rounded to 8 bits on the CPU: (H, W, 3) uint8 from (1, 3, H, W) in [0, 1]."""
    tensor = image[0].detach().clamp(0, 1).mul(255).round_().to(torch.uint8)
    picture: Picture = tensor.permute(1, 2, 0).contiguous().cpu().numpy()
    return picture

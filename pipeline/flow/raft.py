"""RAFT, a neural network for optical flow: copes with large and fast motion, but needs a GPU.

Teed and Deng 2020, "RAFT: recurrent all-pairs field transforms for optical flow", as implemented in
torchvision.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field as Limit
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torchvision.models import optical_flow

from pipeline.flow.downscale import flow_at_bounded_size
from pipeline.frame import FloatMap, Motion, Picture
from pipeline.runtime.weights import with_weights

LEAST = 128
"""Smallest side in pixels; below it RAFT's correlation pyramid is empty."""
DEVICE_LOCK = threading.Lock()
"""Lock that lets one flow run at a time: it takes gigabytes, and occupies the device fully."""


@dataclass(frozen=True)
class Raft:
    """RAFT flow with torchvision's weights, which are downloaded once.

    Raises UserError at construction if the weights are not available.
    """

    size: Literal["small", "large"]
    """Size of the network."""
    device: str
    """Device that the network runs on, such as cpu or cuda."""
    updates: Annotated[int, Limit(ge=1, le=64)]
    """Number of iterations of the recurrent update."""
    most_pixels: Annotated[int, Limit(ge=4096, le=2**31)]
    """Largest number of pixels; the sides of larger pictures are halved until they fit."""

    def __post_init__(self) -> None:
        _ = self._network  # load the weights now, so that errors occur before the first frame

    def __call__(self, current: Picture, previous: Picture) -> Motion:
        """Return the backward motion from current to previous."""
        return flow_at_bounded_size(current, previous, self._pair, self.most_pixels)

    @cached_property
    def _network(self) -> nn.Module:
        weights, build = {
            "small": (optical_flow.Raft_Small_Weights.DEFAULT, optical_flow.raft_small),
            "large": (optical_flow.Raft_Large_Weights.DEFAULT, optical_flow.raft_large),
        }[self.size]
        network, _ = with_weights(build, weights, key="flow", without="flow=dis")
        return network.eval().requires_grad_(False).to(self.device)

    def _pair(self, current: Picture, previous: Picture) -> tuple[FloatMap, FloatMap]:
        now, then = self._tensor(current), self._tensor(previous)
        with DEVICE_LOCK, torch.no_grad():
            flows = self._network(
                torch.cat([now, then]), torch.cat([then, now]), num_flow_updates=self.updates
            )[-1]
        height, width = current.shape[:2]
        both: FloatMap = flows[:, :, :height, :width].permute(0, 2, 3, 1).cpu().numpy()
        return np.ascontiguousarray(both[0]), np.ascontiguousarray(both[1])

    def _tensor(self, picture: Picture) -> Tensor:
        """Return (1, 3, H', W') in [-1, 1], padded right and bottom to a multiple of 8, LEAST or
        more.
        """
        tensor = torch.from_numpy(np.ascontiguousarray(picture)).to(self.device)
        image = tensor.permute(2, 0, 1)[None].float() / 127.5 - 1
        height, width = picture.shape[:2]
        bottom, right = (max(LEAST, -(-side // 8) * 8) - side for side in (height, width))
        return F.pad(image, (0, right, 0, bottom), mode="replicate")

"""A network that finds motion, for large and fast ones; wants a GPU.

Teed and Deng 2020, "RAFT: recurrent all-pairs field transforms for optical flow"; torchvision's.
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
"""Pixels a side below which RAFT's correlation pyramid is empty."""
NO_INPUTS = threading.Lock()
"""A pair of pictures holds gigabytes, and the device is busy with one."""


@dataclass(frozen=True)
class Raft:
    """RAFT flow with torchvision's weights, which torchvision downloads once.

    Raises UserError at construction if the weights cannot be had.
    """

    size: Literal["small", "large"]
    """Of the network, small or large."""
    device: str
    """Where it runs: cpu, cuda ..."""
    updates: Annotated[int, Limit(ge=1, le=64)]
    """Iterations of its recurrent flow."""
    most_pixels: Annotated[int, Limit(ge=4096, le=2**31)]
    """Pictures with more are halved in size."""

    def __post_init__(self) -> None:
        _ = self._network  # what is missing is missed now, not at frame 1

    def __call__(self, current: Picture, previous: Picture) -> Motion:
        """Return the backward motion of current against previous."""
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
        with NO_INPUTS, torch.no_grad():
            flows = self._network(
                torch.cat([now, then]), torch.cat([then, now]), num_flow_updates=self.updates
            )[-1]
        height, width = current.shape[:2]
        both: FloatMap = flows[:, :, :height, :width].permute(0, 2, 3, 1).cpu().numpy()
        return np.ascontiguousarray(both[0]), np.ascontiguousarray(both[1])

    def _tensor(self, picture: Picture) -> Tensor:
        """Return (1, 3, H', W') in [-1, 1], padded at the right and bottom to a multiple of 8."""
        tensor = torch.from_numpy(np.ascontiguousarray(picture)).to(self.device)
        image = tensor.permute(2, 0, 1)[None].float() / 127.5 - 1
        height, width = picture.shape[:2]
        bottom, right = (max(LEAST, -(-side // 8) * 8) - side for side in (height, width))
        return F.pad(image, (0, right, 0, bottom), mode="replicate")

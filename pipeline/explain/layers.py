"""The layers of a network: what they cost, how far they see, and what they make of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.jobs.job import Job
from pipeline.model import Model
from pipeline.model.network.outline import is_map, outline
from pipeline.objective import Objective
from pipeline.recording.recorder import NullRecorder
from pipeline.render import render

Size = Sequence[int]
HEIGHT, WIDTH = 128, 1024
"""Size in pixels of the test image: wide enough for the receptive field of one point."""
KINDS = ((75, "textures"), (300, "parts"))
"""Receptive field in pixels up to which a layer draws this kind of motif, a rule of thumb."""
LARGEST_KIND = "objects"
"""Kind of motif of the layers with larger receptive fields."""


def _count_fused(x: Size, weight: Size, *_: object, out_shape: Size, **__: object) -> int:
    """Return the operations of a fused convolution, which torch does not count."""
    return int(conv_flop_count(list(x), list(weight), list(out_shape)))


FUSED = (
    {torch.ops.mkldnn._convolution_pointwise: _count_fused}
    if hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    else {}
)
"""Operation -> the function that counts it, given the shapes of its tensors."""
STEP_COST = 3
"""Cost of a gradient step relative to its forward pass."""


@dataclass(frozen=True)
class Layer:
    """Properties of a layer.

    stride, field: in pixels; None: the activation has no height and width. cost: 1e9 operations per
    step and million pixels.
    """

    name: str
    channels: int
    stride: int | None
    field: int | None
    cost: float

    @property
    def kind(self) -> str:
        """The kind of motif that it draws: textures, parts or objects."""
        field = self.field or KINDS[-1][0] + 1
        return next((kind for most, kind in KINDS if field <= most), LARGEST_KIND)


def measure_layer(model: Model, name: str, device: torch.device | str = "cpu") -> Layer | None:
    """Return the properties of this layer; None: the name is an operation without channels.

    device: that of the network.
    """
    # noise, because some channels do not respond to a uniform image
    noise = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0)).to(device)
    noise.requires_grad_(True)
    try:
        channels = model.channels(name)  # before counting: this runs the network
    except UserError:
        return None
    with FlopCounterMode(display=False, custom_mapping=FUSED) as counter:
        activation = model(noise, [name])[name]
    cost = counter.get_total_flops() * STEP_COST / (HEIGHT * WIDTH) / 1e3
    if not is_map(activation):
        return Layer(name, channels, None, None, cost)
    stride = round(WIDTH / activation.shape[3])
    return Layer(name, channels, stride, _field(activation, noise), cost)


def _field(activation: torch.Tensor, noise: torch.Tensor) -> int:
    """Return the width in pixels of the area that the middle point of the activation depends on."""
    middle = activation[0, :, activation.shape[2] // 2, activation.shape[3] // 2]
    (gradient_fn,) = torch.autograd.grad(middle.square().sum(), noise)
    columns = gradient_fn.abs().sum(dim=(0, 1, 2)).nonzero()
    return int(columns.max() - columns.min() + 1) if len(columns) else 0


@torch.no_grad()
def blocks_with_maps(model: Model, image: Image) -> list[str]:
    """Return the names of the blocks whose activations have a height and a width."""
    activations = model(image, outline(model.layers()))
    return [name for name, activation in activations.items() if is_map(activation)]


@torch.no_grad()
def strongest_channels(model: Model, image: Image, layer: str, count: int) -> list[int]:
    """Return the indices of the `count` channels with the highest mean activation, in order."""
    means = model(image, [layer])[layer].flatten(2).mean(dim=(0, 2))
    order: list[int] = means.argsort(descending=True)[:count].tolist()
    return order


def dream_with(job: Job, objective: Objective) -> Image:
    """Return the dream of the job's first frame with this objective. Raises UserError."""
    stages = replace(job.pipeline.stages_at(0), objective=objective)
    pipeline = replace(job.pipeline, stages_at=lambda _: stages)
    (only,) = render(pipeline, NullRecorder(), seed=job.seed, device=job.device)
    return only.dream.image

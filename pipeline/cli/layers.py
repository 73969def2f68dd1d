"""The table of `dreamreel list layers`.

The columns are: the number of channels; the stride, the distance in pixels between neighbouring
points of the activation; the receptive field, the side in pixels of the area that one point sees;
the cost of a gradient step, forward and backward (about three times the forward pass), in billions
of multiplications and additions per million pixels of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from pipeline.cli.exit_codes import print_text
from pipeline.errors import UserError
from pipeline.model import Model
from pipeline.model.network.outline import is_map, outline

Size = Sequence[int]
HEIGHT, WIDTH = 128, 1024
"""Size in pixels of the test image: wide enough for the receptive field of one point."""


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
    """A row of the table.

    stride, field: in pixels; None: the activation has no height and width. cost: 1e9 operations per
    step and million pixels.
    """

    name: str
    channels: int
    stride: int | None
    field: int | None
    cost: float


def print_layers(model: Model, *, every: bool) -> None:
    """Print the table. every: of all operations, not only of the blocks."""
    print_text(f"{'layer':<28}{'channels':>9}{'stride':>8}{'field':>7}{'cost':>8}")
    for name in model.layers() if every else outline(model.layers()):
        layer = measure_layer(model, name)
        if layer is not None:
            stride, field = ("-" if n is None else n for n in (layer.stride, layer.field))
            print_text(f"{name:<28}{layer.channels:>9}{stride:>8}{field:>7}{layer.cost:>8.1f}")


def measure_layer(model: Model, name: str) -> Layer | None:
    """Return the row of this layer; None: the name is an operation without channels."""
    # noise, because some channels do not respond to a uniform image
    noise = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
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

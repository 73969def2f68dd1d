"""The blocks of a network: python scripts/layers.py model=googlenet [--all].

Channels; stride, pixels from one point of the map to the next; receptive field, the side in pixels
of what one point sees; cost, billions of multiplications and additions to get there and back (a
gradient step takes about three times the way there) for each million pixels of the picture.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline.config.compose import compose_stage
from pipeline.errors import UserError
from pipeline.model import Model
from pipeline.model.network.outline import is_map, outline

HEIGHT, WIDTH = 128, 1024
"""Pixels of the picture that the network is tried on: wide enough for what a point can see."""
THERE_AND_BACK = 3
"""A step's cost over that of the way there."""


@dataclass(frozen=True)
class Layer:
    """stride, field: pixels; None where the layer has no map. cost: 1e9 operations a step and
    million pixels.
    """

    name: str
    channels: int
    stride: int | None
    field: int | None
    cost: float


def main() -> None:
    """Print the table."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="model=..., as dreamreel's"
    )
    parser.add_argument("--all", action="store_true", help="every operation, not only blocks")
    asked = parser.parse_intermixed_args()
    try:
        model = compose_stage("model", *asked.settings)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    names = model.layers() if asked.all else outline(model.layers())
    print(f"{'layer':<28}{'channels':>9}{'stride':>8}{'sees':>7}{'cost':>8}")
    for name in names:
        layer = look(model, name)
        if layer is not None:
            stride, field = ("-" if n is None else n for n in (layer.stride, layer.field))
            print(
                f"{name:<28}{layer.channels:>9}{stride:>8}{field:>7}{layer.cost:>8.1f}", flush=True
            )


def look(model: Model, name: str) -> Layer | None:
    """Return what there is to know of this layer; None for what is no layer but a step of the
    code."""
    # noise, for on a flat picture whole channels are silent
    noise = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    noise.requires_grad_(True)
    try:
        channels = model.channels(name)  # before the count: what it takes to find out is no step
    except UserError:
        return None
    with FlopCounterMode(display=False) as counter:
        activation = model(noise, [name])[name]
    cost = counter.get_total_flops() * THERE_AND_BACK / (HEIGHT * WIDTH) / 1e3
    if not is_map(activation):
        return Layer(name, channels, None, None, cost)
    stride = round(WIDTH / activation.shape[3])
    return Layer(name, channels, stride, _field(activation, noise), cost)


def _field(activation: torch.Tensor, noise: torch.Tensor) -> int:
    """Return the width, in pixels, of what the point in the middle of the map depends on."""
    middle = activation[0, :, activation.shape[2] // 2, activation.shape[3] // 2]
    (gradient_fn,) = torch.autograd.grad(middle.square().sum(), noise)
    columns = gradient_fn.abs().sum(dim=(0, 1, 2)).nonzero()
    return int(columns.max() - columns.min() + 1) if len(columns) else 0


if __name__ == "__main__":
    main()

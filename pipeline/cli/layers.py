"""The table of `dreamreel list layers`.

The columns are: the number of channels; the stride, the distance in pixels between neighbouring
points of the activation; the receptive field, the side in pixels of the area that one point sees;
the cost of a gradient step, forward and backward (about three times the forward pass), in billions
of multiplications and additions per million pixels of the picture.
"""

from __future__ import annotations

from pipeline.cli.exit_codes import print_text
from pipeline.explain.layers import measure_layer
from pipeline.model import Model
from pipeline.model.network.outline import outline


def print_layers(model: Model, *, every: bool) -> None:
    """Print the table. every: of all operations, not only of the blocks."""
    print_text(f"{'layer':<28}{'channels':>9}{'stride':>8}{'field':>7}{'cost':>8}")
    for name in model.layers() if every else outline(model.layers()):
        layer = measure_layer(model, name)
        if layer is not None:
            stride, field = ("-" if n is None else n for n in (layer.stride, layer.field))
            print_text(f"{name:<28}{layer.channels:>9}{stride:>8}{field:>7}{layer.cost:>8.1f}")

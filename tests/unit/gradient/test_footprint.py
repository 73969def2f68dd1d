"""pipeline.gradient.footprint: what a network asks of tiles, found by looking."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from helpers.stages import toy_network
from torch import nn

from pipeline.gradient.footprint import Footprint, Footprints, footprint
from pipeline.model import Model
from pipeline.model.efficientnet_lite import efficientnet_lite
from pipeline.model.network.precision import has_bfloat16, with_precision

CPU = torch.device("cpu")


def test_strides_are_pixels_between_places_and_a_list_has_none() -> None:
    need = footprint(efficientnet_lite(version=0), ("stem", "blocks.4", "head", "logits"), CPU)
    assert need.strides == {"stem": 2, "blocks.4": 8, "head": 32, "logits": None}
    assert need.is_tileable


def test_a_margin_is_four_places_of_the_deepest_layer_in_whole_periods() -> None:
    for strides, margin in [({"a": 1}, 32), ({"a": 16}, 64), ({"a": 8, "b": 32}, 128)]:
        assert Footprint(strides=strides, bytes=1, is_tileable=True).margin == margin
    # what ends in a list was a map of the deepest stride before
    assert Footprint(strides={"a": None}, bytes=1, is_tileable=True).margin == 128


def test_bytes_are_what_the_way_back_needs_and_two_of_the_largest_activation() -> None:
    convolution = nn.Conv2d(3, 4, 3, padding=1)
    network = toy_network(nn.Sequential(convolution, nn.ReLU()))
    # in floats: 4 come out of the activation, 2 x 4 on the way back; of what went into the
    # convolution only the form is kept
    assert footprint(network, ("1",), CPU).bytes == pytest.approx(4 * (4 + 8))


@pytest.mark.skipif(
    not has_bfloat16(CPU), reason="this processor holds more where it has to emulate bfloat16"
)
def test_the_way_back_counts_in_float32_whatever_is_held() -> None:
    network = toy_network(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()))
    halved = with_precision(network, "bf16", CPU)
    assert footprint(halved, ("1",), CPU).bytes == pytest.approx(2 * 4 + 4 * 8)


def test_deeper_layers_hold_more() -> None:
    held = [footprint(toy_network(), (layer,), CPU).bytes for layer in ("first", "second", "third")]
    assert held == sorted(held)
    assert held[0] > 0


def test_a_stride_that_does_not_divide_the_period_is_told() -> None:
    network = toy_network(nn.Sequential(nn.Conv2d(3, 4, 14, stride=14)))
    assert not footprint(network, ("0",), CPU).is_tileable


def test_a_network_is_measured_once_on_each_device(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[torch.device] = []

    def measure(model: Model, layers: Sequence[str], device: torch.device) -> Footprint:
        measured.append(device)
        return Footprint(strides={}, bytes=len(measured), is_tileable=True)

    monkeypatch.setattr("pipeline.gradient.footprint.footprint", measure)
    network, footprints, other = toy_network(), Footprints(), torch.device("meta")
    found = [footprints.of(network, ("first",), device).bytes for device in (CPU, other) * 2]
    assert found == [1, 2, 1, 2]
    assert measured == [CPU, other]

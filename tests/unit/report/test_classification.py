"""pipeline.report.classification: what a network takes a picture for."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import skimage.data
import torch
from helpers.stages import toy_network
from torch import nn

from pipeline.frame import to_image
from pipeline.model.efficientnet_lite import efficientnet_lite
from pipeline.report.classification import top_classes


@pytest.mark.parametrize(
    ("name", "number", "height"),
    [("chelsea", 281, 300), ("coffee", 967, 400), ("chelsea", 281, 60), ("rocket", 657, 427)],
)
def test_a_photograph_is_known_whatever_its_size(name: str, number: int, height: int) -> None:
    model = efficientnet_lite(version=0)
    image = to_image(getattr(skimage.data, name)(), "cpu")
    image = nn.functional.interpolate(image, (height, height * 3 // 2), antialias=True,
                                      mode="bilinear")  # fmt: skip
    seen = top_classes(model, image)
    (classes,) = model.scores.values()
    assert classes[number] in seen
    shares = list(seen.values())
    assert len(shares) == 5
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1


def test_probabilities_are_those_of_the_scores() -> None:
    head = nn.Linear(3, 2)
    nn.init.zeros_(head.weight)
    head.bias = nn.Parameter(torch.tensor([0.0, 1.0986123]))  # log 3
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    module = nn.Sequential(OrderedDict(pool=pool, head=head))
    network = toy_network(module, classes=("rare", "common"))
    assert top_classes(network, torch.rand(1, 3, 30, 20)) == {"common": 0.75, "rare": 0.25}


def test_a_long_picture_is_squeezed_to_a_bounded_size() -> None:
    module = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(),
                                       head=nn.Linear(3, 2)))  # fmt: skip
    network, sizes = toy_network(module, classes=("a", "b")), []
    for size in ((32, 4000), (4000, 32), (300, 400)):
        network.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[2:]))
        top_classes(network, torch.rand(1, 3, *size))
        network._forward_pre_hooks.clear()
    assert sizes == [(256, 2048), (2048, 256), (256, 341)]


def test_a_network_without_classes_takes_nothing_for_anything() -> None:
    image = torch.rand(1, 3, 30, 20)
    assert top_classes(toy_network(), image) == {}
    assert top_classes(toy_network(classes=("a", "b")), image) == {}  # its last layer is a map

"""pipeline.explain.attribution: where the evidence for a class is, and whether it counts."""

from __future__ import annotations

import re
import sys
from itertools import permutations
from statistics import fmean

import numpy as np
import pytest
import torch
from skimage import data
from skimage.transform import resize
from torch import Tensor, nn

from pipeline.config.compose import compose_stage
from pipeline.errors import UserError
from pipeline.explain.attribution import ClassMaps, Evidence
from pipeline.model.network.module import Network

CPU = torch.device("cpu")
SIDE = 224
CLASSES = {
    "cat": "Egyptian cat",
    "coffee": "espresso",
    "camera": "tripod",
    "rocket": "missile",
    "clock": "wall clock",
}
"""Photograph of scikit-image -> a class that the network sees in it."""


def photograph(name: str) -> Tensor:
    """The middle of a photograph, (1, 3, SIDE, SIDE)."""
    picture = getattr(data, name)()
    picture = np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else picture[..., :3]
    top, left = ((side - min(picture.shape[:2])) // 2 for side in picture.shape[:2])
    square = picture[top : picture.shape[0] - top, left : picture.shape[1] - left]
    small = resize(square, (SIDE, SIDE), anti_aliasing=True)
    return torch.tensor(small, dtype=torch.float32).permute(2, 0, 1)[None]


def pointed(maps: ClassMaps, most: int = 20) -> list[tuple[bool, Evidence]]:
    """For both halves of pairs of photographs: whether the peak lies in it, and the evidence."""
    result = []
    for left, right in list(permutations(CLASSES, 2))[:most]:
        image = torch.cat([photograph(left), photograph(right)], dim=3)
        numbers = maps.numbers([CLASSES[left], CLASSES[right]])
        evidence = maps.evidence(image, numbers)
        for half, name in enumerate((left, right)):
            found = evidence[CLASSES[name]]
            result.append((found.peak[0] // SIDE == half, found))
    return result


@pytest.fixture(scope="module")
def maps() -> ClassMaps:
    return ClassMaps.of(compose_stage("model"), CPU)


def test_maps_point_at_the_object(maps: ClassMaps) -> None:
    assert all(hit for hit, _ in pointed(maps, 2))


@pytest.mark.slow
def test_maps_point_at_the_object_and_covering_it_costs_more_than_covering_anything(
    maps: ClassMaps,
) -> None:
    results = pointed(maps)
    assert len(results) == 40
    assert fmean(hit for hit, _ in results) >= 0.9
    lost = fmean(one.probability - one.covered for _, one in results)
    lost_randomly = fmean(one.probability - one.covered_randomly for _, one in results)
    assert lost >= 2 * lost_randomly
    assert lost > 0.02


@pytest.mark.slow
def test_maps_of_a_network_with_shuffled_weights_point_nowhere(maps: ClassMaps) -> None:
    network = maps.model
    assert isinstance(network, Network)
    hits = [hit for hit, _ in pointed(ClassMaps.of(network.shuffled(0), CPU))]
    assert 0.3 < fmean(hits) < 0.7


def test_shuffled_weights_are_those_of_another_network(maps: ClassMaps) -> None:
    network = maps.model
    assert isinstance(network, Network)
    before = network(photograph("cat"), ["logits"])["logits"]
    after = network(photograph("cat"), ["logits"])["logits"]
    assert torch.equal(before, after)  # the network itself is not changed
    again = [network.shuffled(1)(photograph("cat"), ["logits"])["logits"] for _ in range(2)]
    assert torch.equal(*again)
    assert not torch.equal(again[0], before)


def test_evidence_is_at_the_size_of_the_image(maps: ClassMaps) -> None:
    image = torch.nn.functional.interpolate(photograph("coffee"), (150, 310), mode="bilinear")
    (found,) = maps.evidence(image, maps.numbers(["espresso"])).values()
    assert found.heat.shape == (150, 310)
    assert found.heat.dtype == np.float32
    assert found.heat.min() >= 0
    assert found.heat.max() == found.heat[found.peak[1], found.peak[0]] == 1
    assert found.probability == pytest.approx(float(maps.probabilities(image)[967]))


def test_classes_have_names_and_numbers(maps: ClassMaps) -> None:
    assert maps.numbers(["tabby", 967, "Egyptian_cat"]) == {
        "tabby": 281,
        "espresso": 967,
        "Egyptian cat": 285,
    }
    for name in ("lions", 1000):
        with pytest.raises(UserError, match=rf"explain.classes: must be classes .* got '{name}'"):
            maps.numbers([name])
    with pytest.raises(UserError, match=r"similar ones are .*lion"):
        maps.numbers(["lions"])


def network(module: nn.Module, **settings: object) -> Network:
    return Network(module, mean=(0,) * 3, deviation=(1,) * 3, weights_sha256="", **settings)  # type: ignore[arg-type]


def test_a_network_without_classes_is_refused() -> None:
    pooled = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(UserError, match=re.escape("explain: must be used with a network that has")):
        ClassMaps.of(network(pooled), CPU)


def test_a_network_without_maps_is_refused() -> None:
    flat = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    with pytest.raises(UserError, match="whose last layers are maps"):
        ClassMaps.of(network(flat, classes=("a", "b")), CPU)


def test_captum_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch, maps: ClassMaps) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match="run: pip install captum"):
        maps.evidence(photograph("cat"), {"tabby": 281})

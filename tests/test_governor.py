"""pipeline.governor: what feeds on itself stays near its set-point, and footage stays as it is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipeline.governor import Governor
from pipeline.metrics import vitals
from tests.conftest import CONF, part

NAMES = sorted(path.stem for path in (CONF / "governor").glob("*.yaml"))
CALM = (0.42, 0.19, 0.15)
"""Luminance, contrast and chroma of conf/governor/anchor.yaml."""


def image(light: float = 0.42, contrast: float = 0.19, seed: int = 0) -> Tensor:
    """Coloured noise with this mean and deviation, (1, 3, 40, 60) in [0, 1]."""
    noise = torch.randn(1, 3, 40, 60, generator=torch.Generator().manual_seed(seed))
    return (light + contrast * noise).clamp(0, 1)


def look(image: Tensor) -> tuple[float, float, float]:
    now = vitals(image)
    return float(now.luminance), float(now.contrast), float(now.chroma)


@pytest.mark.parametrize("name", NAMES)
def test_every_governor_leaves_a_picture_in_its_range(name: str) -> None:
    governor: Governor = part("governor", name)
    for given in (torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8), image(0.9, 2.0)):
        before = given.clone()
        governed = governor(given, filmed=False, rate=25)
        assert bool(governed.image.isfinite().all())
        assert 0 <= float(governed.image.min()) <= float(governed.image.max()) <= 1
        assert governed.strength.shape == ()
        assert 0 < float(governed.strength) < 10
        assert torch.equal(given, before)  # it belongs to the caller


@pytest.mark.parametrize("name", NAMES)
def test_over_footage_every_governor_keeps_its_hands_off(name: str) -> None:
    given = image(0.8, 0.5)
    governed = part("governor", name)(given, filmed=True, rate=25)
    assert torch.equal(governed.image, given)
    assert float(governed.strength) == 1


@pytest.mark.parametrize(("light", "contrast"), [(0.7, 0.3), (0.2, 0.05)])
def test_an_anchor_pulls_towards_its_set_point(light: float, contrast: float) -> None:
    anchor, held = part("governor", "anchor"), image(light, contrast)
    for _ in range(100):
        held = anchor(held, filmed=False, rate=25).image
    # Values that are clipped at black and white keep it from being met exactly.
    assert look(held) == pytest.approx(CALM, rel=0.1)


@pytest.mark.parametrize("rate", [24, 60])
def test_an_anchor_takes_the_same_time_at_any_rate(rate: int) -> None:
    anchor, held = part("governor", "anchor", seconds=0.5), image(0.6, 0.05)
    for _ in range(rate // 2):
        held = anchor(held, filmed=False, rate=rate).image
    assert look(held)[0] == pytest.approx(0.42 + 0.18 * 0.368, abs=0.01)


def test_steps_shrink_where_detail_abounds() -> None:
    anchor = part("governor", "anchor")
    fine, smooth = image(), torch.nn.functional.avg_pool2d(image(), 9, 1, 4)
    strengths = [float(anchor(given, filmed=False, rate=25).strength) for given in (fine, smooth)]
    assert strengths[0] < 0.6 < 1.5 < strengths[1]


def test_what_is_clipped_loses_contrast_first() -> None:
    hard = (image(0.42, 0.3) > 0.42).float()
    strict, lax = (part("governor", "anchor", clipped=share, seconds=0.04) for share in (0.01, 0.9))
    softened = [look(anchor(hard, filmed=False, rate=25).image)[1] for anchor in (strict, lax)]
    assert softened[0] < 0.9 * softened[1]

"""pipeline.governor: what feeds on itself stays near its set-point, and footage stays as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers.stages import CONF, part
from torch import Tensor

from pipeline.canvas import Canvas, Strength
from pipeline.governor import Governor
from pipeline.imaging.layer_level import LayerLevel, measure
from pipeline.imaging.metrics import band_energy, image_statistics, split_bands
from pipeline.imaging.sampling import pixel_grid, sample

NAMES = sorted(path.stem for path in (CONF / "governor").glob("*.yaml"))
CALM = (0.42, 0.19, 0.15)
"""Luminance, contrast and chroma of conf/governor/anchor.yaml."""


def image(light: float = 0.42, contrast: float = 0.19, seed: int = 0) -> Tensor:
    """Coloured noise with this mean and deviation, (1, 3, 40, 60) in [0, 1]."""
    noise = torch.randn(1, 3, 40, 60, generator=torch.Generator().manual_seed(seed))
    return (light + contrast * noise).clamp(0, 1)


def canvas(layer: Tensor, picture: Tensor | None = None, **changes: Any) -> Canvas:
    """A canvas of what was carried, all of it kept and mature."""
    one, everywhere = torch.ones(()), torch.ones_like(layer[:, :1])
    strength = Strength.alike(one)
    positions = pixel_grid(layer.shape[2], layer.shape[3], torch.device("cpu"))
    settings = {"maturity": everywhere, "confidence": everywhere, "strength": strength, **changes}
    return Canvas(picture, layer, one, positions=positions, **settings)


def pulled(governor: Governor, image: Tensor, rate: float = 25) -> Tensor:
    """The image, governed where nothing was filmed."""
    return governor(canvas(image), rate=rate, steady=True).image


def level_governor(**changes: object) -> Governor:
    """The governor of footage that aims at the level itself."""
    governor: Governor = part("governor", "level", **{"aim": [1, 1, 1], **changes})
    return governor


def noise(height: int = 96, width: int = 128, seed: int = 0) -> Tensor:
    """A layer of noise with waves of every length, (1, 3, H, W)."""
    return 0.1 * torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def look(image: Tensor) -> tuple[float, float, float]:
    now = image_statistics(image)
    return float(now.luminance), float(now.contrast), float(now.chroma)


@pytest.mark.parametrize("name", NAMES)
def test_every_governor_leaves_a_picture_in_its_range(name: str) -> None:
    governor: Governor = part("governor", name)
    for given in (torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8), image(0.9, 2.0)):
        before = given.clone()
        governed = governor(canvas(given), rate=25, steady=True)
        assert bool(governed.image.isfinite().all())
        assert 0 <= float(governed.image.min()) <= float(governed.image.max()) <= 1
        assert governed.strength.full.shape == ()
        assert 0 < float(governed.strength.full) < 10
        assert torch.equal(given, before)  # it belongs to the caller


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steady", [True, False])
def test_over_footage_every_governor_leaves_the_picture_and_a_level_layer(
    name: str, steady: bool
) -> None:
    picture, layer = image(0.8, 0.1, seed=1)[..., :40, :60], noise(40, 60)
    given = canvas(layer, picture, level=LayerLevel.of(layer))
    governed = part("governor", name)(given, rate=25, steady=steady)
    assert governed.picture is picture
    # its level is the aim, a few per cent beside it
    torch.testing.assert_close(governed.image, given.image, atol=9e-3, rtol=0)
    torch.testing.assert_close(governed.strength.full.mean(), torch.tensor(1.0), atol=0.01, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_carried_is_nothing_to_govern(name: str) -> None:
    layer = torch.zeros(1, 3, 40, 60)
    governed = part("governor", name)(
        canvas(layer, image(), level=LayerLevel.of(layer)), rate=25, steady=True
    )
    assert torch.equal(governed.layer, layer)


def energies(layer: Tensor) -> list[float]:
    return [float(energy) for energy in band_energy(layer, torch.ones_like(layer[:, :1]))]


@pytest.mark.parametrize("factors", [(1.05, 0.97, 1.0), (0.95, 1.05, 0.98)])
def test_each_band_comes_back_to_its_level(factors: tuple[float, ...]) -> None:
    governor, layer = level_governor(), noise()
    level = LayerLevel.of(layer)
    changed = layer
    for _ in range(40):  # each frame something adds to the bands, or takes from them
        bands = zip(factors, split_bands(changed), strict=True)
        changed = sum((factor * band for factor, band in bands), torch.zeros(()))
        changed = governor(canvas(changed, image(), level=level), rate=25, steady=True).layer
    # the bands overlap, so that what is done to one is a little of the others'
    assert energies(changed) == pytest.approx(energies(layer), rel=0.1)


def test_each_place_comes_back_to_its_level_and_keeps_its_neighbours() -> None:
    governor, layer = level_governor(), noise()
    level, changed = LayerLevel.of(layer), layer.clone()
    changed[..., 64:] *= 0.9
    for _ in range(10):
        changed = governor(canvas(changed, image(), level=level), rate=25, steady=True).layer
    left, right = ((changed - layer)[..., part] for part in (slice(48), slice(80, None)))
    assert float(left.std()) < 0.02 * float(layer.std())
    assert float(right.std()) < 0.05 * float(layer.std())


def test_no_pattern_of_places_grows_by_being_corrected() -> None:
    """Cells that are in turn too strong and too weak come to rest, fine as they are."""
    governor, layer = level_governor(), noise()
    rows, columns = torch.meshgrid(torch.arange(96) // 16, torch.arange(128) // 16, indexing="ij")
    alternating = torch.where((rows + columns) % 2 == 0, 1.1, 0.9)
    level, changed = LayerLevel.of(layer), layer * alternating
    for _ in range(200):
        changed = governor(canvas(changed, image(), level=level), rate=25, steady=True).layer
    off = measure(split_bands(changed)) / measure(split_bands(layer)) - 1
    assert float(off.abs().max()) < 0.1


def test_a_young_dream_grows_by_longer_steps_and_is_not_amplified() -> None:
    governor, layer = level_governor(longest_step=3, longest_coarse_step=9), noise()
    level, young = LayerLevel.of(layer), torch.zeros(1, 1, 96, 128)
    weak = governor(canvas(layer / 2, image(), level=level, maturity=young), rate=25, steady=True)
    torch.testing.assert_close(weak.layer, layer / 2, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(weak.strength.full, 2 + young, atol=1e-3, rtol=0)
    torch.testing.assert_close(weak.strength.smaller, 2**2.5 + young, atol=1e-2, rtol=0)
    none = governor(canvas(layer / 9, image(), level=level, maturity=young), rate=25, steady=True)
    assert float(none.strength.full.max()) == 3
    assert float(none.strength.smaller.max()) == 9
    # but what has grown too strong is weakened, however young
    much = governor(canvas(1.1 * layer, image(), level=level, maturity=young), rate=25, steady=True)
    assert float(much.layer.std()) == pytest.approx(float(layer.std()), rel=1e-3)


def test_of_what_is_not_kept_more_must_be_dreamt() -> None:
    governor, layer = level_governor(), noise()
    half = torch.full((1, 1, 96, 128), 0.5)
    given = replace(canvas(layer, image(), level=LayerLevel.of(layer)), kept=half)
    governed = governor(given, rate=25, steady=True)
    torch.testing.assert_close(governed.layer, layer, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(governed.strength.full, 4 * half, atol=1e-3, rtol=0)


def test_what_entered_weaker_comes_up_to_the_rest_of_the_shot() -> None:
    governor, layer = level_governor(), noise()
    weak = LayerLevel(LayerLevel.of(0.8 * layer).places, LayerLevel.of(layer).shot)
    given = canvas(0.8 * layer, image(), level=weak)
    for _ in range(10):
        given = governor(given, rate=25, steady=True)
    assert energies(given.layer) == pytest.approx(energies(layer), rel=0.03)


def test_each_band_is_brought_to_its_aim() -> None:
    aim = (1.05, 1.0, 0.95)
    governor, layer = level_governor(aim=list(aim)), noise()
    governed = governor(canvas(layer, image(), level=LayerLevel.of(layer)), rate=25, steady=True)
    expected = sum(share * band for share, band in zip(aim, split_bands(layer), strict=True))
    torch.testing.assert_close(governed.layer, expected, atol=1e-4, rtol=0)


def test_while_the_settings_change_the_dream_may_too() -> None:
    governor, layer = level_governor(), noise()
    given = canvas(2 * layer, image(), level=LayerLevel.of(layer))
    free = governor(given, rate=25, steady=False)
    assert free.layer is given.layer
    torch.testing.assert_close(free.level.shot, LayerLevel.of(2 * layer).shot)


def test_what_is_given_back_keeps_its_own_strength() -> None:
    weak, own = 0.4 * noise(), noise(seed=1)
    right = torch.zeros(1, 1, *weak.shape[2:])
    right[..., 64:] = 1
    first = LayerLevel.of(weak.lerp(own, right))  # of the shot, in which it was there before
    carried = LayerLevel(LayerLevel.of(weak).places, first.shot)
    given = canvas(weak, torch.full_like(weak, 0.5), level=carried, maturity=0.1 + 0 * right)
    kept = level_governor()(given.mixed_with(own, right), rate=25, steady=True).layer
    assert energies(kept[..., 80:])[1] == pytest.approx(energies(own[..., 80:])[1], rel=0.05)
    lost = level_governor()(replace(given, layer=own), rate=25, steady=True).layer
    assert energies(lost[..., 80:])[1] < 0.75 * energies(own[..., 80:])[1]


def test_a_level_moves_with_the_layer() -> None:
    layer = noise(160, 160)
    layer[..., 80:] *= 0.25
    positions = pixel_grid(160, 160, torch.device("cpu")) - torch.tensor([32.0, 0.0])
    moved = LayerLevel.of(layer).carried(positions, "reflect")
    expected = LayerLevel.of(sample(layer, positions))
    torch.testing.assert_close(moved.places, expected.places, atol=0.004, rtol=0.1)
    assert torch.equal(moved.shot, LayerLevel.of(layer).shot)


@pytest.mark.parametrize(("light", "contrast"), [(0.7, 0.3), (0.2, 0.05)])
def test_an_anchor_pulls_towards_its_set_point(light: float, contrast: float) -> None:
    anchor, held = part("governor", "anchor"), image(light, contrast)
    for _ in range(100):
        held = pulled(anchor, held)
    # Values that are clipped at black and white keep it from being met exactly.
    assert look(held) == pytest.approx(CALM, rel=0.1)


@pytest.mark.parametrize("rate", [24, 60])
def test_an_anchor_takes_the_same_time_at_any_rate(rate: int) -> None:
    anchor, held = part("governor", "anchor", seconds=0.5), image(0.6, 0.05)
    for _ in range(rate // 2):
        held = pulled(anchor, held, rate)
    assert look(held)[0] == pytest.approx(0.42 + 0.18 * 0.368, abs=0.01)


def test_steps_shrink_where_detail_abounds() -> None:
    anchor = part("governor", "anchor")
    fine, smooth = image(), torch.nn.functional.avg_pool2d(image(), 9, 1, 4)
    strengths = [
        float(anchor(canvas(given), rate=25, steady=True).strength.full) for given in (fine, smooth)
    ]
    assert strengths[0] < 0.6 < 1.5 < strengths[1]


def test_what_is_clipped_loses_contrast_first() -> None:
    hard = (image(0.42, 0.3) > 0.42).float()
    strict, lax = (part("governor", "anchor", clipped=share, seconds=0.04) for share in (0.01, 0.9))
    softened = [look(pulled(anchor, hard))[1] for anchor in (strict, lax)]
    assert softened[0] < 0.9 * softened[1]

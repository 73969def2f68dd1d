"""pipeline.gradient.tile_budget: as large tiles as there is room for."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.stages import canvas_of, toy_network

from pipeline.canvas import Canvas
from pipeline.config.settings import tile_budget_of
from pipeline.dreamer import Dream
from pipeline.errors import UserError
from pipeline.gradient import Gradient, oom_retry
from pipeline.gradient.footprint import Footprint
from pipeline.gradient.tile_budget import GIB, TileBudget
from pipeline.objective.norm import Norm

NEED = Footprint(strides={"a": 16}, bytes=1000, is_tileable=True)
"""A thousandth of a GB holds a thousand pixels; a margin of 64."""
UNEVEN = Footprint(strides={"a": 14}, bytes=1000, is_tileable=False)


def test_more_memory_makes_fewer_and_larger_tiles_that_fit_it() -> None:
    counts = []
    for budget in (0.1e9, 0.3e9, 1e9, 2e9, 9e9):
        tiles = TileBudget(None, budget).tiles(NEED, 2160, 3840)
        height, width = tiles[0].sides
        assert height * width * NEED.bytes <= budget
        counts.append(len(tiles))
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 1


def test_a_picture_that_fits_is_left_whole() -> None:
    assert len(TileBudget(None, 1e9).tiles(NEED, 1000, 1000)) == 1
    assert len(TileBudget(None, 1e9).tiles(NEED, 1000, 1001)) > 1
    assert len(TileBudget(512, None).tiles(NEED, 512, 300)) == 1
    assert len(TileBudget(512, None).tiles(NEED, 513, 300)) > 1


def test_what_cannot_be_cut_evenly_is_left_whole_and_said(caplog: pytest.LogCaptureFixture) -> None:
    assert len(TileBudget(None, 1e6).tiles(UNEVEN, 1000, 1000)) == 1
    TileBudget(None, 1e6).log_tiling(UNEVEN, 1000, 1000)
    assert "strides of these layers do not divide 32" in caplog.text


def test_how_pictures_are_cut_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        TileBudget(None, GIB).log_tiling(NEED, 500, 500)
        assert caplog.text == ""
        TileBudget(512, None).log_tiling(NEED, 500, 800)
    assert "tiles: 2 of 480x500 pixels per picture" in caplog.text


def test_more_memory_than_allowed_is_taken_only_for_the_smallest_tiles_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    TileBudget(None, 1e6).log_tiling(NEED, 1000, 1000)
    assert "tile_memory: 0.03 is used instead of 0.00" in caplog.text


def test_tiles_too_small_for_what_layers_see_are_refused() -> None:
    TileBudget(192, None).log_tiling(NEED, 1000, 1000)
    with pytest.raises(UserError, match=r"tile: must be at least 192 .* got 100; set tile=auto"):
        TileBudget(100, None).log_tiling(NEED, 1000, 1000)
    TileBudget(100, None).log_tiling(NEED, 90, 90)  # no tile is needed


def test_a_need_is_measured_once() -> None:
    room, network = TileBudget(64, None), toy_network()
    cpu = torch.device("cpu")
    assert room.need(network, ("second",), cpu) is room.need(network, ["second"], cpu)
    assert room.need(network, ("third",), cpu) is not room.need(network, ("second",), cpu)


@pytest.mark.parametrize(("side", "trims"), [(None, 0), (128, 2)])
def test_memory_is_given_back_only_where_a_picture_is_cut(
    monkeypatch: pytest.MonkeyPatch, side: int | None, trims: int
) -> None:
    given: list[int] = []
    monkeypatch.setattr(oom_retry, "give_back_freed_memory", lambda: given.append(1))
    gradient = Gradient(toy_network(), Norm(("second",), None), TileBudget(side=side, bytes=None))

    def dreamer(canvas: Canvas, gradient_fn: Any, *_: object, **__: object) -> Dream:
        for size in ((160, 192), (160, 192), (96, 96), (160, 192)):
            gradient_fn(torch.rand(1, 3, *size))
        return Dream(canvas.image, canvas.maturity, work={})

    canvas, rng = canvas_of(torch.rand(1, 3, 160, 192)), torch.Generator()
    oom_retry.OomRetry(dreamer)(canvas, gradient, rng, memory={})  # type: ignore[arg-type]
    assert len(given) == trims


def test_a_gpu_gives_half_of_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    told = SimpleNamespace(total_memory=24 * GIB)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: told)
    assert tile_budget_of("auto", "auto", torch.device("cuda")) == TileBudget(None, 12 * GIB)
    assert tile_budget_of("auto", "auto", torch.device("cpu")) == TileBudget(None, 0.75 * GIB)
    assert tile_budget_of("auto", 2, torch.device("cuda")) == TileBudget(None, 2 * GIB)
    assert tile_budget_of(512, "auto", torch.device("cuda")) == TileBudget(512, None)
    assert tile_budget_of(None, "auto", torch.device("cuda")) is None

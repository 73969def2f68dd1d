"""pipeline.report.report: the figures that others read by name, and what they are worth."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.scenes import texture
from helpers.stages import toy_network
from torch import Tensor

from pipeline.canvas import Canvas, Strength
from pipeline.dreamer import Dream
from pipeline.frame import Clip, Frame, Picture, to_image
from pipeline.gradient import Gradient
from pipeline.imaging.sampling import pixel_grid
from pipeline.objective.norm import Norm
from pipeline.render import RenderedFrame
from pipeline.report.frame_metrics import STAGES
from pipeline.report.report import EVERY, STATUS, Report, peak_memory_bytes
from pipeline.state import State

CPU = torch.device("cpu")
HEIGHT, WIDTH = 48, 64
CLIP = Clip(HEIGHT, WIDTH, Fraction(30000, 1001))
PICTURE = texture(HEIGHT, WIDTH, seed=1)
OURS = {
    "frames",
    "rate",
    "width",
    "height",
    "seconds_per_frame",
    "steps_per_frame",
    "gain",
    "flicker",
    "source_flicker",
    "reappeared",
    "cuts",
    "peak_memory_bytes",
}
"""What report.json promises, but for seed, versions and weights, which the render knows."""


def dreamt(
    index: int,
    picture: Picture = PICTURE,
    *,
    strength: float = 0.1,
    steps: int = 2,
    cut: bool = False,
    seed: int = 0,
    steady: bool = True,
    mask: Tensor | None = None,
) -> RenderedFrame:
    """A frame with a layer of noise; with the same seed the same on every frame."""
    image = to_image(picture, CPU)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    dream = image + strength * noise
    one, whole = torch.ones(()), torch.ones(1, 1, HEIGHT, WIDTH)
    positions = None if index == 0 or cut else pixel_grid(HEIGHT, WIDTH, CPU)
    nothing, strength = torch.zeros_like(image), Strength.alike(one)
    canvas = Canvas(image, nothing, one, whole, positions, whole, strength, mask=mask, index=index)
    return RenderedFrame(
        Frame(index, index / 30, picture, cut=cut),
        canvas,
        steady,
        Gradient(toy_network(), Norm(layers=("second",), weights=None)),
        Dream(dream, whole, {(HEIGHT, WIDTH): steps}),
        canvas.composite(dream),
        State(index + 1, picture, dream, whole),
        {stage: (index, index + n / 1000) for n, stage in enumerate(STAGES, start=1)},
    )


class Pictures:
    """A source of one picture."""

    clip = CLIP

    def pictures(self, start: int = 0) -> Iterator[Picture]:
        """It."""
        yield PICTURE


@pytest.fixture
def report() -> Report:
    return Report(Pictures(), CPU)


def test_the_figures_have_the_names_that_were_promised(report: Report) -> None:
    for index in range(3):
        report.add(dreamt(index))
    figures = report.figures()
    assert set(figures) >= OURS
    assert json.loads(json.dumps(figures)) == figures
    assert figures["frames"] == 3
    assert (figures["width"], figures["height"]) == (WIDTH, HEIGHT)
    assert figures["rate"] == "30000/1001"


def test_a_report_of_nothing_can_be_written_too(report: Report) -> None:
    figures = report.figures()
    assert set(figures) >= OURS
    assert figures["frames"] == 0
    assert figures["gain"] is figures["flicker"] is figures["steps_per_frame"] is None
    json.dumps(figures)


def test_seconds_are_the_mean_of_each_stage(report: Report) -> None:
    for index in range(4):
        report.add(dreamt(index))
    seconds = report.figures()["seconds_per_frame"]
    assert isinstance(seconds, dict)
    expected = dict(zip(STAGES, (0.001, 0.002, 0.003, 0.004, 0.005), strict=True))
    assert {stage: seconds[stage] for stage in STAGES} == expected
    assert seconds["total"] > 0


def test_steps_are_those_behind_the_first_frame(report: Report) -> None:
    for index, steps in enumerate((80, 2, 4)):
        report.add(dreamt(index, steps=steps))
    figures = report.figures()
    assert figures["steps_per_frame"] == 3
    assert figures["steps_at_size"] == {f"{WIDTH}x{HEIGHT}": 86}


def test_a_single_frame_has_only_its_own_steps(report: Report) -> None:
    report.add(dreamt(0, steps=80))
    assert report.figures()["steps_per_frame"] == 80


def test_the_gain_is_the_score_of_the_dream_over_that_of_its_picture(
    report: Report, gradient: Gradient
) -> None:
    assert report.gain is None
    strengths = (0.3, 0.1, 0.2)
    for index in range(3 * EVERY):
        report.add(dreamt(index, strength=strengths[index // EVERY]))
    ground = float(gradient.score(to_image(PICTURE, CPU)))
    gains = [
        float(gradient.score(dreamt(0, strength=strength).dream.image)) / ground
        for strength in strengths
    ]
    assert gains[0] > gains[2] > gains[1] > 1
    expected = {"mean": sum(gains) / 3, "min": gains[1], "max": gains[0]}
    expected |= {"first": gains[0], "last": gains[2]}
    assert report.figures()["gain"] == pytest.approx(expected, abs=1e-4)
    assert report.gain == pytest.approx(gains[2])


def test_where_nothing_was_dreamt_there_is_no_gain_and_no_flicker(report: Report) -> None:
    for index in range(3):
        report.add(dreamt(index, strength=0, steps=0))
    figures = report.figures()
    assert figures["gain"] is None
    assert figures["flicker"] is None
    assert figures["source_flicker"] == 0


def test_a_layer_that_stays_does_not_flicker_and_an_unrelated_one_does(
    gradient: Gradient,
) -> None:
    def measured(seed: int) -> object:
        report = Report(Pictures(), CPU)
        report.add(dreamt(0))
        report.add(dreamt(1, seed=seed))
        return report.figures()["flicker"]

    assert measured(seed=0) == pytest.approx(0, abs=1e-5)
    # 3 x 48 x 64 values, blurred to about 500 independent ones: 1 within 4 / sqrt(500).
    assert measured(seed=1) == pytest.approx(1, abs=0.18)


def test_the_gain_is_of_what_a_mask_shows_and_the_flicker_of_the_dream_where_it_does(
    report: Report,
) -> None:
    left = torch.zeros(1, 1, HEIGHT, WIDTH)
    left[..., : WIDTH // 2] = 1
    gradient = dreamt(0).gradient
    report.add(dreamt(0, mask=left))
    seen = gradient.score(dreamt(0, mask=left).image) / gradient.score(to_image(PICTURE, CPU))
    assert report.gain == pytest.approx(float(seen))
    # a mask that moves over a dream that stays
    report.add(dreamt(1, mask=1 - left))
    assert report.figures()["flicker"] == 0
    # a dream that changes where it is not seen
    report = Report(Pictures(), CPU)
    report.add(dreamt(0))
    there, other = dreamt(1, mask=left), dreamt(1, seed=1).dream.image
    changed = there.dream.image.lerp(other, (1 - left).roll(8, dims=3) * (1 - left))
    report.add(replace(there, dream=replace(there.dream, image=changed)))
    assert report.figures()["flicker"] == pytest.approx(0, abs=0.001)


def test_the_sources_own_flicker_is_that_of_its_pictures(report: Report) -> None:
    other = np.ascontiguousarray(PICTURE[::-1])
    report.add(dreamt(0))
    report.add(dreamt(1, other))
    figures = report.figures()
    assert figures["flicker"] == pytest.approx(0, abs=1e-5)
    # A picture and its mirror image are about unrelated.
    assert figures["source_flicker"] == pytest.approx(1, abs=0.4)


def test_where_the_flow_is_not_trusted_no_flicker_is_measured(report: Report) -> None:
    report.add(dreamt(0))
    second = dreamt(1, seed=1)
    nowhere = torch.zeros(1, 1, HEIGHT, WIDTH)
    report.add(replace(second, canvas=replace(second.canvas, confidence=nowhere)))
    assert report.figures()["flicker"] == 0


def test_cuts_are_listed_and_no_flicker_is_measured_across_them(report: Report) -> None:
    report.add(dreamt(0))
    report.add(dreamt(1, seed=1, cut=True))
    report.add(dreamt(2, seed=1))
    figures = report.figures()
    assert figures["cuts"] == [1]
    assert figures["flicker"] is None


def test_a_report_that_is_gone_on_with_tells_of_all_frames_once(tmp_path: Path) -> None:
    def told(*stretches: range) -> dict[str, object]:
        file = tmp_path / f"{len(stretches)}.jsonl"
        for stretch in stretches:
            report = Report(Pictures(), CPU, file)
            for index in stretch:
                report.add(dreamt(index, strength=0.1 + index / 100, seed=index, cut=index == 4))
            with file.open("a") as half:
                half.write('\n{"index": 99, "st')  # whoever was killed while it wrote
        figures = report.figures()
        return {name: figures[name] for name in figures if not name.startswith(("sec", "peak"))}

    whole = told(range(25))
    assert told(range(12), range(9, 25)) == whole
    assert whole["frames"] == 25


def test_memory_is_that_of_this_process() -> None:
    # Torch alone takes more than 50 MB; kilobytes taken for bytes would be far below.
    assert peak_memory_bytes(CPU) > 50_000_000


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells of each process by itself")
@pytest.mark.slow
@pytest.mark.alone
def test_memory_is_not_that_of_the_process_which_started_this_one() -> None:
    held = bytearray(b"x" * 1_500_000_000)  # three times what importing torch takes
    code = "from pipeline.report.report import *; print(peak_memory_bytes(torch.device('cpu')))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(told.stdout) < len(held)


def test_the_energy_of_the_layer_is_told_band_by_band(report: Report) -> None:
    for index, strength in enumerate((0.1, 0.2, 0.15)):
        report.add(dreamt(index, strength=strength))
    energy: Any = report.figures()["layer_energy"]
    assert set(energy) == {"fine", "middle", "coarse"}
    for band in energy.values():
        assert band["first"] == band["min"]
        assert band["max"] == pytest.approx(4 * band["first"], rel=1e-3)
        assert band["last"] == pytest.approx(2.25 * band["first"], rel=1e-3)


def test_of_a_layer_only_what_a_mask_shows_counts(report: Report) -> None:
    mask = torch.zeros(1, 1, HEIGHT, WIDTH)
    report.add(dreamt(0, mask=mask))
    energy: Any = report.figures()["layer_energy"]
    assert energy["fine"]["first"] == 0


@pytest.mark.parametrize(("growth", "drifts"), [(1.0, False), (1.003, False), (1.01, True)])
def test_a_shot_that_drifts_is_told(report: Report, growth: float, drifts: bool) -> None:
    for index in range(40):
        report.add(dreamt(index, strength=0.1 * growth**index))
    drift: Any = report.figures()["drift"]
    assert len(drift) == drifts
    if drifts:
        # twenty-five frames lie between the middles of both ends, and energy is a square
        assert drift[0]["frame"] == 0
        assert drift[0]["ratio"] == pytest.approx(growth**50, rel=0.01)


def test_a_shot_whose_settings_change_does_not_drift(report: Report) -> None:
    for index in range(40):
        report.add(dreamt(index, strength=0.1 * 1.01**index, steady=index != 20))
    assert report.figures()["drift"] == []


def test_each_shot_is_compared_with_itself(report: Report) -> None:
    for index in range(80):
        strength = 0.1 if index < 40 else 0.1 * 1.01 ** (index - 40)
        report.add(dreamt(index, strength=strength, cut=index == 40))
    drift: Any = report.figures()["drift"]
    assert [shot["frame"] for shot in drift] == [40]

"""pipeline.explain.film: what the network sees in a video, over time."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.clips import counted, video
from helpers.command_line import TOY, rendered, run
from helpers.graphs import noted
from helpers.sampling import every

from pipeline.config.compose import compose, compose_stage
from pipeline.errors import UserError
from pipeline.explain.attribution import ClassMaps
from pipeline.explain.film import PANEL, STRIP, Film, class_maps, colour_of, explain_film
from pipeline.frame import Clip, Picture
from pipeline.model.network.cuda_graphs import CudaGraphModel
from pipeline.recording.recording import Recording

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Moving:
    """Pictures of noise that move; None after the first `footage` ones."""

    count: int = 30
    footage: int = 1000
    width: int = 96
    rate: Fraction = Fraction(4)

    @property
    def clip(self) -> Clip:
        """Size, rate and length."""
        return Clip(64, self.width, self.rate, self.count)

    def pictures(self, start: int = 0) -> Iterator[Picture | None]:
        """Yield the pictures."""
        noise = np.random.default_rng(0).integers(0, 256, (64, self.width, 3), np.uint8)
        for index in range(start, self.count):
            yield np.roll(noise, index, axis=1) if index < self.footage else None


@pytest.fixture(scope="module")
def maps() -> ClassMaps:
    return ClassMaps.of(compose_stage("model"), CPU)


def test_a_network_that_was_captured_has_the_same_maps(maps: ClassMaps) -> None:
    job = compose("recipe=zoom", "output=x.mp4")
    captured = CudaGraphModel(job.pipeline.model, noted)
    job = replace(job, pipeline=replace(job.pipeline, model=captured))
    found = class_maps(job)
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    for _ in range(3):  # the second time a network would be captured
        assert np.array_equal(found.leading(image)[1], maps.leading(image)[1])


def film(maps: ClassMaps, source: Moving | None = None, cuts: tuple[int, ...] = ()) -> Film:
    return Film(source or Moving(), Moving(), maps, frozenset(cuts), CPU)


@pytest.mark.parametrize("start", every(3, [1, 7, 24]))
@pytest.mark.parametrize("footage", [1000, 1])
def test_the_film_is_the_same_from_any_frame_on(maps: ClassMaps, start: int, footage: int) -> None:
    one = film(maps, Moving(footage=footage), cuts=(5, 9))
    whole = list(one.pictures())
    assert len(whole) == 30
    assert all(picture.shape == (64 + STRIP, 3 * 96, 3) for picture in whole)
    for index, picture in enumerate(islice(one.pictures(start), 3), start):
        assert np.array_equal(picture, whole[index])


def test_a_slow_film_is_the_same_from_any_frame_on(maps: ClassMaps) -> None:
    slow = Moving(count=12, rate=Fraction(1, 5))  # the strip shows two frames
    one = Film(slow, slow, maps, frozenset(), CPU)
    whole = list(one.pictures())
    for start in range(12):
        assert np.array_equal(next(one.pictures(start)), whole[start])


def test_cuts_are_marked_where_they_are(maps: ClassMaps) -> None:
    plain, cut = (list(film(maps, cuts=cuts).pictures()) for cuts in ((), (6,)))
    changed = [k for k in range(30) if not np.array_equal(plain[k], cut[k])]
    assert changed == list(range(6, 6 + len(changed)))
    assert len(changed) == 19  # for as long as the strip shows the cut, five seconds
    assert np.array_equal(plain[8][:64], cut[8][:64])


def test_wide_videos_are_shown_smaller(maps: ClassMaps) -> None:
    wide = Film(Moving(width=1440), Moving(width=1440), maps, frozenset(), CPU)
    assert (wide.clip.width, wide.clip.height) == (3 * PANEL, 18 + STRIP)
    assert next(iter(wide.pictures())).shape == (18 + STRIP, 3 * PANEL, 3)


def test_classes_have_colours_of_their_own() -> None:
    colours = [colour_of(number) for number in range(1000)]
    assert colours == [colour_of(number) for number in range(1000)]
    near = [np.abs(np.subtract(*pair)).max() for pair in pairwise(colours)]
    assert min(near) > 60
    assert all(max(colour) > 180 for colour in colours)  # bright on the dark strip


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="that dreamreel has rendered"):
        explain_film(tmp_path / "no.mp4")


NAME, FILM = "it's a, b.mp4", "it's a, b.explain.mp4"
SETTINGS = ("width=128", "dreamer.octaves=1", "dreamer.iterations=1", "explain=true")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the film of a short render with sound."""
    result = tmp_path_factory.mktemp("film")
    sine = ("-f", "lavfi", "-t", "0.48", "-i", "sine")
    counted(result / "clip.mp4", frames=12, before=sine)
    ran = rendered("clip.mp4", *SETTINGS, "-o", NAME, cwd=result)
    assert ran.out.strip().endswith("; what the network sees: " + FILM)
    return result


def test_a_render_makes_a_film_of_the_same_length_and_sound(folder: Path) -> None:
    one, whole = video(folder / NAME), video(folder / FILM)
    assert whole.clip.count == one.clip.count == 12
    assert whole.clip.rate == one.clip.rate
    assert whole.clip.width == 3 * one.clip.width
    assert whole.clip.tracks is not None
    assert whole.clip.tracks.audio
    first = next(whole.pictures())
    source = next(video(folder / "clip.mp4").pictures())
    assert float(np.abs(first[30:40, :100].astype(float) - source[30:40, :100]).mean()) < 20


@pytest.mark.slow
def test_an_interrupted_film_goes_on_to_the_same_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    whole = Path(FILM).read_bytes()
    recorded, left = Recording.add, [5]

    def add(*arguments: object, **options: object) -> None:
        recorded(*arguments, **options)  # type: ignore[arg-type]
        left[0] -= 1
        if not left[0]:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Recording, "add", add)
    again = re.escape(f"run dreamreel explain {shlex.quote(NAME)} to resume")
    with pytest.raises(KeyboardInterrupt, match=f"after frame 5.*{again}"):
        explain_film(Path(NAME), overwrite=True)
    assert Path(FILM).read_bytes() == whole  # still the earlier one
    assert explain_film(Path(NAME), overwrite=True) == Path(FILM)
    assert Path(FILM).read_bytes() == whole
    assert left[0] == 5 - 5 - 8  # the newest frame was made again


def test_a_film_that_is_there_is_kept(folder: Path) -> None:
    line = run("explain", NAME, cwd=folder).line
    assert f"must not exist yet, got {FILM}" in line
    line = run("clip.mp4", *SETTINGS, "-o", "y.mp4", f"output={NAME}", cwd=folder).line
    assert f"got {NAME}" in line


@pytest.mark.parametrize(
    ("words", "line"),
    every(
        3,
        [
            (("explain.film=maybe",), "explain.film: must be true or false, got 'maybe'"),
            (("explain=5",), "explain: must be true or false, got 5; set explain=true"),
            (("explain=true", *TOY), "explain: must be used with a network that has class names"),
            (
                ("explain=true", "loop=true"),
                "explain: must be used with a video file that does not",
            ),
            (("explain=true", "loop=pingpong"), "explain: must be used with a video file that"),
            (
                ("explain=true", "output=frames"),
                "explain: must be used with a video file that does",
            ),
        ],
    ),
)
def test_what_has_no_film_is_refused_at_once(folder: Path, words: list[str], line: str) -> None:
    assert line in run("clip.mp4", *words, cwd=folder).line

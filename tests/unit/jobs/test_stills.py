"""pipeline.jobs.stills: names that never meet, and what stays when it is stopped or breaks."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers.clips import FITTING, LIMITS, barcode
from helpers.command_line import files
from helpers.picture_files import save
from helpers.stages import job_of, part, pipeline_of, stages

from pipeline.errors import UserError
from pipeline.frame import Clip
from pipeline.jobs import stills as album
from pipeline.jobs.summary import summary
from pipeline.recording.fingerprint import Fingerprint
from pipeline.source import Source
from pipeline.source.still import Still

BESIDE = {"dreamt.render/recipe.yaml", "dreamt.render/render.log", "dreamt.render/report.json"}
MADE_OF = Fingerprint({"seed": "3"})
STILL: dict[str, Any] = {
    "height": None,
    "width": None,
    "fitting": FITTING,
    "alpha": "keep",
    "limits": LIMITS,
}


@dataclass(frozen=True)
class Three:
    """Three stills; before each of them something happens."""

    folder: Path
    happens: Callable[[int], object]

    @property
    def files(self) -> list[Path]:
        """The files."""
        return [self.folder / f"{index}.png" for index in range(3)]

    @property
    def clip(self) -> Clip:
        """Of the first."""
        return Still(self.files[0], **STILL).clip

    def each(self) -> Iterator[tuple[Path, Source]]:
        """Each file's still."""
        for index, file in enumerate(self.files):
            self.happens(index)
            yield file, Still(file, **STILL)


def make(folder: Path) -> Path:
    """The folder, made."""
    folder.mkdir()
    return folder


def rendered(
    folder: Path,
    happens: Callable[[int], object],
    *,
    overwrite: bool = False,
    made_of: Fingerprint = MADE_OF,
    **changes: Any,
) -> Any:
    """What comes of rendering three pictures to the folder dreamt, with these parts changed."""
    for index in range(3):
        save(folder / f"{index}.png", barcode(index))
    stills = Three(folder, happens)
    pipeline = pipeline_of(Still(stills.files[0], **STILL), stages(**changes), clip=stills.clip)
    job = job_of(
        pipeline,
        folder / "dreamt",
        "images",
        overwrite=overwrite,
        fingerprint=made_of,
        stills=stills,
    )
    album.check_stills_output(job.output, stills, overwrite=overwrite)
    return album.run_stills(job)


def left(folder: Path) -> set[str]:
    """What lies there beside the input."""
    return files(folder) - {f"{index}.png" for index in range(3)}


def breaking(error: BaseException, at: int) -> Callable[[int], None]:
    """Raises the error before the picture of that number."""

    def happens(index: int) -> None:
        if index == at:
            raise error

    return happens


@pytest.mark.parametrize(
    ("given", "called"),
    [
        (["a.png", "b.jpg"], ["a.png", "b.png"]),
        (["a.png", "a.jpg"], ["a.png.png", "a.jpg.png"]),
        (["A.png", "a.jpg"], ["A.png.png", "a.jpg.png"]),
        (["a.jpg.tif", "a.jpg", "a.png"], ["a.jpg.png", "a.jpg_.png", "a.png.png"]),
        (["a.PNG", "a.png"], ["a.PNG.png", "a.png_.png"]),
        (["a.b.png", "ü 1.png"], ["a.b.png", "ü 1.png"]),
    ],
)
def test_no_two_dreams_are_called_alike(given: list[str], called: list[str]) -> None:
    assert list(album.names(map(Path, given)).values()) == called


def test_a_whole_album_leaves_its_figures(tmp_path: Path) -> None:
    outcome = rendered(tmp_path, lambda _: None)
    assert left(tmp_path) == {
        "dreamt", "dreamt.render", *(f"dreamt/{index}.png" for index in range(3)), *BESIDE
    }  # fmt: skip
    report = json.loads((tmp_path / "dreamt.render" / "report.json").read_text())
    assert report == outcome.figures
    assert report["weights_sha256"] == "toy"
    assert summary(outcome).count("3 pictures in ") == 1


def test_whoever_stops_keeps_the_pictures_that_are_done(tmp_path: Path) -> None:
    def stop(index: int) -> None:
        if index == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=r"the 2 finished pictures are in .*dreamt; "):
        rendered(tmp_path, stop)
    assert {"dreamt/0.png", "dreamt/1.png"} <= left(tmp_path)
    assert not {"dreamt/2.png", "dreamt.render/progress.json"} & left(tmp_path)


class Counting:
    """The dreamer that does nothing, and how often it was asked."""

    asked = 0

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Nothing."""
        self.asked += 1
        return part("dreamer", "none")(*arguments, **settings)

    def fit(self, *_: object) -> Counting:
        """Itself."""
        return self


def test_the_same_again_goes_on_and_what_is_done_is_not_dreamt_again(tmp_path: Path) -> None:
    dreamer = Counting()
    with pytest.raises(UserError, match="broke"):
        rendered(tmp_path, breaking(UserError("broke"), 2), dreamer=dreamer)
    assert dreamer.asked == 2
    before = (tmp_path / "dreamt" / "1.png").stat().st_mtime_ns
    again = rendered(tmp_path, lambda _: None, dreamer=dreamer)
    assert dreamer.asked == 3
    assert (tmp_path / "dreamt" / "1.png").stat().st_mtime_ns == before
    whole = rendered(make(tmp_path / "other"), lambda _: None)
    for name, figures in whole.figures["pictures"].items():
        for timed in ("seconds_per_frame", "peak_memory_bytes"):
            figures.pop(timed), again.figures["pictures"][name].pop(timed)
    assert again.figures == whole.figures
    assert left(tmp_path) - {"other"} >= {"dreamt", *BESIDE}
    assert files(tmp_path / "dreamt.render") == {"recipe.yaml", "render.log", "report.json"}


def test_a_picture_that_changed_behind_its_dream_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="broke"):
        rendered(tmp_path, breaking(UserError("broke"), 2))
    first = (tmp_path / "dreamt" / "0.png").read_bytes()

    def change(index: int) -> None:
        if index == 0:
            save(tmp_path / "0.png", barcode(77))

    with pytest.raises(UserError, match=r"^input: must not change after .*0\.png"):
        rendered(tmp_path, change)
    assert (tmp_path / "dreamt" / "0.png").read_bytes() == first
    rendered(tmp_path, change, overwrite=True)
    assert (tmp_path / "dreamt" / "0.png").read_bytes() != first


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="broke"):
        rendered(tmp_path, breaking(UserError("broke"), 1))
    with pytest.raises(UserError, match=r"must be resumed with .* got seed=4 \(was 3\); undo"):
        rendered(tmp_path, lambda _: None, made_of=Fingerprint({"seed": "4"}))
    assert rendered(tmp_path, lambda _: None)


def test_stopped_before_the_first_is_done_it_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        rendered(tmp_path, breaking(KeyboardInterrupt(), 0))
    assert left(tmp_path) == set()


def test_a_full_disk_ends_it_and_what_is_done_stays(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No space"):
        rendered(tmp_path, breaking(UserError("output: No space"), 1))
    assert {"dreamt/0.png", "dreamt.render/render.log"} <= left(tmp_path)
    assert not [name for name in left(tmp_path) if "segment" in name or "whole" in name]


def test_a_fault_of_ours_leaves_the_log_that_tells_of_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        rendered(tmp_path, breaking(ZeroDivisionError("of all numbers"), 0))
    assert "dreamt" not in left(tmp_path)
    assert "of all numbers" in (tmp_path / "dreamt.render" / "render.log").read_text()


def test_a_picture_too_small_for_the_network_is_left_out(tmp_path: Path) -> None:
    def shrink(index: int) -> None:
        save(tmp_path / "1.png", barcode(1)[:20, :20])

    smooth = part("dreamer", "octaves", octaves=1, iterations=1, smoothing=4)  # over 48 pixels
    outcome = rendered(tmp_path, shrink, dreamer=smooth)
    assert set(outcome.figures["pictures"]) == {"0.png", "2.png"}
    assert "at least" in outcome.figures["left_out"]["1.png"]
    assert summary(outcome).endswith("; 1 skipped")


def test_an_album_of_which_nothing_can_be_dreamt_leaves_nothing(tmp_path: Path) -> None:
    def break_all(index: int) -> None:
        for number in range(3):
            (tmp_path / f"{number}.png").write_text("no picture any more")

    with pytest.raises(UserError, match="got none in"):
        rendered(tmp_path, break_all)
    assert left(tmp_path) == set()

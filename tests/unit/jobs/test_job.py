"""One render as the user sees it: its files, its fault, its name."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.clips import counted, numbers, video
from helpers.command_line import files
from helpers.stages import job_of, part, pipeline_of, stages

from pipeline.canvas import Canvas
from pipeline.cli.app import main
from pipeline.errors import UserError
from pipeline.frame import Clip
from pipeline.jobs.job import run
from pipeline.jobs.output_path import check_output, default_output
from pipeline.jobs.summary import summary
from pipeline.recording.fingerprint import versions

BESIDE = {"x.mkv.render/recipe.yaml", "x.mkv.render/render.log", "x.mkv.render/report.json"}


class Breaking:
    """A dreamer that fails at the second frame."""

    def __init__(self, error: Exception, at: int = 1) -> None:
        self.error, self.at = error, at

    def __call__(self, canvas: Canvas, *arguments: Any, **settings: Any) -> Any:
        """As the dreamer that does nothing, until then."""
        if canvas.index == self.at:
            raise self.error
        return part("dreamer", "none")(canvas, *arguments, **settings)

    def fit(self, *_: object) -> Breaking:
        """Itself."""
        return self


def rendered(folder: Path, **changes: Any) -> Any:
    """What comes of rendering clip.mp4 to x.mkv in this folder, with these parts changed."""
    counted(folder / "clip.mp4", frames=3)
    pipeline = pipeline_of(video(folder / "clip.mp4"), stages(**changes))
    return run(job_of(pipeline, folder / "x.mkv", "ffv1"))


@pytest.fixture
def signals() -> Iterator[None]:
    """Whatever is done to the handlers of signals is undone."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_render_leaves_the_video_and_three_files_beside_it(tmp_path: Path) -> None:
    outcome = rendered(tmp_path)
    assert files(tmp_path) == {"clip.mp4", "x.mkv", "x.mkv.render", *BESIDE}
    beside = tmp_path / "x.mkv.render"
    assert (beside / "recipe.yaml").read_text() == "seed: 3\n"
    report = json.loads((beside / "report.json").read_text())
    assert report["seed"] == 3
    assert report["versions"] == versions()
    assert report["weights_sha256"] == "toy"
    assert summary(outcome).startswith(f"{tmp_path / 'x.mkv'}: 3 frames in ")


def test_a_fault_of_ours_leaves_its_traceback_and_no_video(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        rendered(tmp_path, dreamer=Breaking(ZeroDivisionError("of all numbers")))
    assert not (tmp_path / "x.mkv").exists()
    log = (tmp_path / "x.mkv.render" / "render.log").read_text()
    assert "Traceback" in log
    assert "ZeroDivisionError: of all numbers" in log


def test_what_the_user_can_mend_keeps_what_is_done(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fix me"):
        rendered(tmp_path, dreamer=Breaking(UserError("fix me")))
    assert "x.mkv.render/state-00000000" in files(tmp_path)
    assert rendered(tmp_path).figures["frames"] == 3
    assert files(tmp_path) == {"clip.mp4", "x.mkv", "x.mkv.render", *BESIDE}


def test_what_is_wrong_at_the_first_frame_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fix me"):
        rendered(tmp_path, dreamer=Breaking(UserError("fix me"), at=0))
    assert files(tmp_path) == {"clip.mp4"}


def test_ctrl_c_finishes_the_frame_and_the_same_goes_on(tmp_path: Path, signals: None) -> None:
    class Pressing(Breaking):
        """Presses Ctrl-C during the second frame, and goes on."""

        def __call__(self, canvas: Canvas, *arguments: Any, **settings: Any) -> Any:
            if canvas.index == 1:
                signal.raise_signal(signal.SIGINT)
                pressed.append(canvas.index)
            return part("dreamer", "none")(canvas, *arguments, **settings)

    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    partial = tmp_path / "x.mkv.render" / "partial.mkv"
    with pytest.raises(KeyboardInterrupt, match=rf"^stopped after frame 2, .* is {partial}; run"):
        rendered(tmp_path, dreamer=Pressing(ValueError()))
    assert pressed == [1]
    assert signal.getsignal(signal.SIGINT) is before
    assert not (tmp_path / "x.mkv").exists()
    assert numbers(video(partial).pictures()) == [0, 1]
    assert rendered(tmp_path).figures["frames"] == 3
    assert numbers(video(tmp_path / "x.mkv").pictures()) == [0, 1, 2]
    assert files(tmp_path) == {"clip.mp4", "x.mkv", "x.mkv.render", *BESIDE}


def test_the_command_line_ends_with_1_after_a_fault_of_ours(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    signals: None,
) -> None:
    def broken(*_: object, **__: object) -> Iterator[None]:
        raise ZeroDivisionError("of all numbers")
        yield

    counted(tmp_path / "clip.mp4", frames=2)
    monkeypatch.setattr("pipeline.jobs.job.render", broken)
    monkeypatch.setattr(sys, "argv", ["dreamreel", "input=clip.mp4", "dreamer=none"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    told = capsys.readouterr().err
    assert "\ninternal error, please report it" in told
    assert told.rstrip().endswith("ZeroDivisionError: of all numbers")
    log = (tmp_path / "clip.dream.mp4.render" / "render.log").read_text()
    assert "ZeroDivisionError: of all numbers" in log
    assert not (tmp_path / "clip.dream.mp4").exists()
    assert not logging.getLogger("pipeline").handlers


@pytest.mark.parametrize(
    ("name", "count", "suffixes", "made"),
    [
        ("a/clip.mp4", 9, (".mp4",), "clip.dream.mp4"),
        ("a/clip.mp4", 1, (".mp4",), "clip.dream.mp4"),
        ("a/shot.png", 1, ("", ".png"), "shot.dream.png"),
        ("a/frame_%04d.png", 9, (".mp4",), "frame.dream.mp4"),
        ("a.b.mp4", 9, ("", ".png"), "a-b-dream"),
        ("%d.png", 9, (".mp4",), "dream.dream.mp4"),
    ],
)
def test_a_default_name_comes_from_the_input_and_the_encoder(
    name: str, count: int, suffixes: tuple[str, ...], made: str
) -> None:
    encoder: Any = SimpleNamespace(suffixes=suffixes)
    clip = Clip(48, 64, rate=25, count=count)  # type: ignore[arg-type]
    assert default_output(Path(name), encoder, clip, None) == Path(made)
    in_sweep = default_output(Path(name), encoder, clip, Path("jobs/3"))
    assert in_sweep == Path("jobs/3", "dream" + Path(made).suffix)


def test_an_output_that_would_take_the_input_away_is_refused(tmp_path: Path) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    for number in range(3):
        (shots / f"{number}.png").touch()
    (tmp_path / "hard.png").hardlink_to(shots / "0.png")
    refused = [
        (tmp_path / "hard.png", shots / "0.png"),
        (shots, shots / "%d.png"),
        (tmp_path, shots / "0.png"),
        (shots / "2.png", shots),
        (shots / "2.png", shots / "%d.png"),
    ]
    for output, source in refused:
        with pytest.raises(UserError, match="must not be the input"):
            check_output(output, {"input": source}, overwrite=True)
    # beside the pictures, and over one that is none of them, is well
    check_output(shots / "new.png", {"input": shots}, overwrite=True)
    check_output(shots / "1.png", {"input": shots / "0.png"}, overwrite=True)


def test_only_a_folder_of_numbered_pictures_is_replaced(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    (made / "000000.png").touch()
    check_output(made, {"input": tmp_path / "clip.mp4"}, overwrite=True)
    (made / "notes.txt").touch()
    with pytest.raises(UserError, match=r"notes\.txt"):
        check_output(made, {"input": tmp_path / "clip.mp4"}, overwrite=True)

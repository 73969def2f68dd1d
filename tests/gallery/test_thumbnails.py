"""pipeline.gallery: posters, copies of what no browser plays, and the mosaic."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.clips import run
from helpers.sweeps import clip, data_of, finish, first, leave, plan, run_on

from pipeline.gallery import write, write_mosaic
from pipeline.gallery.media import Kind, Media
from pipeline.gallery.mosaic import MOST, grid_of
from pipeline.gallery.thumbnails import copy, poster
from pipeline.sweep.plan import JobState, Status


def test_writing_twice_changes_nothing(sweep: Path, red: Path) -> None:
    finish(first(sweep), red)
    write(sweep)
    write_mosaic(sweep)
    before = {path: path.stat().st_mtime_ns for path in sweep.rglob("*")}
    write(sweep)
    assert {path: path.stat().st_mtime_ns for path in sweep.rglob("*")} == before


def test_a_poster_is_made_once_for_each_state_and_goes_with_it(sweep: Path, red: Path) -> None:
    run_on(first(sweep), red, 20)
    half = data_of(sweep)["cards"][0]["poster"]
    finish(first(sweep), red)
    whole = data_of(sweep)["cards"][0]["poster"]
    assert half != whole
    assert [f"./gallery/{path.name}" for path in sweep.glob("gallery/*.webp")] == [whole]


def test_what_ffmpeg_cannot_read_has_no_poster_and_is_not_tried_again(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"#EXTM3U\nfile:///etc/passwd\n" * 50)
    finish(first(sweep), junk)
    assert data_of(sweep)["cards"][0]["poster"] is None
    monkeypatch.setattr("pipeline.gallery.thumbnails.convert_preview", None)
    assert data_of(sweep)["cards"][0]["poster"] is None


@pytest.mark.parametrize("kind", [Kind.VIDEO, Kind.PICTURE, Kind.COPY, Kind.FRAMES])
def test_what_goes_while_it_is_looked_at_has_no_picture(kind: Kind, sweep: Path) -> None:
    """A render replaces its partial result whenever it likes."""
    media = Media(sweep / "gone", kind, "1", partial=True)
    (sweep / "gallery").mkdir()
    for path in (poster(media, None, sweep / "gallery"), copy(media, None, sweep / "gallery")):
        assert path.stat().st_size == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dream.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")),
        ("dream.mkv", ("-c:v", "ffv1")),
        ("dream.gif", ()),
        ("dream", ()),
    ],
)
def test_what_browsers_do_not_play_in_step_is_shown_as_a_copy(
    name: str, options: tuple[str, ...], sweep: Path, tmp_path: Path
) -> None:
    if options or name.endswith("gif"):
        media = clip(
            tmp_path / (name if "." in name else "x.mp4"),
            *(options or ("-c:v", "gif")),
            seconds=0.4,
        )
        finish(first(sweep), media, name=name)
    else:
        frames = first(sweep) / name
        frames.mkdir()
        run("-f", "lavfi", "-i", "testsrc=s=161x91:r=25:d=0.4", str(frames / "%06d.png"))
        (frames / "000011.png").symlink_to(sweep / "sweep.json")
        leave(first(sweep), Status(JobState.DONE, "", name))
    card = data_of(sweep)["cards"][0]
    assert re.fullmatch(r"\./gallery/[0-9a-f]{16}\.mp4\?v=[0-9a-f]{8}", card["video"])
    made = sweep / card["video"].partition("?")[0]
    # ten frames, as `framecrc` lists them
    assert run("-i", str(made), "-f", "framecrc", "-").count(b"\n0,") == 10
    assert card["poster"]


def test_a_picture_is_shown_as_it_is(sweep: Path, tmp_path: Path) -> None:
    picture = tmp_path / "dream.png"
    run("-f", "lavfi", "-i", "testsrc=s=64x36", "-frames:v", "1", str(picture))
    finish(first(sweep), picture, name="dream.png")
    card = data_of(sweep)["cards"][0]
    assert card["video"] is None
    assert card["file"].startswith("./look%3Deyes%2Cseed%3D1/dream.png?v=")
    assert card["poster"]


def frames_of(path: Path, height: int, width: int) -> Any:
    """All frames, (n, height, width, 3) uint8."""
    raw = run("-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def test_the_mosaic_has_each_job_in_its_cell_and_holds_the_shorter_ones(tmp_path: Path) -> None:
    colours = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255,) * 3}
    sweep = tmp_path / "s"
    jobs = plan(sweep, *([f"look={name}"] for name in [*colours, "none"]))
    for job, name in zip(jobs, colours, strict=False):
        seconds = 0.4 if name == "red" else 0.8
        size = "90x90" if name == "blue" else "160x90"
        media = clip(tmp_path / f"{name}.mp4", colour=name, seconds=seconds, size=size)
        finish(sweep / job.name, media)
    path = write_mosaic(sweep)
    assert path == sweep / "mosaic.mp4"
    cells = grid_of(4, 160, 90)
    assert (cells.columns, cells.rows, cells.width, cells.height, cells.strip) == (
        2,
        2,
        160,
        90,
        16,
    )
    frames = frames_of(path, 2 * (90 + 16), 2 * 160)
    assert len(frames) == 20  # 0.8 s at the first's 25 a second: red's ten are held
    for index, colour in enumerate(colours.values()):
        x, y = cells.corner(index)
        for frame in frames[[0, -1]]:
            middle = frame[y + 60, x + 80].astype(int)
            assert np.abs(middle - colour).max() < 16, (index, middle)  # of a lossy codec
            strip = frame[y + 90 : y + 106, x : x + 160]
            assert strip[:, 150:].max() < 60
            assert strip[:, :80].max() > 120, "no label"
    narrow = frames[0][cells.corner(2)[1] + 60, 5]
    assert narrow.max() < 40  # beside the square one


def test_the_mosaic_is_the_same_each_time_and_made_anew_only_for_another(
    sweep: Path, red: Path
) -> None:
    assert write_mosaic(sweep) is None
    finish(first(sweep), red)
    assert write_mosaic(sweep) is None  # one is no mosaic
    finish(sweep / "look=lace,seed=2", red)
    path = write_mosaic(sweep)
    assert path is not None
    content, made = path.read_bytes(), path.stat().st_ino
    write_mosaic(sweep)
    assert path.stat().st_ino == made
    path.unlink()
    write_mosaic(sweep)
    assert path.read_bytes() == content
    made = path.stat().st_ino
    finish(first(sweep), red)
    write_mosaic(sweep)
    assert path.stat().st_ino != made


@pytest.mark.parametrize(("count", "height"), [(1, 360), (2, 360), (7, 360), (9, 1136), (144, 360)])
def test_a_mosaic_fits_a_large_screen(count: int, height: int) -> None:
    cells = grid_of(count, 640, height)
    assert cells.columns * cells.rows >= count > cells.columns * (cells.rows - 1)
    assert cells.columns * cells.width <= 3840
    assert cells.rows * (cells.height + cells.strip) <= 2160
    assert cells.width % 2 == cells.height % 2 == cells.strip % 2 == 0
    assert abs(cells.width / cells.height - 640 / height) < 0.05
    assert cells.width >= 230


def test_of_too_many_jobs_the_first_are_in_the_mosaic(
    sweep: Path, red: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plan(sweep.parent / "more", ["look=a"], ["look=b"], ["look=c"])
    for name in "abc":
        finish(sweep.parent / "more" / f"look={name}", red)
    monkeypatch.setattr("pipeline.gallery.mosaic.MOST", 2)
    assert write_mosaic(sweep.parent / "more") is not None
    assert "shows only the first 2 of 3 jobs" in caplog.text


@pytest.mark.slow
@pytest.mark.alone
def test_as_many_jobs_as_fit_are_in_one_mosaic(tmp_path: Path, red: Path) -> None:
    """Hundreds of decoders and filters at once find room."""
    for job in plan(tmp_path / "s", *([f"seed={seed}"] for seed in range(MOST + 1))):
        finish(tmp_path / "s" / job.name, red)
    path = write_mosaic(tmp_path / "s")
    assert path is not None
    cells = grid_of(MOST, 160, 90)
    height, width = cells.rows * (cells.height + cells.strip), cells.columns * cells.width
    last = frames_of(path, height, width)[-1]
    for index in (0, MOST // 2, MOST - 1):
        x, y = cells.corner(index)
        assert np.abs(last[y + 60, x + 80].astype(int) - (255, 0, 0)).max() < 16

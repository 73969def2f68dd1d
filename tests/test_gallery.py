"""pipeline.gallery without a browser: cards out of what lies there, pictures, mosaic, command."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import run
from sweeps import REPORT, clip, finish, leave, plan, run_on

from pipeline.errors import UserError
from pipeline.gallery import kept, mosaic, write
from pipeline.gallery.again import from_job, in_full, quoted
from pipeline.gallery.cells import MOST, grid
from pipeline.gallery.command import main
from pipeline.gallery.found import Card, Figures, cards, plan_of, visible
from pipeline.gallery.media import Kind, Media
from pipeline.gallery.pictures import copy, poster
from pipeline.lock import locked
from pipeline.output import folder_of
from pipeline.sweep import Job, Plan, State, Status, note

LOOKS = (["look=eyes", "seed=1"], ["look=lace", "seed=2"])


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("clip") / "red.mp4")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep of two jobs that were not begun."""
    plan(tmp_path / "sweep", *LOOKS)
    return tmp_path / "sweep"


def found(sweep: Path) -> list[Card]:
    return list(cards(sweep, plan_of(sweep)))


def data_of(sweep: Path) -> dict[str, Any]:
    """What the page says, as its script reads it."""
    page = write(sweep).read_text("utf-8")
    (text,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page)
    told: dict[str, Any] = json.loads(text)
    return told


def first(sweep: Path) -> Path:
    return sweep / "look=eyes,seed=1"


def test_a_card_says_what_the_job_left(sweep: Path, red: Path) -> None:
    output = finish(first(sweep), red)
    card, other = found(sweep)
    assert (card.state, card.settings, card.line) == (State.DONE, ("eyes", "1"), "50 frames")
    assert card.media is not None
    assert (card.media.path, card.media.kind) == (output, Kind.VIDEO)
    assert (card.figures.gain, card.figures.flicker) == (2.5, 0.0123)
    assert (card.figures.seconds_per_frame, card.figures.seconds) == (1.25, 2.0)
    assert "  octaves: 4" in card.recipe
    assert (other.state, other.media, other.figures) == (State.MISSING, None, Figures())


def test_a_job_that_runs_shows_what_is_there_of_it(sweep: Path, red: Path) -> None:
    run_on(first(sweep), red, 20)
    with locked(first(sweep)):
        card = found(sweep)[0]
        assert data_of(sweep)["live"]
    assert card.state is State.RUNNING
    assert card.media is not None
    assert card.media.path.name == "partial.mp4"
    assert (card.figures.done, card.figures.frames, card.figures.left) == (20, 50, 45.0)
    told = data_of(sweep)
    assert not told["live"]
    assert told["cards"][0]["state"] == "killed"
    assert told["cards"][0]["poster"]


HALF = json.dumps(REPORT)[:60]
BROKEN = (
    "", HALF, "[]", "7", '"x"', "{}", "null", "[" * 100_000, '{"gain": 3, "rate": "1e999999999"}',
    '{"frames": -1, "rate": "0/0", "width": 1e400, "flicker": NaN, "gain": {"mean": "2"}}',
    '{"frames": true, "seconds_per_frame": [1], "height": "<b>", "gain": {"mean": 1e300}}',
)  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_half_written_and_broken_files_leave_a_card_that_says_less(
    text: str, sweep: Path, red: Path
) -> None:
    output = finish(first(sweep), red)
    for name in ("report.json", "recipe.yaml"):
        (folder_of(output) / name).write_text(text)
    told = data_of(sweep)["cards"][0]
    assert told["video"]
    nothing = ("gain", "flicker", "pace", "frames", "width", "height", "seconds", "rate")
    assert {name: told[name] for name in nothing} == dict.fromkeys(nothing)


@pytest.mark.parametrize(
    "text", [*BROKEN, '{"state": "done", "line": 7, "output": ["dream.mp4"], "device": {}}']
)
def test_a_broken_status_leaves_a_card_without_a_picture(text: str, sweep: Path, red: Path) -> None:
    finish(first(sweep), red)
    (first(sweep) / "status.json").write_text(text)
    told = data_of(sweep)["cards"][0]
    assert (told["video"], told["file"], told["line"]) == (None, None, "")


def elsewhere(job: Path, name: str) -> None:
    note(job, Status(State.DONE, "", name))


@pytest.mark.parametrize(
    "way", ["../secret.mp4", "/secret.mp4", "..", "a/../../secret.mp4", "link.mp4"]
)
def test_nothing_outside_the_jobs_folder_is_shown(way: str, sweep: Path, red: Path) -> None:
    secret = sweep.parent / "secret.mp4"
    secret.write_bytes(red.read_bytes())
    (sweep / "secret.mp4").write_bytes(red.read_bytes())
    (first(sweep) / "link.mp4").symlink_to(secret)
    elsewhere(first(sweep), str(secret) if way.startswith("/") else way)
    told = data_of(sweep)
    assert (told["cards"][0]["video"], told["cards"][0]["file"]) == (None, None)
    assert "secret" not in (sweep / "index.html").read_text("utf-8")
    assert not list((sweep / "gallery").glob("*.webp"))


def test_what_lies_in_a_work_folder_elsewhere_is_not_read(sweep: Path, red: Path) -> None:
    output = finish(first(sweep), red)
    work = folder_of(output)
    work.rename(sweep.parent / "moved")
    work.symlink_to(sweep.parent / "moved")
    assert found(sweep)[0].recipe == ()
    work.unlink()
    work.mkdir()
    os.mkfifo(work / "report.json")  # whoever opens it waits for ever
    (work / "recipe.yaml").symlink_to("/etc/hostname")
    assert found(sweep)[0].recipe == ("",)


@pytest.mark.parametrize("name", ["../other", "/etc", "..", "", "link", "a/b", "\0", "\udcff"])
def test_a_job_whose_name_leads_elsewhere_has_an_empty_card(
    name: str, tmp_path: Path, red: Path
) -> None:
    sweep, other = tmp_path / "sweep", tmp_path / "other"
    for folder in (sweep, other):
        folder.mkdir()
    finish(other, red)
    (sweep / "link").symlink_to(other)
    (sweep / "sweep.json").write_text(
        json.dumps({"keys": [], "jobs": [{"name": name, "overrides": []}]})
    )
    (card,) = found(sweep)
    assert (card.state, card.media, card.recipe) == (State.MISSING, None, ())
    write(sweep)


def test_hostile_words_are_data_and_no_part_of_the_page(tmp_path: Path) -> None:
    odd = "</script><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'\"&\u202e\u2028"
    (job, _) = plan(tmp_path / "s", [f"look={odd}"], ["look=b"])
    work = leave(tmp_path / "s" / job.name, Status(State.FAILED, odd, "dream.mp4"))
    (work / "recipe.yaml").write_text(odd)
    told = data_of(tmp_path / "s")
    assert told["cards"][0]["line"] == visible(odd)
    page = (tmp_path / "s" / "index.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "<img src" not in page
    assert "\u202e" not in page
    assert "{{7*7}}" in page
    assert len(re.findall("<script", page)) == 2  # the data's and ours


def test_text_that_is_not_seen_is_written_out() -> None:
    assert visible("a\tb\x1b[31m\u202e\ud800é") == "a\\tb\\x1b[31m\\u202e\\ud800é"
    assert visible("x" * 3000) == "x" * 2000 + "…"


def test_the_commands_are_what_a_shell_reads_back() -> None:
    job = Job("look=eyes,a-1234", ("input='a b.mp4'", "start=1", "look=$(rm -rf x)", "sweep=s"))
    assert shlex.split(from_job(Path("s 1"), job, ".gif")) == [
        "dreamreel", "from=s 1/look=eyes,a-1234", "start=null", "end=null",
        "output=look=eyes,a-1234.gif",
    ]  # fmt: skip
    assert shlex.split(in_full(job, ".mp4")) == [
        "dreamreel", "input='a b.mp4'", "look=$(rm -rf x)", "start=null", "end=null",
        "output=look=eyes,a-1234.mp4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word", ["a'b", "a\nb", "\u202egnp.exe", "'\\\t'$x", "plain", "-x", "\ud800"]
)
def test_a_quoted_word_is_seen_as_it_is_and_read_back(word: str) -> None:
    assert quoted(word).isprintable()
    said = subprocess.run(
        ["bash", "-c", f"printf %s {quoted(word)}"], capture_output=True, check=True
    )
    assert said.stdout == word.encode("utf-8", "surrogatepass")


def test_writing_twice_changes_nothing(sweep: Path, red: Path) -> None:
    finish(first(sweep), red)
    write(sweep)
    mosaic(sweep)
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
    monkeypatch.setattr("pipeline.gallery.pictures.converted", None)
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
        leave(first(sweep), Status(State.DONE, "", name))
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
    path = mosaic(sweep)
    assert path == sweep / "mosaic.mp4"
    cells = grid(4, 160, 90)
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
    assert mosaic(sweep) is None
    finish(first(sweep), red)
    assert mosaic(sweep) is None  # one is no mosaic
    finish(sweep / "look=lace,seed=2", red)
    path = mosaic(sweep)
    assert path is not None
    content, made = path.read_bytes(), path.stat().st_ino
    mosaic(sweep)
    assert path.stat().st_ino == made
    path.unlink()
    mosaic(sweep)
    assert path.read_bytes() == content
    made = path.stat().st_ino
    finish(first(sweep), red)
    mosaic(sweep)
    assert path.stat().st_ino != made


@pytest.mark.parametrize(("count", "height"), [(1, 360), (2, 360), (7, 360), (9, 1136), (144, 360)])
def test_a_mosaic_fits_a_large_screen(count: int, height: int) -> None:
    cells = grid(count, 640, height)
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
    monkeypatch.setattr("pipeline.gallery.cells.MOST", 2)
    assert mosaic(sweep.parent / "more") is not None
    assert "the first 2 of 3 jobs, no more fit" in caplog.text


@pytest.mark.slow
def test_as_many_jobs_as_fit_are_in_one_mosaic(tmp_path: Path, red: Path) -> None:
    """Hundreds of decoders and filters at once find room."""
    for job in plan(tmp_path / "s", *([f"seed={seed}"] for seed in range(MOST + 1))):
        finish(tmp_path / "s" / job.name, red)
    path = mosaic(tmp_path / "s")
    assert path is not None
    cells = grid(MOST, 160, 90)
    height, width = cells.rows * (cells.height + cells.strip), cells.columns * cells.width
    last = frames_of(path, height, width)[-1]
    for index in (0, MOST // 2, MOST - 1):
        x, y = cells.corner(index)
        assert np.abs(last[y + 60, x + 80].astype(int) - (255, 0, 0)).max() < 16


def test_the_gallery_is_kept_while_a_sweep_runs(
    sweep: Path, red: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.gallery.keeping.PAUSE", 0.05)
    with kept(sweep):
        finish(first(sweep), red)
        finish(sweep / "look=lace,seed=2", red)
        deadline = time.monotonic() + 30
        while not (page := sweep / "gallery" / "live.js").exists() or (
            page.read_text().count('"state": "done"') < 2
        ):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert '"live": true' in page.read_text()
    assert '"live": false' in page.read_text()
    assert '"mosaic": "./mosaic.mp4?v=' in page.read_text()
    assert "gallery" not in {thread.name for thread in threading.enumerate()}


def test_a_gallery_that_fails_is_one_warning_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.gallery.keeping.PAUSE", 0.01)
    with caplog.at_level(logging.WARNING), kept(tmp_path / "nothing"):
        time.sleep(0.2)
    assert len(caplog.records) == 1
    assert "not up to date: sweep: must be the folder of one" in caplog.text


def test_no_mosaic_keeps_a_user_waiting_who_stopped_the_sweep(sweep: Path, red: Path) -> None:
    for job in ("look=eyes,seed=1", "look=lace,seed=2"):
        finish(sweep / job, red)
    with pytest.raises(KeyboardInterrupt), kept(sweep):
        raise KeyboardInterrupt
    assert (sweep / "index.html").exists()
    assert not (sweep / "mosaic.mp4").exists()


def test_the_command_writes_page_and_mosaic(
    sweep: Path, red: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for job in ("look=eyes,seed=1", "look=lace,seed=2"):
        finish(sweep / job, red)
    main([str(sweep), "--no-mosaic"])
    assert capsys.readouterr().out == f"{sweep / 'index.html'}\n"
    main([str(sweep), "--watch"])
    assert capsys.readouterr().out.endswith(f"{sweep / 'mosaic.mp4'}\n")
    assert "mosaic.mp4?v=" in (sweep / "index.html").read_text("utf-8")


@pytest.mark.parametrize("trouble", ["missing", "no plan", "broken", "deep", "link", "file"])
def test_what_is_no_sweep_is_one_line(
    trouble: str, sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sweep / "sweep.json"
    if trouble in ("missing", "no plan"):
        path.unlink()
    elif trouble == "link":
        path.rename(sweep.parent / "away.json")
        path.symlink_to(sweep.parent / "away.json")
    elif trouble == "file":
        (sweep / "gallery").symlink_to(sweep.parent)
    else:
        path.write_text("[" * 100_000 if trouble == "deep" else "{")
    asked = sweep / "nothing" if trouble == "missing" else sweep
    with pytest.raises(SystemExit) as ended:
        main([str(asked)])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert (
        re.fullmatch(r"sweep: [^\n]+ must be [^\n]+; [^\n]+\n", said.err)
        or "must be the folder" in said.err
    )
    assert said.err.count("\n") == 1


def test_a_word_too_many_is_refused_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["a", "b"])
    assert ended.value.code == 2
    assert "dreamreel-gallery: error: unrecognized arguments: b" in capsys.readouterr().err


def test_watching_ends_with_the_last_job(sweep: Path, red: Path) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "pipeline.gallery.command", str(sweep), "--watch", "--no-mosaic"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline() == f"{sweep / 'index.html'}\n"
        assert '"live": true' in (sweep / "gallery" / "live.js").read_text()
        finish(first(sweep), red)
        leave(sweep / "look=lace,seed=2", Status(State.FAILED, "no", "dream.mp4"))
        watching.communicate(timeout=60)
    finally:
        watching.kill()
    assert watching.returncode == 0
    assert '"live": false' in (sweep / "gallery" / "live.js").read_text()


def test_a_plan_that_names_a_job_twice_shows_it_once(tmp_path: Path) -> None:
    Plan(("look",), (Job("a", ("look=a",)), Job("a", ("look=b",)))).write(tmp_path)
    assert [card.settings for card in found(tmp_path)] == [("a",)]


def test_a_gallery_that_is_a_link_is_refused(sweep: Path) -> None:
    (sweep / "gallery").symlink_to(sweep.parent)
    with pytest.raises(UserError, match="must be a folder, got a link; take it away"):
        write(sweep)

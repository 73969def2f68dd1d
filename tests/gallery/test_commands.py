"""pipeline.gallery as a sweep keeps it, and as dreamreel-gallery writes it."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.sweeps import finish, first, leave

from pipeline.cli.commands import run_command as command
from pipeline.cli.gallery import main
from pipeline.gallery import watch_sweep
from pipeline.sweep.plan import JobState, Status


def test_the_gallery_is_kept_while_a_sweep_runs(
    sweep: Path, red: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.gallery.watch.PAUSE", 0.05)
    with watch_sweep(sweep):
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
    monkeypatch.setattr("pipeline.gallery.watch.PAUSE", 0.01)
    with caplog.at_level(logging.WARNING), watch_sweep(tmp_path / "nothing"):
        time.sleep(0.2)
    assert len(caplog.records) == 1
    assert "could not be updated: sweep: must be the folder of a sweep" in caplog.text


def test_no_mosaic_keeps_a_user_waiting_who_stopped_the_sweep(sweep: Path, red: Path) -> None:
    for job in ("look=eyes,seed=1", "look=lace,seed=2"):
        finish(sweep / job, red)
    with pytest.raises(KeyboardInterrupt), watch_sweep(sweep):
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
        command("gallery", [str(asked)])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert (
        re.fullmatch(r"sweep: [^\n]*must (?:be|contain) [^\n]+; [^\n]+\n", said.err)
        or "must be the folder" in said.err
    )
    assert said.err.count("\n") == 1


def test_a_word_too_many_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command("gallery", ["a", "b"])
    assert ended.value.code == 2
    line = "dreamreel gallery: unrecognized arguments: b; dreamreel gallery --help explains it\n"
    assert capsys.readouterr().err == line


def test_watching_ends_with_the_last_job(sweep: Path, red: Path) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "gallery", str(sweep), "--watch", "--no-mosaic"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline() == f"{sweep / 'index.html'}\n"
        assert '"live": true' in (sweep / "gallery" / "live.js").read_text()
        finish(first(sweep), red)
        leave(sweep / "look=lace,seed=2", Status(JobState.FAILED, "no", "dream.mp4"))
        watching.communicate(timeout=60)
    finally:
        watching.kill()
    assert watching.returncode == 0
    assert '"live": false' in (sweep / "gallery" / "live.js").read_text()


def test_ctrl_c_ends_watching_and_leaves_a_page_that_asks_no_more(sweep: Path) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "gallery", str(sweep), "--watch"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline() == f"{sweep / 'index.html'}\n"
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=60)
    finally:
        watching.kill()
    assert (watching.returncode, err) == (130, "")
    assert '"live": false' in (sweep / "gallery" / "live.js").read_text()

"""The table of a sweep: results.csv and results.json, and `dreamreel table`."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.sweeps import LOOKS, REPORT, clip, finish, leave, plan, run_on

from pipeline.cli import table
from pipeline.errors import UserError
from pipeline.gallery import write
from pipeline.gallery.results import CSV, JSON, as_csv, read_results, sort_results
from pipeline.storage.lock import locked
from pipeline.sweep.plan import JobState, Status


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three jobs: done, failed, and never started."""
    folder = tmp_path / "first"
    one, two, _ = plan(folder, *LOOKS, ["look=fur", "seed=3"])
    media = clip(tmp_path / "red.mp4", seconds=0.2)
    finish(folder / one.name, media, line="50 frames in 60 s")
    leave(folder / two.name, Status(JobState.FAILED, "seed: must be ..., got -1", began=3.0,
                                    ended=4.5))  # fmt: skip
    return folder


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_the_page_comes_with_a_table_of_all_jobs(sweep: Path) -> None:
    write(sweep)
    done, failed, missing = rows((sweep / CSV).read_text("utf-8"))
    assert done == {
        "job": "look=eyes,seed=1", "status": "done", "look": "eyes", "seed": "1", "gain": "2.5",
        "flicker": "0.0123", "seconds": "1.0", "seconds_per_frame": "1.25", "rendered": "50",
        "size": "160x90", "path": "look=eyes,seed=1/dream.mp4", "message": "50 frames in 60 s",
    }  # fmt: skip
    assert (sweep / done["path"]).is_file()
    assert (failed["status"], failed["seconds"], failed["path"]) == ("failed", "1.5", "")
    assert failed["message"] == "seed: must be ..., got -1"
    assert (missing["status"], missing["gain"], missing["look"]) == ("missing", "", "fur")
    content = json.loads((sweep / JSON).read_text("utf-8"))
    assert content["settings"] == ["look", "seed"]
    assert content["jobs"][0]["settings"] == {"look": "eyes", "seed": 1}
    assert content["jobs"][0]["gain"] == REPORT["gain"]["mean"]
    assert content["jobs"][2]["gain"] is None


def test_the_table_is_written_again_as_jobs_end(sweep: Path, tmp_path: Path) -> None:
    write(sweep)
    before = (sweep / CSV).stat().st_ino, (sweep / JSON).stat().st_ino
    write(sweep)
    assert before == ((sweep / CSV).stat().st_ino, (sweep / JSON).stat().st_ino)
    job = sweep / "look=fur,seed=3"
    run_on(job, tmp_path / "red.mp4", done=7)
    with locked(job):
        write(sweep)
    running = rows((sweep / CSV).read_text("utf-8"))[2]
    assert (running["status"], running["rendered"], running["path"]) == ("running", "7", "")
    finish(job, tmp_path / "red.mp4")
    write(sweep)
    assert rows((sweep / CSV).read_text("utf-8"))[2]["status"] == "done"


@pytest.mark.parametrize(
    ("value", "parsed"),
    [("0.01", 0.01), ("3", 3), ("true", True), ("null", None), ("lace", "lace"), (".5", ".5"),
     ("1e-3", 1e-3), ("[1,2]", [1, 2]), ("NaN", "NaN"), ("[blocks.9]", "[blocks.9]")],
)  # fmt: skip
def test_numbers_are_numbers(tmp_path: Path, value: str, parsed: object) -> None:
    plan(tmp_path / "s", [f"a={value}"], ["a=x"])
    assert read_results(tmp_path / "s")[1][0].settings == {"a": parsed}


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=cmd()", "'=cmd()"), ("-0.5*t", "'-0.5*t"), ("@x", "'@x"), ("-0.5", "-0.5"), ("a,b", "a,b"),
     ('"', '"'), ("2", "2")],
)  # fmt: skip
def test_no_cell_is_a_formula(tmp_path: Path, value: str, cell: str) -> None:
    plan(tmp_path / "s", [f"a={value}"], ["a=x"])
    assert rows(as_csv(*read_results(tmp_path / "s")))[0]["a"] == cell


def test_a_setting_of_only_some_jobs_is_empty_in_the_others(tmp_path: Path) -> None:
    plan(tmp_path / "s", ["a=1"], ["a=2", "b=3"], ["b=4"])
    assert [row["b"] for row in rows(as_csv(*read_results(tmp_path / "s")))] == ["", "3", "4"]


def test_it_is_sorted_by_a_column(tmp_path: Path) -> None:
    jobs = plan(tmp_path / "s", *([f"a={value}"] for value in ("10", "9", "x", "-1")))
    keys, results = read_results(tmp_path / "s")

    def order(column: str, **options: Any) -> list[str]:
        return [one.job for one in sort_results(keys, results, column, **options)]

    assert order("a") == ["a=-1", "a=9", "a=10", "a=x"]
    assert order("a", reverse=True) == ["a=x", "a=10", "a=9", "a=-1"]
    media = clip(tmp_path / "red.mp4", seconds=0.2)
    finish(tmp_path / "s" / jobs[3].name, media)
    keys, results = read_results(tmp_path / "s")
    assert order("gain")[0] == "a=-1"
    with pytest.raises(UserError, match=r"^--sort: must be one of job, status, a, gain, .*gain"):
        order("gian")


def test_the_command_prints_it(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table.main([str(sweep)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["look", "seed", "status", "gain", "flicker", "seconds", "path"]
    assert lines[1].split() == [
        "eyes",
        "1",
        "done",
        "2.5",
        "0.0123",
        "1",
        "look=eyes,seed=1/dream.mp4",
    ]
    assert lines[3].split() == ["fur", "3", "missing", "-", "-", "-", "-"]
    assert lines[5] == "look=lace,seed=2: seed: must be ..., got -1"
    table.main([str(sweep), "--sort", "seed", "--reverse", "--csv"])
    assert [row["seed"] for row in rows(capsys.readouterr().out)] == ["3", "2", "1"]
    table.main([str(sweep), "--json"])
    assert json.loads(capsys.readouterr().out)["settings"] == ["look", "seed"]
    with pytest.raises(UserError, match=r"^sweep: must be the folder of a sweep"):
        table.main([str(sweep / "nothing")])

"""pipeline.gallery: cards and commands out of what lies there, broken and hostile as it may be."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from helpers.sweeps import REPORT, data_of, finish, first, found, leave, plan, run_on

from pipeline.errors import UserError
from pipeline.gallery import write
from pipeline.gallery.cards import Metrics, printable_text
from pipeline.gallery.commands import from_job, full_size_command, shell_quote
from pipeline.gallery.media import Kind
from pipeline.storage.lock import locked
from pipeline.storage.work_dir import work_dir
from pipeline.sweep.plan import JobState, Plan, Status, SweepJob, write_status


def test_a_card_says_what_the_job_left(sweep: Path, red: Path) -> None:
    output = finish(first(sweep), red)
    card, other = found(sweep)
    assert (card.state, card.settings, card.line) == (JobState.DONE, ("eyes", "1"), "50 frames")
    assert card.media is not None
    assert (card.media.path, card.media.kind) == (output, Kind.VIDEO)
    assert (card.figures.gain, card.figures.flicker) == (2.5, 0.0123)
    assert (card.figures.seconds_per_frame, card.figures.seconds) == (1.25, 2.0)
    assert "  octaves: 4" in card.recipe
    assert (other.state, other.media, other.figures) == (JobState.MISSING, None, Metrics())


def test_a_job_that_runs_shows_what_is_there_of_it(sweep: Path, red: Path) -> None:
    run_on(first(sweep), red, 20)
    with locked(first(sweep)):
        card = found(sweep)[0]
        assert data_of(sweep)["live"]
    assert card.state is JobState.RUNNING
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
        (work_dir(output) / name).write_text(text)
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
    write_status(job, Status(JobState.DONE, "", name))


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


@pytest.mark.parametrize(
    ("last", "classes"),
    [
        (
            {"cat": 0.1, "dog": 0.7, "x\n": 0.05, "last": 0.01},
            [["dog", 0.7], ["cat", 0.1], ["x\\n", 0.05]],
        ),
        ({"cat": "much", "dog": 2, "fox": -1, "owl": None, "ant": True}, []),
        ([["cat", 1]], []),
    ],
)
def test_the_leading_classes_are_shown(
    last: object, classes: list[object], sweep: Path, red: Path
) -> None:
    work = work_dir(finish(first(sweep), red))
    (work / "report.json").write_text(
        json.dumps({**REPORT, "seen": {"first": {}, "last": {"dream": last}}})
    )
    assert data_of(sweep)["cards"][0]["classes"] == classes


def test_what_explains_a_result_is_linked_unless_it_is_a_link_itself(
    sweep: Path, red: Path
) -> None:
    output = finish(first(sweep), red)
    assert data_of(sweep)["cards"][0]["explained"] is None
    film = output.with_name("dream.explain.mp4")
    film.symlink_to(red)
    assert data_of(sweep)["cards"][0]["explained"] is None
    output.with_name("dream.explain.png").write_bytes(b"sheet")
    assert data_of(sweep)["cards"][0]["explained"].endswith("/dream.explain.png")
    film.unlink()
    film.write_bytes(red.read_bytes())
    assert data_of(sweep)["cards"][0]["explained"].endswith("/dream.explain.mp4")


def test_the_source_is_shown_from_the_work_folder_alone(sweep: Path, red: Path) -> None:
    work = work_dir(finish(first(sweep), red))
    assert data_of(sweep)["cards"][0]["source"] is None
    (work / "source.mp4").symlink_to(red)
    assert data_of(sweep)["cards"][0]["source"] is None
    (work / "source.mp4").unlink()
    (work / "source.mp4").write_bytes(red.read_bytes())
    address = data_of(sweep)["cards"][0]["source"]
    assert re.fullmatch(r"\./[^?]+/dream\.mp4\.render/source\.mp4\?v=[0-9a-f]{8}", address)


def test_what_lies_in_a_work_folder_elsewhere_is_not_read(sweep: Path, red: Path) -> None:
    output = finish(first(sweep), red)
    work = work_dir(output)
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
    assert (card.state, card.media, card.recipe) == (JobState.MISSING, None, ())
    write(sweep)


def test_hostile_words_are_data_and_no_part_of_the_page(tmp_path: Path) -> None:
    odd = "</script><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'\"&\u202e\u2028"
    (job, _) = plan(tmp_path / "s", [f"look={odd}"], ["look=b"])
    work = leave(tmp_path / "s" / job.name, Status(JobState.FAILED, odd, "dream.mp4"))
    (work / "recipe.yaml").write_text(odd)
    told = data_of(tmp_path / "s")
    assert told["cards"][0]["line"] == printable_text(odd)
    page = (tmp_path / "s" / "index.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "<img src" not in page
    assert "\u202e" not in page
    assert "{{7*7}}" in page
    assert len(re.findall("<script", page)) == 2  # the data's and ours


def test_text_that_is_not_seen_is_written_out() -> None:
    assert printable_text("a\tb\x1b[31m\u202e\ud800é") == "a\\tb\\x1b[31m\\u202e\\ud800é"
    assert printable_text("x" * 3000) == "x" * 2000 + "…"


def test_the_commands_are_what_a_shell_reads_back() -> None:
    job = SweepJob(
        "look=eyes,a-1234", ("input='a b.mp4'", "start=1", "look=$(rm -rf x)", "sweep=s")
    )
    assert shlex.split(from_job(Path("s 1"), job, ("look",), ".gif")) == [
        "dreamreel", "from=s 1/look=eyes,a-1234", "start=null", "end=null",
        "output=look=eyes,a-1234.gif",
    ]  # fmt: skip
    assert shlex.split(full_size_command(job, ("look",), ".mp4")) == [
        "dreamreel", "input='a b.mp4'", "look=$(rm -rf x)", "output=look=eyes,a-1234.mp4",
    ]  # fmt: skip
    words = ("input='/clips/a.mp4'", "look='lace'", "seed='1'", "mask='null'")
    assert shlex.split(full_size_command(SweepJob("x", words), (), ".mp4")) == [
        "dreamreel", "input=/clips/a.mp4", "look=lace", "seed='1'", "mask='null'", "output=x.mp4",
    ]  # fmt: skip
    short = SweepJob("step=0.1", ("step=0.1", "frames=9"))
    assert from_job(Path("s"), short, ("step",), "") == (
        "dreamreel from=s/step=0.1 start=null end=null frames=null output=step=0-1"
    )


@pytest.mark.parametrize(
    ("sides", "keys", "reset"),
    [
        (("width=320",), (), "width=null "),
        (("height=320",), ("seed",), "height=null "),
        (("width=320",), ("width",), ""),
        (("width=320", "height=320"), (), ""),
    ],
)
def test_the_whole_clip_is_rendered_at_full_size(
    sides: tuple[str, ...], keys: tuple[str, ...], reset: str
) -> None:
    job = SweepJob("seed=1", ("seed=1", *sides))
    assert from_job(Path("s"), job, keys, ".mp4") == (
        f"dreamreel from=s/seed=1 start=null end=null {reset}output=seed=1.mp4"
    )
    said = "" if reset else f"{' '.join(sides)} "
    assert full_size_command(job, keys, ".mp4") == f"dreamreel seed=1 {said}output=seed=1.mp4"


@pytest.mark.parametrize(
    "word", ["a'b", "a\nb", "\u202egnp.exe", "'\\\t'$x", "plain", "-x", "\ud800"]
)
def test_a_quoted_word_is_seen_as_it_is_and_read_back(word: str) -> None:
    assert shell_quote(word).isprintable()
    said = subprocess.run(
        ["bash", "-c", f"printf %s {shell_quote(word)}"], capture_output=True, check=True
    )
    assert said.stdout == word.encode("utf-8", "surrogatepass")


def test_a_plan_that_names_a_job_twice_shows_it_once(tmp_path: Path) -> None:
    Plan(("look",), (SweepJob("a", ("look=a",)), SweepJob("a", ("look=b",)))).write(tmp_path)
    assert [card.settings for card in found(tmp_path)] == [("a",)]


def test_a_gallery_that_is_a_link_is_refused(sweep: Path) -> None:
    (sweep / "gallery").symlink_to(sweep.parent)
    with pytest.raises(UserError, match=r"as a folder, got a link at .*; remove it"):
        write(sweep)

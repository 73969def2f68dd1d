"""The output is there whole, or not at all, and whoever stops can go on."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from helpers.scenes import texture
from helpers.stages import part
from helpers.tracks import seen

from pipeline.encoder import Encoder
from pipeline.errors import UserError
from pipeline.frame import Clip, Picture
from pipeline.recording import mirror
from pipeline.recording.fingerprint import Fingerprint, contents
from pipeline.recording.output import check_rename
from pipeline.recording.recording import Recording, Saving
from pipeline.state import State
from pipeline.storage.work_dir import work_dir

CLIP = Clip(height=16, width=32, rate=Fraction(25))
PICTURES = [texture(16, 32, seed) for seed in range(8)]
WHOLE = b"".join(picture.tobytes() for picture in PICTURES)
MADE_OF = Fingerprint({"seed": "1", "contents of input": "a" * 64})


@dataclass
class Sheets:
    """An encoder whose segments are the bytes of the pictures; `broken` is what fails."""

    broken: str = ""
    output: Path = Path()
    seen: list[tuple[str, bool]] = field(default_factory=list)
    suffixes: tuple[str, ...] = (".raw",)

    def step(self, name: str) -> None:
        """Notes the step and whether the output was there by then."""
        self.seen.append((name, self.output.exists()))
        if name == self.broken:
            raise UserError(f"encoder: {name} failed")

    def check(self, clip: Clip, folder: Path, suffix: str) -> None:
        assert (folder.is_dir(), suffix) == (True, ".raw")
        self.step("check")

    def open(self, path: Path, clip: Clip) -> Sheet:
        return Sheet(self, path)

    def pictures(self, segment: Path, clip: Clip) -> Iterator[Picture]:
        yield from np.fromfile(segment, np.uint8).reshape(-1, clip.height, clip.width, 3)

    def join(
        self, segments: Sequence[Path], path: Path, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        assert not path.exists()
        assert clip.count in (None, 8) or path.stem == "partial-new"
        assert dict(metadata) == {"comment": "a test"}
        path.write_bytes(b"".join(segment.read_bytes() for segment in segments))
        self.step("join")


class Sheet:
    """A writer of one segment."""

    def __init__(self, encoder: Sheets, path: Path) -> None:
        self.encoder, self.path = encoder, path
        self.half = path.with_name(path.name + ".tmp").open("wb")

    def write(self, picture: Picture) -> None:
        self.half.write(picture.tobytes())
        self.encoder.step("write")

    def close(self) -> None:
        if not self.half.closed:
            self.half.close()
            Path(self.half.name).rename(self.path)
            self.encoder.step("close")

    def __enter__(self) -> Sheet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close() if kind is None else self.stop()

    def stop(self) -> None:
        self.half.close()
        Path(self.half.name).unlink(missing_ok=True)


def recording(
    encoder: Encoder,
    output: Path,
    *,
    overwrite: bool = False,
    made_of: Fingerprint = MADE_OF,
    count: int | None = None,
    seconds: float = 0,
    **more: Any,
) -> Recording:
    """A recording of segments of three pictures that is saved after each frame."""
    if isinstance(encoder, Sheets):
        encoder.output = output
    return Recording(
        output, encoder, replace(CLIP, count=count), {"comment": "a test"}, overwrite=overwrite,
        fingerprint=made_of, saving=Saving(3, seconds), device=torch.device("cpu"),
        **more,
    )  # fmt: skip


def states() -> list[State]:
    """Before each frame, and behind the last."""
    return [
        State(index, PICTURES[index - 1], torch.full((1, 3, 2, 2), index / 10))
        if index
        else State()
        for index in range(len(PICTURES) + 1)
    ]


def record(encoder: Encoder, output: Path, until: int = len(PICTURES), **settings: Any) -> None:
    """Record up to the frame of that number, beginning where the recording says; perhaps finish."""
    with recording(encoder, output, **settings) as started:
        given = states()
        for index in range(started.state.index, until):
            started.add([PICTURES[index]], given[index], given[index + 1])
        if until == len(PICTURES):
            started.finish([])


def kept(output: Path) -> set[str]:
    """What lies in the work folder."""
    return {path.name for path in work_dir(output).iterdir()}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "dream.raw"


def test_the_output_appears_whole_and_only_at_the_end(output: Path) -> None:
    encoder = Sheets()
    record(encoder, output, seconds=60)
    assert output.read_bytes() == WHOLE
    three = ["write", "write", "write", "close"]
    steps = ["check", *three, *three, "write", "write", "close", "join"]
    assert encoder.seen == [(step, False) for step in steps]
    assert kept(output) == set()


@pytest.mark.parametrize("broken", ["check", "write"])
def test_what_fails_before_a_frame_is_done_leaves_nothing(broken: str, output: Path) -> None:
    with pytest.raises(UserError, match=f"{broken} failed"):
        record(Sheets(broken), output)
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("broken", ["close", "join"])
@pytest.mark.parametrize("seconds", [0, 60])
def test_what_fails_later_costs_nothing_that_was_done(
    broken: str, seconds: float, output: Path
) -> None:
    with pytest.raises(UserError, match=f"{broken} failed"):
        record(Sheets(broken), output, seconds=seconds)
    assert not output.exists()
    again = Sheets()
    record(again, output, seconds=seconds)
    assert output.read_bytes() == WHOLE
    assert kept(output) == set()


@pytest.mark.parametrize("seconds", [0, 60])
@pytest.mark.parametrize("first", range(1, 9))
def test_whoever_stops_goes_on_and_every_byte_is_the_same(
    first: int, seconds: float, output: Path
) -> None:
    # left in order: the encoder is stopped in the middle of a segment, and what it took is saved
    with recording(Sheets(), output, seconds=seconds) as started:
        given = states()
        for index in range(first):
            started.add([PICTURES[index]], given[index], given[index + 1])
    assert not output.exists()
    with recording(Sheets(), output) as started:
        # the newest frame is made once more, and recorded once
        assert started.state.index == first - 1
        for index in range(first - 1, 8):
            started.add([PICTURES[index]], given[index], given[index + 1])
        started.finish([])
    assert output.read_bytes() == WHOLE


def test_a_frame_that_comes_out_otherwise_is_refused(output: Path) -> None:
    record(Sheets(), output, until=4)
    given = states()
    last = given[4].dream
    assert last is not None
    off = State(4, PICTURES[3], torch.nextafter(last, torch.ones(())))
    with recording(Sheets(), output) as started:
        refused = pytest.raises(
            UserError, match=r"frame 3 must be identical to the one .*got other bits"
        )
        with refused:
            started.add([PICTURES[3]], started.state, off)
    record(Sheets(), output)  # and nothing is lost by it
    assert output.read_bytes() == WHOLE


def test_other_settings_are_refused_by_name_and_with_leave_begin_anew(output: Path) -> None:
    record(Sheets(), output, until=5)
    facts = {"seed": "2", "contents of input": "b" * 64, "more": "1"}
    other = Fingerprint(facts)
    with pytest.raises(UserError) as refused:
        record(Sheets(), output, made_of=other)
    assert str(refused.value) == (
        f"output: the render in {work_dir(output)} must be resumed with what it was started with, "
        "got seed=2 (was 1), other contents of input, more (was not set); undo that, or set "
        "overwrite=true to start over"
    )
    with recording(Sheets(), output) as started:
        assert started.state.index == 4
    record(Sheets(), output, made_of=other, overwrite=True)
    assert output.read_bytes() == WHOLE


def test_with_leave_to_overwrite_the_very_same_still_goes_on(output: Path) -> None:
    output.write_text("precious")
    record(Sheets(), output, until=5, overwrite=True)
    assert output.read_text() == "precious"
    with recording(Sheets(), output, overwrite=True) as started:
        assert started.state.index == 4


def test_inputs_that_change_meanwhile_are_refused_and_nothing_of_them_is_saved(
    output: Path,
) -> None:
    clip = output.with_name("clip.mp4")
    clip.write_text("one")
    made_of = Fingerprint({"contents of input": "one"}, [contents("input", clip)])
    given = states()
    with recording(Sheets(), output, made_of=made_of) as started:
        started.add([PICTURES[0]], given[0], given[1])
        clip.write_text("two")
        with pytest.raises(UserError, match=r"^input: must not change during the render"):
            started.add([PICTURES[1]], given[1], given[2])
    assert "state-00000000" in kept(output)
    clip.write_text("one")  # of another time, but as it was
    record(Sheets(), output, made_of=made_of)
    assert output.read_bytes() == WHOLE


def test_a_missing_segment_is_told(output: Path) -> None:
    record(Sheets(), output, until=7)
    (work_dir(output) / "segment-00000000-00000003").unlink()
    with pytest.raises(UserError, match=r"must contain the 6 pictures rendered so far, got 0; set"):
        record(Sheets(), output)


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_segment_is_found_and_all_is_rendered_again(
    output: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    record(Sheets(), output, until=7)
    segment = work_dir(output) / "segment-00000000-00000003"
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes({"flipped": content, "cut": content[:-100], "empty": b""}[damage])
    record(Sheets(), output)
    assert output.read_bytes() == WHOLE
    assert "segment-00000000-00000003 is damaged" in caplog.text


@pytest.mark.parametrize("name", ["state-*", "segment-*", "made_of.json", "digest-*"])
@pytest.mark.parametrize("damage", [b"", b"{", b"\0" * 100, None])
def test_whatever_is_damaged_can_be_replaced(output: Path, name: str, damage: bytes | None) -> None:
    record(Sheets(), output, until=7)
    for path in work_dir(output).glob(name):
        path.unlink() if damage is None else path.write_bytes(damage)
    record(Sheets(), output, overwrite=True)
    assert output.read_bytes() == WHOLE


@pytest.mark.parametrize("damage", [b"", b"{", b"7", b"[]"])
def test_a_damaged_mark_of_what_is_complete_is_none(output: Path, damage: bytes) -> None:
    record(Sheets(), output)
    (work_dir(output) / "complete.json").write_bytes(damage)
    with pytest.raises(UserError, match="must not exist yet"):
        record(Sheets(), output)
    record(Sheets(), output, overwrite=True)
    assert output.read_bytes() == WHOLE


def test_killed_while_it_tries_the_last_rename_the_next_run_removes_what_it_tried_with(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_dir(output).mkdir()
    with monkeypatch.context() as killed:
        killed.setattr(Path, "unlink", lambda *_, **__: None)  # it never came to that
        check_rename(output, work_dir(output))
    left = [path for path in output.parent.iterdir() if path.is_file()]
    assert len(left) == 1
    record(Sheets(), output)
    assert not left[0].exists()
    assert output.read_bytes() == WHOLE


def test_what_is_done_can_be_watched_meanwhile_and_when_it_is_stopped(output: Path) -> None:
    given = states()
    partial = work_dir(output) / "partial.raw"
    with recording(Sheets(), output) as started:
        for index in range(5):
            started.add([PICTURES[index]], given[index], given[index + 1])
        assert partial.read_bytes() == WHOLE[: 3 * PICTURES[0].nbytes]  # the one full segment
        line = started.stop()
    assert partial.read_bytes() == WHOLE[: 5 * PICTURES[0].nbytes]
    assert line == (
        f"stopped after frame 5, the result so far is {partial}; run the same command again to "
        "resume"
    )
    record(Sheets(), output)
    assert output.read_bytes() == WHOLE
    assert kept(output) == set()


def test_ctrl_c_once_more_saves_nothing_more(output: Path) -> None:
    def pressed() -> None:
        with recording(Sheets(), output, seconds=60) as started:
            started.add([PICTURES[0]], *states()[:2])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pressed()
    assert list(output.parent.iterdir()) == []


def killed_behind_the_rename(output: Path) -> None:
    """Leave everything as a render does that was killed right then."""
    with recording(Sheets(), output) as started:
        given = states()
        for index in range(8):
            started.add([PICTURES[index]], given[index], given[index + 1])
        started.finish([])
        left = {path.name: path.read_bytes() for path in work_dir(output).iterdir()}
    for name, content in left.items():
        (work_dir(output) / name).write_bytes(content)


def test_a_finished_output_of_other_settings_is_not_taken_for_what_is_asked(output: Path) -> None:
    killed_behind_the_rename(output)
    other = Fingerprint({**MADE_OF.facts, "seed": "2"})
    with pytest.raises(UserError, match=r"got seed=2 \(was 1\)"):
        record(Sheets(), output, made_of=other)
    with recording(Sheets(), output, made_of=other, overwrite=True) as anew:
        assert not anew.is_complete
        assert anew.state.index == 0
    assert output.read_bytes() == WHOLE  # it goes only when the new one is whole


def test_a_finished_output_is_recognised_and_what_is_left_goes(output: Path) -> None:
    killed_behind_the_rename(output)
    with recording(Sheets(), output) as again:
        assert again.is_complete
    assert kept(output) == set()
    assert output.read_bytes() == WHOLE
    with pytest.raises(UserError, match="must not exist yet"):
        record(Sheets(), output)


def test_what_lay_in_its_folder_before_stays_there(output: Path) -> None:
    work_dir(output).mkdir()
    note = work_dir(output) / "report.json"
    note.write_text("{}")
    with pytest.raises(UserError):
        record(Sheets("check"), output)
    assert list(work_dir(output).iterdir()) == [note]


def test_an_output_that_exists_is_not_touched_without_leave(output: Path) -> None:
    encoder = Sheets()
    output.write_text("precious")
    with pytest.raises(UserError, match=r"must not exist yet.*overwrite=true"):
        record(encoder, output)
    assert output.read_text() == "precious"
    assert encoder.seen == []
    assert not work_dir(output).exists()


def test_with_leave_the_old_output_goes_only_when_the_new_is_whole(output: Path) -> None:
    output.write_text("precious")
    with pytest.raises(UserError, match="join failed"):
        record(Sheets("join"), output, overwrite=True)
    assert output.read_text() == "precious"
    record(Sheets(), output, overwrite=True)
    assert output.read_bytes() == WHOLE


def test_a_folder_of_an_old_output_is_replaced_by_the_new_one(output: Path) -> None:
    output.mkdir()
    (output / "0000.png").write_text("old")
    record(Sheets(), output, overwrite=True)
    assert output.is_file()


def test_a_folder_that_holds_anything_else_is_never_replaced(output: Path) -> None:
    output.mkdir()
    (output / "thesis.odt").write_text("precious")
    with pytest.raises(UserError, match=r"got .*thesis\.odt; choose another folder"):
        record(Sheets(), output, overwrite=True)
    assert (output / "thesis.odt").read_text() == "precious"


def test_a_fault_of_ours_leaves_the_folder_in_which_the_log_tells_of_it(output: Path) -> None:
    with pytest.raises(ZeroDivisionError), recording(Sheets(), output):
        raise ZeroDivisionError
    assert list(output.parent.iterdir()) == [work_dir(output)]
    assert kept(output) == set()


def test_halves_of_an_earlier_try_are_no_hindrance(output: Path) -> None:
    work_dir(output).mkdir()
    for name in ("whole.raw", "last", "12-34.tmp", "segment-0000", "pictures-00000000-00000002"):
        (work_dir(output) / name).write_text("half")
    record(Sheets(), output)
    assert output.read_bytes() == WHOLE
    assert kept(output) == set()


def test_a_missing_folder_is_told_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its folder must exist"):
        record(Sheets(), tmp_path / "missing" / "dream.raw")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_the_work_folder_is_told(output: Path) -> None:
    work_dir(output).write_text("in the way")
    with pytest.raises(UserError, match=r"dream\.raw\.render must be writable"):
        record(Sheets(), output)
    assert work_dir(output).read_text() == "in the way"


def test_a_work_folder_on_another_disk_is_refused_at_once(output: Path) -> None:
    if not Path("/dev/shm").is_dir():
        pytest.skip("there is no second disk")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        if Path(name).stat().st_dev == output.parent.stat().st_dev:
            pytest.skip("there is no second disk")
        work_dir(output).symlink_to(name)
        encoder = Sheets()
        with pytest.raises(
            UserError, match=r"on the same disk .*, got '.*cross-device link'; remove"
        ):
            record(encoder, output)
        assert encoder.seen == []
        assert list(Path(name).iterdir()) == []
    work_dir(output).unlink()  # the remedy
    record(Sheets(), output)
    assert output.read_bytes() == WHOLE


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
@pytest.mark.parametrize(
    "name", ["lock", "render.log", "report.json", "recipe.yaml", "complete.json", "made_of.json",
             "figures.jsonl", "state-*", "digest-*", "segment-*", "pictures-*"]
)  # fmt: skip
def test_what_lies_in_the_work_folder_and_is_no_file_is_refused_or_replaced(
    output: Path, name: str, kind: str, tmp_path: Path
) -> None:
    record(Sheets(), output, until=7)
    precious = tmp_path / "precious.txt"
    precious.write_text("not to be lost")
    for path in [*work_dir(output).glob(name)] or [work_dir(output) / name]:
        path.unlink(missing_ok=True)
        if kind == "folder":
            path.mkdir()
        elif kind == "link":
            path.symlink_to(precious)
        else:
            os.mkfifo(path)
    with pytest.raises(UserError, match=r"must be a file, got a folder, link or pipe; remove it"):
        record(Sheets(), output)
    record(Sheets(), output, overwrite=True)
    assert output.read_bytes() == WHOLE
    assert precious.read_text() == "not to be lost"


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_a_damaged_piece_of_pictures_is_found_before_anything_is_rendered(
    output: Path, size: int
) -> None:
    record(Sheets(), output, until=5)
    first, last = sorted(work_dir(output).glob("pictures-*"))
    os.truncate(last, size)  # of the frame that is dreamt once more
    os.truncate(first, size)
    encoder = Sheets()
    with pytest.raises(
        UserError, match=r"must contain the 4 pictures rendered so far, got 3; .*over"
    ):
        record(encoder, output)
    assert {step for step, _ in encoder.seen} == {"check"}
    record(Sheets(), output, overwrite=True)
    assert output.read_bytes() == WHOLE


def test_pictures_of_another_render_are_not_joined(output: Path) -> None:
    with recording(Sheets(), output) as started:
        given = states()
        for index, picture in enumerate(PICTURES):
            started.add([picture], given[index], given[index + 1])
        # what a second render leaves that should not work here
        other = work_dir(output) / "segment-00000006-00000010"
        other.write_bytes(WHOLE[: len(WHOLE) // 2])
        with pytest.raises(
            UserError, match=r"contain the 8 pictures rendered so far, got 12; remove"
        ):
            started.finish([])
    assert not output.exists()
    shutil.rmtree(work_dir(output))  # the remedy
    record(Sheets(), output)
    assert output.read_bytes() == WHOLE


def test_only_one_works_there_at_a_time(output: Path) -> None:
    with recording(Sheets(), output) as started:
        started.add([PICTURES[0]], *states()[:2])
        with pytest.raises(
            UserError, match=r"only one render at a time may use .*, got a second one"
        ):
            record(Sheets(), output)
    record(Sheets(), output)
    assert output.read_bytes() == WHOLE


def test_a_disk_without_room_is_told_before_anything_is_encoded(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, free = Sheets(), SimpleNamespace(free=1000)
    monkeypatch.setattr("pipeline.recording.output.shutil.disk_usage", lambda _: free)
    # two states of 19 bytes a pixel, and three pictures of 3 twice
    with pytest.raises(UserError, match=r"must have at least 0\.03 MB .*, got 0\.00 MB; free"):
        record(encoder, output)
    assert encoder.seen == []
    assert list(output.parent.iterdir()) == []


def test_a_disk_that_will_not_do_is_told_once_and_in_time(
    output: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    size, given = PICTURES[0].nbytes, states()
    # behind the first segment five more pictures are to come, and then the whole beside them
    for free, told in ((13 * size, 0), (12 * size, 1)):
        caplog.clear()
        with recording(Sheets(), output.with_name(f"{told}.raw"), count=8) as started:
            usage = SimpleNamespace(free=free)
            monkeypatch.setattr(
                "pipeline.recording.output.shutil.disk_usage", lambda _, usage=usage: usage
            )
            for index in range(5):
                started.add([PICTURES[index]], given[index], given[index + 1])
            monkeypatch.undo()
        assert caplog.text.count("about 0.0 MB too little space for all frames") == told


def test_a_lossless_file_holds_every_picture_bit_for_bit(tmp_path: Path) -> None:
    output = tmp_path / "dream.mkv"
    record(part("encoder", "ffv1"), output, until=5)
    assert not output.exists()
    record(part("encoder", "ffv1"), output)
    assert np.array_equal(seen(output, CLIP.height, CLIP.width), np.stack(PICTURES))
    assert kept(output) == set()


def ffmpegs() -> set[int]:
    """The encoders that this process has started."""
    tasks = Path("/proc/self/task").glob("*/children")
    children = {int(child) for task in tasks for child in task.read_text().split()}
    return {child for child in children if "ffmpeg" in Path(f"/proc/{child}/comm").read_text()}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the encoder in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize(
    "at", [1, 2, *(pytest.param(at, marks=pytest.mark.slow) for at in (0, 3, 4, 5, 6, 7))]
)
def test_an_encoder_that_is_killed_is_replaced_and_every_byte_is_the_same(
    tmp_path: Path, at: int, number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = part("encoder", "h264")
    record(encoder, tmp_path / "whole.mp4")
    given = states()
    with recording(encoder, tmp_path / "x.mp4") as started:
        for index in range(8):
            started.add([PICTURES[index]], given[index], given[index + 1])
            if index == at:
                until = time.monotonic() + 10
                # behind a full segment there is none; else it may just be coming into being
                while not (found := ffmpegs()) and at not in (2, 5) and time.monotonic() < until:
                    time.sleep(0.01)
                for child in found:
                    os.kill(child, number)
        started.finish([])
    assert (tmp_path / "x.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert ("encoding its segment again" in caplog.text) == (at not in (2, 5))


MIRRORED = b"".join(picture.tobytes() for picture in [*PICTURES, *PICTURES[-2:0:-1]])


def test_mirrored_no_picture_is_shown_twice_where_it_turns(output: Path) -> None:
    record(Sheets(), output, mirrored=True)
    assert output.read_bytes() == MIRRORED


@pytest.mark.parametrize("until", range(7))
def test_a_mirrored_recording_is_resumed_on_its_way_back(
    until: int, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: Any) -> Iterator[Picture]:
        yield from islice(mirror.backwards(*arguments), until)
        raise RuntimeError("killed")

    monkeypatch.setattr("pipeline.recording.recording.backwards", killed)
    with pytest.raises(RuntimeError, match="killed"):
        record(Sheets(), output, mirrored=True)
    assert not output.exists()
    monkeypatch.undo()
    record(Sheets(), output, mirrored=True)
    assert output.read_bytes() == MIRRORED


def test_snapshots_that_an_earlier_run_recorded_are_named(output: Path) -> None:
    given = states()
    with recording(Sheets(), output) as started:
        for index in range(5):
            started.add([PICTURES[index]], given[index], given[index + 1])
    with recording(Sheets(), output, snapshots=frozenset({2, 6, 8})) as resumed:
        for index in range(resumed.state.index, 8):
            resumed.add([PICTURES[index]], given[index], given[index + 1])
        resumed.finish()
        assert resumed.missing_snapshots() == [2]
    for number in (6, 8):
        stored = cv2.imread(str(work_dir(output) / f"frame-{number:06d}.png"))
        assert stored is not None
        assert np.array_equal(stored[..., ::-1], PICTURES[number - 1])

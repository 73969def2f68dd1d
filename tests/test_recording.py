"""pipeline.recording: the output is there whole, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.frame import Clip, Picture
from pipeline.recording import Recording, folder_of
from tests.conftest import part, texture
from tests.tracks import seen

CLIP = Clip(height=16, width=32, rate=Fraction(25))
PICTURES = [texture(16, 32, seed) for seed in range(3)]


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

    def join(
        self, segments: Sequence[Path], path: Path, clip: Clip, metadata: Mapping[str, str]
    ) -> None:
        assert not path.exists()
        assert dict(metadata) == {"comment": "a test"}
        path.write_bytes(b"".join(segment.read_bytes() for segment in segments))
        self.step("join")


class Sheet:
    """A writer of one segment."""

    def __init__(self, encoder: Sheets, path: Path) -> None:
        self.encoder, self.path = encoder, path
        self.half = path.with_name(path.name + ".tmp").open("wb")

    def write(self, picture: Picture) -> None:
        self.encoder.step("write")
        self.half.write(picture.tobytes())

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
        if kind is None:
            self.close()
        else:
            self.half.close()
            Path(self.half.name).unlink(missing_ok=True)


def recording(encoder: Sheets, output: Path, *, overwrite: bool = False) -> Recording:
    encoder.output = output
    return Recording(output, encoder, CLIP, {"comment": "a test"}, overwrite=overwrite)


def record(encoder: Sheets, output: Path, *, overwrite: bool = False) -> None:
    with recording(encoder, output, overwrite=overwrite) as started:
        for picture in PICTURES:
            started.append(picture)
        started.finish()


def interrupted(output: Path, error: BaseException) -> None:
    with recording(Sheets(), output) as started:
        started.append(PICTURES[0])
        raise error


def test_the_output_appears_whole_and_only_at_the_end(tmp_path: Path) -> None:
    encoder, output = Sheets(), tmp_path / "dream.raw"
    record(encoder, output)
    assert output.read_bytes() == b"".join(picture.tobytes() for picture in PICTURES)
    steps = ["check", "write", "write", "write", "close", "join"]
    assert encoder.seen == [(step, False) for step in steps]
    assert list(folder_of(output).iterdir()) == []


@pytest.mark.parametrize("broken", ["check", "write", "close", "join"])
def test_whatever_fails_nothing_is_left(broken: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{broken} failed"):
        record(Sheets(broken), tmp_path / "dream.raw")
    assert list(tmp_path.iterdir()) == []


def test_who_stops_before_the_end_leaves_no_video(tmp_path: Path) -> None:
    encoder = Sheets()
    with recording(encoder, tmp_path / "dream.raw") as started:
        started.append(PICTURES[0])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "dream.raw", KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []


def test_what_lay_in_its_folder_before_stays_there(tmp_path: Path) -> None:
    output = tmp_path / "dream.raw"
    folder_of(output).mkdir()
    note = folder_of(output) / "report.json"
    note.write_text("{}")
    with pytest.raises(UserError):
        record(Sheets("close"), output)
    assert list(folder_of(output).iterdir()) == [note]


def test_an_output_that_exists_is_not_touched_without_leave(tmp_path: Path) -> None:
    output, encoder = tmp_path / "dream.raw", Sheets()
    output.write_text("precious")
    with pytest.raises(UserError, match=r"must not exist yet.*overwrite=true"):
        record(encoder, output)
    assert output.read_text() == "precious"
    assert encoder.seen == []
    assert not folder_of(output).exists()


def test_with_leave_the_old_output_goes_only_when_the_new_is_whole(tmp_path: Path) -> None:
    output = tmp_path / "dream.raw"
    output.write_text("precious")
    with pytest.raises(UserError, match="join failed"):
        record(Sheets("join"), output, overwrite=True)
    assert output.read_text() == "precious"
    record(Sheets(), output, overwrite=True)
    assert len(output.read_bytes()) == 3 * PICTURES[0].nbytes


def test_a_folder_of_an_old_output_is_replaced_by_the_new_one(tmp_path: Path) -> None:
    output = tmp_path / "dream.raw"
    output.mkdir()
    (output / "0000.png").write_text("old")
    record(Sheets(), output, overwrite=True)
    assert output.is_file()


def test_a_folder_that_holds_anything_else_is_never_replaced(tmp_path: Path) -> None:
    output = tmp_path / "dream.raw"
    output.mkdir()
    (output / "thesis.odt").write_text("precious")
    with pytest.raises(UserError, match=r"got .*thesis\.odt; name another folder"):
        record(Sheets(), output, overwrite=True)
    assert (output / "thesis.odt").read_text() == "precious"


def test_a_fault_of_ours_leaves_the_folder_in_which_the_log_tells_of_it(tmp_path: Path) -> None:
    output = tmp_path / "dream.raw"
    with pytest.raises(ZeroDivisionError):
        interrupted(output, ZeroDivisionError())
    assert list(tmp_path.iterdir()) == [folder_of(output)]
    assert list(folder_of(output).iterdir()) == []


def test_half_a_whole_of_an_earlier_try_is_no_hindrance(tmp_path: Path) -> None:
    output = tmp_path / "dream.raw"
    folder_of(output).mkdir()
    (folder_of(output) / "whole.raw").write_text("half")
    record(Sheets(), output)
    assert len(output.read_bytes()) == 3 * PICTURES[0].nbytes


def test_a_missing_folder_is_told_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its folder must exist"):
        record(Sheets(), tmp_path / "missing" / "dream.raw")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_the_work_folder_is_told(tmp_path: Path) -> None:
    output = tmp_path / "dream.raw"
    folder_of(output).write_text("in the way")
    with pytest.raises(UserError, match=r"dream\.raw\.render must be writable"):
        record(Sheets(), output)
    assert folder_of(output).read_text() == "in the way"


def test_a_lossless_file_holds_every_picture_bit_for_bit(tmp_path: Path) -> None:
    output = tmp_path / "dream.mkv"
    with Recording(output, part("encoder", "ffv1"), CLIP, {}, overwrite=False) as started:
        for picture in PICTURES:
            started.append(picture)
        assert not output.exists()
        started.finish()
    assert np.array_equal(seen(output, CLIP.height, CLIP.width), np.stack(PICTURES))
    assert list(folder_of(output).iterdir()) == []

"""What the probe finds out, on files whose facts are known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import FFV1, LIMITS, MPEG2, X264, counted, run

from pipeline.errors import UserError
from pipeline.ffmpeg.frame_rate import cadence
from pipeline.ffmpeg.packets import parse_packets
from pipeline.ffmpeg.probe import probe
from pipeline.storage.input_file import open_input

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "25", "60", "12.5"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_the_rate_is_exact_though_clocks_tick_in_milliseconds(
    tmp_path: Path, name: str, rate: str
) -> None:
    codec = ("-c:v", "mpeg4") if name == "a.avi" else X264
    facts = probe(counted(tmp_path / name, *codec, rate=rate), LIMITS)
    assert facts.cadence.rate == Fraction(rate)
    assert facts.cadence.total == 20
    assert facts.cadence.steady


@pytest.mark.parametrize("name", ["a.h264", "a.mpg", "a.flv", "a.nut"])
def test_files_without_all_time_stamps_are_counted_all_the_same(tmp_path: Path, name: str) -> None:
    facts = probe(counted(tmp_path / name, *(MPEG2 if name == "a.mpg" else X264)), LIMITS)
    assert (facts.cadence.rate, facts.cadence.total) == (25, 20)


def test_frames_that_an_edit_list_hides_are_not_counted(tmp_path: Path) -> None:
    whole, cut = counted(tmp_path / "whole.mp4"), tmp_path / "cut.mp4"
    run("-ss", "0.4", "-i", str(whole), "-c", "copy", str(cut))
    assert probe(cut, LIMITS).cadence.total == 10


def test_the_origin_is_the_files_own_clock(tmp_path: Path) -> None:
    late = counted(tmp_path / "late.mkv", *FFV1, "-output_ts_offset", "5")
    assert probe(late, LIMITS).origin == 5


def test_sound_and_subtitles_are_named_by_codec(tmp_path: Path) -> None:
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:00,500\nhello\n")
    inputs = ("-f", "lavfi", "-i", "sine=d=0.8", "-i", str(tmp_path / "words.srt"))
    path = counted(tmp_path / "a.mkv", *X264, "-c:a", "aac", "-c:s", "srt", before=inputs)
    facts = probe(path, LIMITS)
    assert facts.audio == ("aac",)
    assert facts.subtitles == ("subrip",)


def test_a_jump_of_the_clock_is_mended_where_the_format_allows_jumps(tmp_path: Path) -> None:
    first = counted(tmp_path / "first.ts")
    second = counted(tmp_path / "second.ts", *X264, "-output_ts_offset", "3000")
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    found = probe(both, LIMITS).cadence
    assert found.total == pytest.approx(40, abs=1)  # the seam may take a frame
    assert found.gap < 0.1


def stamps(steps: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Times from steps, in whole milliseconds as matroska writes them."""
    return np.round(np.cumsum([0.0, *steps]), 3)


def test_stamps_that_wobble_are_snapped_to_the_standard_rate() -> None:
    noise = np.random.default_rng(0).uniform(-0.004, 0.004, 900)
    times = np.round(np.arange(900) * 1001 / 30000 + noise, 3)
    found = cadence(times, last=0.033, tick=0.001, claimed=Fraction(90000))
    assert found.rate == NTSC
    assert not found.steady


def test_a_missing_frame_leaves_the_rate_alone() -> None:
    times = np.delete(np.arange(100) / 25, [7, 50, 51])
    found = cadence(times, last=0.04, tick=1 / 12800, claimed=Fraction(25))
    assert (found.rate, found.total, found.steady) == (25, 100, True)


def test_a_claim_of_fields_is_halved() -> None:
    found = cadence(np.arange(50) / 25, last=0.04, tick=1 / 90000, claimed=Fraction(50))
    assert (found.rate, found.total) == (25, 50)


def test_a_long_pause_is_a_gap_and_not_a_rate() -> None:
    found = cadence(
        stamps([0.04] * 20 + [500.0] + [0.04] * 20), last=0.04, tick=0.001, claimed=None
    )
    assert found.rate == 25
    assert found.gap == pytest.approx(500)


def test_of_two_unlike_steps_the_shorter_is_the_usual_one() -> None:
    found = cadence(stamps([0.04, 10.0]), last=0.04, tick=0.001, claimed=None)
    assert found.rate == 25


@pytest.mark.parametrize("times", [[0.0], [0.0, 3000.0, 6000.0]])
def test_however_slow_there_is_a_rate(times: list[float]) -> None:
    found = cadence(np.array(times), last=3000.0, tick=0.001, claimed=None)
    assert (found.rate, found.total) == (Fraction(1, 3000), len(times))


def test_a_slide_show_keeps_its_own_slow_rate() -> None:
    found = cadence(np.arange(5) * 4.0, last=4.0, tick=0.001, claimed=Fraction(1000))
    assert (found.rate, found.total) == (Fraction(1, 4), 5)


def test_packets_without_any_time_are_no_reason_to_fall() -> None:
    head = [b"#tb 0: 1/25", b"#media_type 0: video", b"#codec_id 0: h264", b"#dimensions 0: 64x48"]
    streams, complaints = parse_packets(
        [*head, b"0, %d, %d, 1, 9, 0x0" % (-(2**63), -(2**63)), b"oh no"]
    )
    times = streams[0].times(Fraction(0))
    assert times.size == 0
    assert cadence(times, last=0.0, tick=0.04, claimed=None).total == 1
    assert complaints == ["oh no"]


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((30000, 30000), r"pixels=67108864 pixels per picture, got 30000x30000"),
        ((0, 30000), "can decode"),
    ],
)
def test_a_header_beyond_the_limit_is_told_from_one_of_nothing(
    tmp_path: Path, size: tuple[int, int], reason: str
) -> None:
    path = tmp_path / "a.y4m"
    path.write_bytes(b"YUV4MPEG2 W%d H%d F25:1 C420\nFRAME\n" % size + bytes(999))
    with pytest.raises(UserError, match=reason):
        probe(path, LIMITS)


def test_an_opened_file_is_closed_again_and_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"), open_input(tmp_path / "gone"):
        pass
    with pytest.raises(UserError, match="null"), open_input(Path("a\0b")):
        pass


@pytest.mark.parametrize("first", ["thumbnail", "film"])
def test_a_few_larger_pictures_beside_a_film_are_not_the_film(tmp_path: Path, first: str) -> None:
    streams = {
        "film": ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=2"),
        "thumbnail": ("-f", "lavfi", "-i", "testsrc2=s=320x240:r=2:d=1.5"),
    }
    order = ("thumbnail", "film") if first == "thumbnail" else ("film", "thumbnail")
    path = tmp_path / "a.mov"
    run(*(word for name in order for word in streams[name]), "-map", "0", "-map", "1", *X264,
        str(path))  # fmt: skip
    facts = probe(path, LIMITS)
    assert (facts.look.width, facts.cadence.total) == (64, 50)


@pytest.mark.parametrize("default", [0, 1])
def test_of_two_films_the_one_that_is_called_the_default_is_shown(
    tmp_path: Path, default: int
) -> None:
    path = tmp_path / "a.mkv"
    run("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1", "-f", "lavfi", "-i",
        "testsrc2=s=128x96:r=25:d=1", "-map", "0", "-map", "1", *X264,
        f"-disposition:v:{default}", "default", f"-disposition:v:{1 - default}", "0",
        str(path))  # fmt: skip
    assert probe(path, LIMITS).look.width == (64, 128)[default]


@pytest.mark.parametrize("count", [300, 3000])
@pytest.mark.parametrize("wobble", [0.05, 0.25])
@pytest.mark.parametrize("rate", ["24", "24000/1001", "25", "30000/1001", "30", "60000/1001", "60"])
def test_a_phones_wobbling_stamps_have_its_nominal_rate(
    rate: str, wobble: float, count: int
) -> None:
    rng = np.random.default_rng(0)
    exact = float(Fraction(rate))
    times = (np.arange(count) + rng.uniform(-wobble, wobble, count)) / exact
    kept = np.sort(times[rng.random(count) > 0.05])  # some were dropped
    found = cadence(np.round(kept - kept[0], 3), last=1 / exact, tick=1e-3, claimed=None)
    assert found.rate == Fraction(rate)


def test_a_pattern_of_stamps_with_a_pause_has_its_nominal_rate() -> None:
    steps = [0.038, 0.023, 0.039] * 10
    steps[14] = 0.239
    times = np.concatenate([[0.0], np.cumsum(steps)])
    assert cadence(times, last=0.033, tick=1 / 16000, claimed=Fraction(50)).rate == 30


@pytest.mark.parametrize(("frames", "reported"), [(1, True), (3, True), (100, False)])
def test_pictures_that_end_long_before_the_sound_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, frames: int, reported: bool
) -> None:
    tone = ("-f", "lavfi", "-i", "sine=duration=6")
    path = counted(tmp_path / "a.mp4", *X264, "-map", "0:v", "-map", "1:a", frames=frames,
                   before=tone)  # fmt: skip
    probe(path, LIMITS)
    assert (f"the pictures ({frames}) end at" in caplog.text) == reported

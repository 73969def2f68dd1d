"""pipeline.ffmpeg.encoder_options: an option can name no file to write."""

from __future__ import annotations

import pytest
import yaml
from helpers.stages import CONF

from pipeline.encoder.ffmpeg import _options
from pipeline.errors import UserError
from pipeline.ffmpeg.encoder_options import check_options

CODECS = {
    path.stem: settings
    for path in sorted(CONF.glob("encoder/*.yaml"))
    if "codec" in (settings := yaml.safe_load(path.read_text("utf-8")))
}


@pytest.mark.parametrize("name", CODECS)
def test_the_options_of_our_encoders_are_allowed(name: str) -> None:
    codec = CODECS[name]["codec"]
    check_options(CODECS[name]["options"], _options(codec), codec)


@pytest.mark.parametrize(
    "options",
    [
        {"tune": "grain", "crf": 18.5, "bf": 2, "g": 60, "aq-mode": 3, "8x8dct": True},
        {"deblock": "-1,-1", "psy-rd": "1.0:0.15", "partitions": "+i4x4+p8x8", "level": "4.1"},
        {"x264-params": "keyint=30:no-cabac:deblock=1,1:me=umh:vbv-maxrate=9000"},
        {"flags": "+cgop", "profile": "high"},
    ],
)
def test_usual_options_are_allowed(options: dict[str, str]) -> None:
    check_options(options, _options("libx264"), "libx264")


@pytest.mark.parametrize(
    ("codec", "key", "value"),
    [
        *(("libx264", "x264-params", value) for value in (
            "stats=x", "pass=1:stats=x", "qpfile=x", "cqmfile=x", "dump-yuv=x", "tcfile-in=x",
            "opencl-clbin=x", "log-file=x", "keyint=30:stats=x", "no-stats=x", "crf=18:", ":crf=18",
            "crf=../x", "crf='x", "crf=1\\:stats=x", "crf=18 stats=x", "crf=18\nstats=x")),
        *(("libx265", "x265-params", value) for value in (
            "csv=x", "stats=x", "recon=x", "analysis-save=x", "qpfile=x", "zonefile=x",
            "lambda-file=x", "scaling-list=x", "log-file=x", "crf=18:csv=x")),
        *(("libsvtav1", "svtav1-params", value) for value in ("stats=x", "fgs-table=x", "recon=x")),
        *(("libx264", key, "x") for key in ("stats", "passlogfile", "x264opts", "dump_separator")),
        ("libx265", "x265-stats", "x"),
        ("libvpx-vp9", "ts-parameters", "x"),
        *(("libx264", "crf", value) for value in ("/x", "a b", "x\n", "'x'", "\\x", "é")),
        ("libx264", "preset", "../x"),
    ],
)  # fmt: skip
def test_what_may_name_a_file_is_refused(codec: str, key: str, value: str) -> None:
    with pytest.raises(UserError, match=rf"^encoder\.options\.{key}: must .*; ") as refused:
        check_options({key: value}, _options(codec), codec)
    assert str(refused.value).isprintable()

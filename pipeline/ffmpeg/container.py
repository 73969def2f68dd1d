"""What each container takes: which sound and subtitles as they are, and what of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

# Pulse code: each is stored as it stands in .mp4 and .mov.
PLAIN = frozenset(
    f"pcm_{kind}{end}" for kind in ("s16", "s24", "s32", "f32") for end in ("le", "be")
)
TEXT = frozenset(
    [
        "ass",
        "jacosub",
        "microdvd",
        "mov_text",
        "mpl2",
        "pjs",
        "realtext",
        "sami",
        "ssa",
        "srt",
        "stl",
        "subrip",
        "subviewer",
        "subviewer1",
        "text",
        "vplayer",
        "webvtt",
    ]
)
"""Subtitles made of words, which ffmpeg can turn into one another; the others are pictures."""


@dataclass(frozen=True)
class Container:
    """A kind of file. All names are ffmpeg's."""

    muxer: tuple[str, ...]
    """Options of the muxer."""
    audio: frozenset[str] | None = frozenset()
    """Codecs that it takes as they are, None = all."""
    sound: tuple[str, ...] = ()
    """Options that encode any other codec."""
    layouts: str | None = None
    """Layouts of loudspeakers that those can encode, None = all."""
    subtitles: frozenset[str] = frozenset()
    """Codecs of subtitles that it takes as they are."""
    text: str | None = None
    """The codec of other subtitles, if they are text."""
    palette: bool = False
    """Whether it has few colours and no sound; the pictures are encoded again from lossless
    segments."""


# Measured by copying each codec into each container with the bundled ffmpeg. It also copies a few
# into .mov (vorbis, dts, wma) that no player of .mov files knows: those are encoded.
CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container(
        muxer=("-f", "mp4", "-movflags", "+faststart", "-write_tmcd", "0"),
        audio=PLAIN
        | frozenset(["aac", "ac3", "alac", "dts", "eac3", "flac", "mp2", "mp3", "opus", "vorbis"]),
        sound=("aac",),
        subtitles=frozenset({"mov_text", "dvd_subtitle"}),
        text="mov_text",
    ),
    ".mov": Container(
        muxer=("-f", "mov", "-movflags", "+faststart", "-write_tmcd", "0"),
        audio=PLAIN
        | frozenset(
            [
                "aac",
                "ac3",
                "alac",
                "amr_nb",
                "amr_wb",
                "eac3",
                "mp2",
                "mp3",
                "pcm_alaw",
                "pcm_mulaw",
                "pcm_u8",
            ]
        ),
        sound=("aac",),
        subtitles=frozenset({"mov_text"}),
        text="mov_text",
    ),
    ".mkv": Container(
        muxer=("-f", "matroska"),
        audio=None,
        sound=("flac",),
        subtitles=frozenset(
            ["ass", "dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle", "ssa", "subrip", "webvtt"]
        ),
        text="subrip",
    ),
    ".webm": Container(
        muxer=("-f", "webm"),
        audio=frozenset({"opus", "vorbis"}),
        sound=("libopus",),
        # libopus refuses 5.1 with side speakers, which AC-3 and DTS have, and odder layouts.
        layouts="7.1|6.1|5.1|5.0|quad|3.0|stereo|mono",
        subtitles=frozenset({"webvtt"}),
        text="webvtt",
    ),
    ".gif": Container(muxer=("-f", "gif", "-loop", "0"), palette=True),
}
"""By the suffix of the output, in small letters."""

FINE = 10_000


def timescale(rate: Fraction) -> int:
    """Ticks a second of a video track in which every frame of this rate lasts whole ticks."""
    scale = rate.numerator
    while scale < FINE:
        scale *= 2
    return scale

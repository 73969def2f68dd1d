"""The codecs that each container can store, and how tracks in other codecs are converted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

# PCM codecs, which .mp4 and .mov store unchanged.
PLAIN = frozenset(
    f"pcm_{kind}{end}" for kind in ("s16", "s24", "s32", "f32") for end in ("le", "be")
)
AAC = ("aac", "-b:a", "256k")
"""At twice ffmpeg's default bit rate: a copy of music should not sound worse."""
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
"""Codecs of text subtitles, which ffmpeg converts into one another; all others are images."""


@dataclass(frozen=True)
class Container:
    """A container format. All names are ffmpeg's."""

    muxer: tuple[str, ...]
    """Options of the muxer."""
    audio: frozenset[str] | None = frozenset()
    """Audio codecs that it can store. None: all."""
    played: frozenset[str] | None = None
    """Those that players of such files play: only these are copied, unless others are asked for.
    None: all that it can store."""
    sound: tuple[str, ...] = ()
    """Codec to which other audio is encoded, followed by its options for all tracks."""
    layouts: str | None = None
    """Channel layouts that this codec can encode, separated by "|". None: all."""
    subtitles: frozenset[str] = frozenset()
    """Subtitle codecs that are copied."""
    text: str | None = None
    """Codec to which other text subtitles are converted. None: they are dropped."""
    palette: bool = False
    """Whether it stores 256 colours and no audio, so the pictures of lossless segments are encoded
    again."""


# Found by copying each codec into each container with the bundled ffmpeg. It also copies a few
# into .mov (vorbis, dts, wma) that players of .mov files do not support: those are encoded.
CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container(
        muxer=("-f", "mp4", "-movflags", "+faststart", "-write_tmcd", "0"),
        audio=PLAIN
        | frozenset(["aac", "ac3", "alac", "dts", "eac3", "flac", "mp2", "mp3", "opus", "vorbis"]),
        played=frozenset({"aac"}),
        sound=AAC,
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
        sound=AAC,
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
        # libopus rejects 5.1 with side speakers, which AC-3 and DTS use, and less common layouts.
        layouts="7.1|6.1|5.1|5.0|quad|3.0|stereo|mono",
        subtitles=frozenset({"webvtt"}),
        text="webvtt",
    ),
    ".gif": Container(muxer=("-f", "gif", "-loop", "0"), palette=True),
}
"""Containers by the lower-case suffix of the output."""

FINE = 10_000
"""Smallest time scale of a video track, in ticks per second."""


def timescale(rate: Fraction) -> int:
    """Return a time scale, in ticks/s, in which a frame lasts a whole number of ticks.

    rate: frames/s.
    """
    scale = rate.numerator
    while scale < FINE:
        scale *= 2
    return scale

"""What else is in a file: sound of all kinds, earlier and later, words, chapters, covers, data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from helpers.clips import FFV1, X264, counted, run
from helpers.tracks import SUBTITLES, TAGS

from awkward.case import Case, Refused, Right

FRAMES = 50
"""Two seconds."""
BEEPS = (0.4, 1.2)
"""Seconds at which the sound of `talking` beeps, for 40 ms."""
AAC, PCM = ("-c:a", "aac"), ("-c:a", "pcm_s16le")


def talking(
    *options: str,
    seconds: float = 2,
    tracks: int = 1,
    late: float = 0,
    hertz: int = 48000,
    more: Sequence[str] = (),
) -> Callable[[Path], object]:
    """Makes fifty numbered pictures with sound that beeps.

    seconds: of sound. late: seconds by which the sound starts after the pictures, 0.4 s into
    which the first beep comes all the same. more: further inputs, from number 2 on.
    """
    at = [f"between(t,{beep - late},{beep - late + 0.04})" for beep in BEEPS]
    sound = f"aevalsrc='sin(2*PI*1000*t)*({'+'.join(at)})':s={hertz}:d={seconds}"
    before = ("-itsoffset", str(late), "-f", "lavfi", "-i", sound, *more)
    maps = ("-map", "0:v", *["-map", "1:a"] * tracks)
    return lambda path: counted(path, *X264, *maps, *options, before=before, frames=FRAMES)


def worded(*options: str) -> Callable[[Path], object]:
    """The same with subtitles, a title and chapters."""

    def make(path: Path) -> None:
        (path.parent / "words.srt").write_text(SUBTITLES)
        (path.parent / "tags.txt").write_text(TAGS)
        more = ("-i", f"{path.parent}/words.srt", "-i", f"{path.parent}/tags.txt")
        maps = ("-map", "2:s", "-map_metadata", "3", "-map_chapters", "3")
        talking(*maps, *options, more=more)(path)

    return make


def heard(tracks: int = 1, beeps: Sequence[float] = BEEPS, says: str = "") -> Right:
    return Right(range(FRAMES), beeps=[beeps] * tracks, says=says)


SOUNDS = {
    "aac": ("in.mp4", "-c:a", "aac"),
    "mp3": ("in.mkv", "-c:a", "libmp3lame"),
    "mp2": ("in.mpg", "-c:a", "mp2", "-c:v", "mpeg2video", "-q:v", "2"),
    "opus": ("in.webm", "-c:a", "libopus", "-c:v", "libvpx-vp9", "-crf", "10", "-b:v", "0"),
    "vorbis": ("in.mkv", "-c:a", "libvorbis"),
    "flac": ("in.mkv", "-c:a", "flac"),
    "alac": ("in.mov", "-c:a", "alac"),
    "ac-3 in ts": ("in.ts", "-c:a", "ac3"),
    "dts": ("in.mkv", "-c:a", "dca", "-strict", "-2"),
    "truehd": ("in.mkv", "-c:a", "truehd", "-strict", "-2"),
    "wma": ("in.wmv", "-c:a", "wmav2", "-c:v", "wmv2", "-q:v", "2"),
    "adpcm": ("in.avi", "-c:a", "adpcm_ms", "-c:v", "mpeg4", "-q:v", "2"),
    "mu-law": ("in.mov", "-c:a", "pcm_mulaw"),
    "wavpack": ("in.mkv", "-c:a", "wavpack"),
    "pcm of 64 bits": ("in.mkv", "-c:a", "pcm_f64le"),
}
USUAL = ("aac", "opus", "ac-3 in ts", "dts", "adpcm", "wma")
"""One of each way: copied or encoded, with times in the file or without."""
ART = ("-f", "lavfi", "-i", "color=red:s=400x400:d=0.04")
"""An input of one picture."""
COVER = ("-c:v:1", "png", "-disposition:v:1", "attached_pic")
TEXT = ("-metadata:s:t", "mimetype=text/plain")


def covered(path: Path) -> None:
    """A cover and no video."""
    run(*ART, "-f", "lavfi", "-i", "sine=d=1", "-map", "0", "-map", "1", "-c:v", "png",
        "-disposition:v", "attached_pic", *AAC, f"file:{path}")  # fmt: skip


def sounding(path: Path) -> None:
    """Sound alone."""
    run("-f", "lavfi", "-i", "sine=d=1", *AAC, f"file:{path}")


CASES = [
    *(Case(f"sound in {name}", talking(*options), heard(), file, slow=name not in USUAL)
      for name, (file, *options) in SOUNDS.items()),
    Case("sound of 8000 Hz", talking(*PCM, hertz=8000), heard()),
    Case("six loudspeakers", talking("-c:a", "flac", "-ac", "6"), heard()),
    Case("three sound tracks", talking(*AAC, tracks=3), heard(3), "in.mp4"),
    Case("sound that ends first", talking(*AAC, seconds=0.8), heard(beeps=BEEPS[:1]), "in.mp4"),
    Case("sound that goes on", talking(*AAC, seconds=4), heard(), "in.mp4"),
    Case("sound that begins later", talking(*PCM, late=0.3), heard()),
    Case("sound that begins later in mp4", talking(*AAC, late=0.3), heard(), "in.mp4"),
    Case("sound that begins earlier", talking(*PCM, late=-0.3), heard()),
    Case("sound on a clock that starts at 5 s", talking(*AAC, "-output_ts_offset", "5"), heard(),
         "in.ts"),
    Case("a part from the middle", talking(*PCM),
         Right(range(20, 45), beeps=[(BEEPS[1] - 0.8,)]), more=("start=0.8", "end=1.8")),
    Case("words in mkv", worded(*PCM, "-c:s", "srt"), heard()),
    Case("words in mp4", worded(*AAC, "-c:s", "mov_text"), heard(), "in.mp4"),
    Case("styled words", worded(*PCM, "-c:s", "ass"), heard()),
    Case("a time code", talking(*AAC, "-timecode", "01:00:00:00"), heard(), "in.mov"),
    Case("a file attached", talking(*PCM, "-attach", __file__, *TEXT), heard()),
    Case("a cover beside the video",
         talking(*AAC, "-map", "2:v", *COVER, more=ART), heard(), "in.mp4"),
    Case("a smaller video first",
         lambda path: counted(path, "-map", "1:v", "-map", "0:v", *FFV1,
                              "-disposition:v", "0",
                              before=("-f", "lavfi", "-i", "color=red:s=32x32:r=25:d=0.8")),
         Right()),
    Case("sound alone", sounding, Refused("only sound"), "in.m4a"),
    Case("sound and a cover", covered, Refused("only sound"), "in.m4a"),
]  # fmt: skip

"""Muxing: join segments to one file with audio, subtitles, chapters and tags.

The pictures are copied, not encoded again (except for a GIF: see `gif`).
"""

from __future__ import annotations

import logging
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL

from pipeline.errors import UserError, printable
from pipeline.ffmpeg import spherical
from pipeline.ffmpeg.container import Container, timescale
from pipeline.ffmpeg.process import SOUNDS, VIDEOS, input_options, output, running
from pipeline.ffmpeg.result import StoppedError, Tally, check_exit, count_frames
from pipeline.ffmpeg.tracks import AudioTrack, track_options, warn_of_dropped_tracks
from pipeline.frame import Clip, Tracks
from pipeline.storage.atomic import fsync, temporary_path

log = logging.getLogger(__name__)

# Tags of the input that describe its file rather than its content.
STALE = ("major_brand", "minor_version", "compatible_brands", "timecode")
FLAGS = "-movflags"
PHONE = re.compile(r"^com\.(apple|android)\.[\w.]+=", re.MULTILINE)
CREATED = re.compile(r"^creation_time=([0-9TZ:.+-]{10,40})", re.MULTILINE)
MISSING_TRACK = "matches no streams"
"""ffmpeg's message about a track that existed when the render started and is now missing."""
MAX_METADATA_BYTES = 1 << 20
"""Maximum number of bytes that are read of the input's tags."""
LONGEST = 60_000
"""Maximum length of a tag in bytes: .mov stores it in 16 bits and silently drops the rest."""


def mux(
    segments: Sequence[Path],
    path: Path,
    clip: Clip,
    *,
    container: Container,
    tag: str | None,
    metadata: Mapping[str, str],
) -> None:
    """Write the segments as one file at path, with the clip's tracks.

    The ways to keep the audio are tried in order. If all fail, all tracks are left out so that the
    pictures are not lost. tag: four-letter code of the codec,
    or None for ffmpeg's choice. Raises UserError, and OSError if the folder cannot be written.
    """
    with concat_list(segments) as (joint, folder):
        held = count_frames(joint, segments[0], clip.rate, folder)
        description = "" if clip.tracks is None else _description(clip.tracks)
        video, muxer = _video(clip, held, tag), _muxer(description, container)
        for sound in AudioTrack.ways(clip.tracks):
            if sound is AudioTrack.NONE and clip.tracks is not None:
                warn_of_dropped_tracks(clip.tracks)
            options = [*video, *_tracks_and_tags(clip, held, container, sound)]
            options += [
                *_creation_time_options(description),
                *_tags(metadata),
                "-bitexact",
                *muxer,
                "-y",
                literal(path),
            ]
            try:
                _run(joint, clip.tracks, options, path, folder)
                break
            except StoppedError as error:
                tracks = clip.tracks
                if tracks is None or not (tracks.audio or tracks.subtitles):
                    raise
                if sound is AudioTrack.NONE or MISSING_TRACK in str(error):
                    raise
                log.info("the sound cannot be %s: %s", sound.name.lower(), error)
    if clip.sphere:
        _mark_sphere(path, clip.sphere)
    check_frame_count(path, clip, held.pictures)
    fsync(path)


def _mark_sphere(path: Path, layout: str) -> None:
    """Mark the file as a 360-degree video, or log that its format has no such mark."""
    if path.suffix.lower() in spherical.SUFFIXES:
        spherical.write_spherical_tag(path, layout)
    else:
        log.warning(
            "%s: only .mp4 and .mov support 360-degree metadata, so it is omitted; "
            "set output=NAME.mp4 to keep it",
            printable(path),
        )


def literal(path: Path) -> str:
    """Return the path in a form that ffmpeg takes literally, whatever characters it contains."""
    return f"file:{path.absolute()}"


@contextmanager
def concat_list(segments: Sequence[Path]) -> Iterator[tuple[list[str], Path]]:
    """Yield options that name the segments as one input, and the working directory they need.

    Raises OSError if the list cannot be written, and ValueError unless all segments are in one
    folder. Their names are the caller's choice and must be plain: ffmpeg's list takes no others.
    """
    folder = segments[0].parent
    if any(segment.parent != folder for segment in segments):
        raise ValueError(f"segments must be in one folder, got {folder} and others")
    plan = temporary_path(segments[0])
    try:
        plan.write_text("".join(f"file {segment.name}\n" for segment in segments))
        yield ["-f", "concat", "-i", plan.name], folder
    finally:
        plan.unlink(missing_ok=True)


def check_frame_count(path: Path, clip: Clip, count: int) -> None:
    """Raise UserError and remove the file at path unless it holds `count` pictures."""
    got = count_frames(["-i", literal(path)], path, clip.rate).pictures
    if got != count:
        path.unlink()
        raise UserError(
            f"{printable(path)}: must contain {count} pictures, got {got}; "
            "run the same command again"
        )


def _video(clip: Clip, held: Tally, tag: str | None) -> list[str]:
    """Return options that copy the pictures with exact times.

    ffmpeg adds up the durations of the segments in microseconds and lets decoding times overlap
    at the end of a short segment. So presentation times are rounded to whole frames, and decoding
    times are set from the frame number.
    """
    scale = timescale(clip.rate)
    step = int(scale / clip.rate)
    times = f"setts=pts=round(PTS/{step})*{step}:dts=(N-{held.delay})*{step}:duration={step}"
    options = ["-map", "0:v", "-c:v", "copy", "-bsf:v", times, "-video_track_timescale", str(scale)]
    return options if tag is None else [*options, "-tag:v", tag]


def _tracks_and_tags(clip: Clip, held: Tally, container: Container, sound: AudioTrack) -> list[str]:
    """Return options for everything except the pictures: tracks, chapters, the input's own tags."""
    tracks = clip.tracks
    if tracks is None:
        return ["-map_metadata", "-1"]
    options = track_options(tracks, container, sound)
    # the times of chapters cannot be stretched
    options += ["-map_metadata", "1", "-map_chapters", "1" if tracks.tempo == 1 else "-1"]
    for key in STALE:
        options += ["-metadata", f"{key}="]
    if tracks.seconds is not None:
        # Stops reading and cuts chapters, but unlike -shortest never before the last picture.
        length = max(float(held.pictures / clip.rate), tracks.seconds / tracks.tempo)
        options += ["-t", f"{math.ceil(length * 1e6) / 1e6:.6f}"]
    return options


def _creation_time_options(description: str) -> list[str]:
    """Return options that keep the creation date, which ffmpeg drops from copied metadata.

    description: the tags of the input.
    """
    found = CREATED.search(description)
    return [] if found is None else ["-metadata", f"creation_time={found[1]}"]


def _muxer(description: str, container: Container) -> list[str]:
    """Return options of the container's muxer. description: the tags of the input.

    Phones store place, make, model and date under their own tag names, for which .mp4 and .mov have
    no standard field. If there are such tags, all tags are written under their names.
    """
    options = list(container.muxer)
    if FLAGS in options and PHONE.search(description):
        options[options.index(FLAGS) + 1] += "+use_metadata_tags"
    return options


def _description(tracks: Tracks) -> str:
    """Return the tags of the file as text in ffmpeg's ffmetadata format."""
    with _open_tracks(tracks) as (source, descriptors):
        # mapped explicitly, or ffmpeg would drop the creation date here too
        arguments = [*source, "-map_metadata", "0", "-f", "ffmetadata", "-"]
        return output(arguments, pass_fds=descriptors, most=MAX_METADATA_BYTES)


def _tags(metadata: Mapping[str, str]) -> list[str]:
    """Return options that write the tags. A tag too long for .mov is left out and logged."""
    options: list[str] = []
    for key, value in metadata.items():
        if len(value.encode()) > LONGEST:
            log.warning("the tag %s has more than %d bytes, so it is omitted", key, LONGEST)
        else:
            options += ["-metadata", f"{key}={value}"]
    return options


def _run(
    joint: Sequence[str], tracks: Tracks | None, options: Sequence[str], path: Path, folder: Path
) -> None:
    """Run ffmpeg on the segments and the tracks. On failure, no file is left at path."""
    with _open_tracks(tracks) as (source, descriptors):
        arguments = [*joint, *source, *options]
        try:
            with running(arguments, stdout=DEVNULL, pass_fds=descriptors, cwd=folder) as process:
                check_exit(process, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


@contextmanager
def _open_tracks(tracks: Tracks | None) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Yield options for the file of the tracks as the next input, and the descriptors to pass.

    Frame 0 is at time zero. ffmpeg never sees the file name. Raises UserError if the file cannot be
    read.
    """
    if tracks is None:
        yield [], ()
        return
    try:
        descriptor = os.open(tracks.path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise UserError(
            f"{printable(tracks.path)}: must be readable for its sound, got {error.strerror!r}; "
            "restore the file and run the same command again"
        ) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UserError(
                f"{printable(tracks.path)}: must be a regular file, got another kind; "
                "restore the file and run the same command again"
            )
        source = [
            "-copyts",
            *input_options(f"{VIDEOS},{SOUNDS}"),
            "-itsoffset",
            f"{-tracks.offset:.6f}",
        ]
        yield [*source, "-fd", str(descriptor), "-i", "fd:"], (descriptor,)
    finally:
        os.close(descriptor)

"""GIF output: one palette of 256 colours for the whole video, applied to every picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL

from pipeline.errors import UserError
from pipeline.ffmpeg.container import Container
from pipeline.ffmpeg.mux import check_frame_count, concat_list, literal
from pipeline.ffmpeg.process import running
from pipeline.ffmpeg.result import check_exit, count_frames
from pipeline.frame import Clip
from pipeline.storage.atomic import fsync, temporary_path

FASTEST = 50
"""Maximum frames/s: GIF times are in 1/100 s, and players slow down frames shorter than 2/100 s."""


def check_frame_rate(clip: Clip) -> None:
    """Raise UserError if the clip's frame rate is too high for a GIF."""
    if clip.rate > FASTEST:
        raise UserError(
            f"output: must have at most {FASTEST} frames/s as a .gif, got {float(clip.rate):g}; "
            "set output=NAME.mp4 or output=NAME.webm"
        )


def apply_palette(segments: Sequence[Path], path: Path, clip: Clip, container: Container) -> None:
    """Write the lossless segments as a GIF at path, in two passes and constant memory.

    Raises UserError, and OSError if the folder cannot be written.
    """
    check_frame_rate(clip)
    with concat_list(segments) as (joint, folder):
        count = count_frames(joint, segments[0], clip.rate, folder).pictures
        colours = temporary_path(segments[0])
        choose = ["-vf", "palettegen=reserve_transparent=0", "-frames:v", "1", "-c:v", "png"]
        # A Bayer pattern is the same in every frame, unlike error diffusion, which flickers.
        use = ["-i", colours.name, "-lavfi", "[0:v][1:v]paletteuse=dither=bayer:bayer_scale=3"]
        try:
            _run([*joint, *choose, "-f", "image2pipe", "-y", f"file:{colours.name}"], path, folder)
            _run([*joint, *use, *container.muxer, "-y", literal(path)], path, folder)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            colours.unlink(missing_ok=True)
    check_frame_count(path, clip, count)
    fsync(path)


def _run(arguments: Sequence[str], path: Path, folder: Path) -> None:
    with running(arguments, stdout=DEVNULL, cwd=folder) as process:
        check_exit(process, path)

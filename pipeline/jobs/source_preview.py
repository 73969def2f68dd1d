"""A small copy of the source of a sweep's job, in step with its result, for the gallery."""

from __future__ import annotations

import logging
from contextlib import closing
from itertools import islice
from typing import Any

from pipeline.encoder.segment import Segment
from pipeline.errors import UserError
from pipeline.image_io.writer import write_png
from pipeline.jobs.job import Job
from pipeline.recording.output import SOURCE_PICTURE, SOURCE_VIDEO, remove
from pipeline.storage.atomic import disk_errors
from pipeline.storage.work_dir import work_dir

log = logging.getLogger(__name__)

WIDTH = 1280
"""Maximum width of the copy of a video, in pixels."""
FRAMES = 3000
"""Maximum number of frames in it."""
OPTIONS = (
    *("-vf", f"scale='trunc(min({WIDTH},iw)/2)*2':-2:flags=area:out_color_matrix=bt709"),
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "22", "-pix_fmt", "yuv420p"),
    *("-movflags", "+faststart", "-f", "mp4"),
)


def write_source_preview(job: Job) -> None:
    """Write what the job dreamt on to its work folder; failures are only logged.

    A render without footage or input has none, and neither has one that is played backwards.
    """
    folder, loop = work_dir(job.output), job.pipeline.loop
    with_input = any(one.key == "input" for one in job.fingerprint.inputs)
    if not with_input or job.mirrored:
        return
    pictures: Any = job.pipeline.source.pictures(loop.overlap)
    try:
        with disk_errors(folder), closing(pictures):
            first, second = [*islice(pictures, 2), None, None][:2]
            if first is not None and job.clip.count == 1:
                write_png(folder / SOURCE_PICTURE, first)
            elif second is not None:
                with Segment(folder / SOURCE_VIDEO, job.pipeline.clip, OPTIONS) as segment:
                    for picture in (first, second, *islice(pictures, FRAMES - 2)):
                        segment.write(picture)
    except UserError as error:
        log.info("the source is not shown in the gallery: %s", error)
        for name in (SOURCE_PICTURE, SOURCE_VIDEO):
            remove(folder / name)

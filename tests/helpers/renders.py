"""Renders of fourteen frames, each with something else to carry, for the tests that kill them."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from helpers.clips import feedback, images, video
from helpers.stages import job_of, part, pipeline_of, stages

from pipeline.dream_size import FULL_SIZE, DreamSize
from pipeline.frame_range import FrameRange
from pipeline.jobs.job import run
from pipeline.recording.recording import Saving
from pipeline.seamless_loop import SeamlessLoop

FRAMES = 14


def _toy(
    source: Any,
    output: Path,
    encoder: str,
    camera: str = "still",
    overlap: int = 0,
    dream_size: DreamSize = FULL_SIZE,
    **asked: Any,
) -> None:
    """Dream this source with the toy network, saving after each frame."""
    dreamer = part("dreamer", "octaves", octaves=1, iterations=2, jitter=8)
    pipeline = pipeline_of(
        source,
        stages(camera=camera, dreamer=dreamer),
        cuts=part("cuts", "adaptive"),
        flow=part("flow", "dis"),
        loop=SeamlessLoop(overlap, source.clip.count),
        dream_size=dream_size,
    )
    run(job_of(pipeline, output, encoder, **{"saving": Saving(5, 0), **asked}))


def pictures(folder: Path) -> Path:
    """A folder of pictures from a folder of pictures: nothing but files of our own making."""
    output = folder / "x"
    _toy(images(folder.parent / "shots"), output, "images")
    return output


def video_(folder: Path) -> Path:
    """A video with sound."""
    output = folder / "x.mp4"
    _toy(video(folder.parent / "clip.mkv"), output, "h264")
    return output


def enlarged(folder: Path) -> Path:
    """The video, dreamt at half of its size."""
    output = folder / "x.mp4"
    _toy(video(folder.parent / "clip.mkv"), output, "h264", dream_size=DreamSize(32))
    return output


def seldom(folder: Path) -> Path:
    """The same pictures, saved only in the end."""
    output = folder / "x"
    _toy(images(folder.parent / "shots"), output, "images", saving=Saving(5, 1e5))
    return output


def replaced(folder: Path) -> Path:
    """The same pictures, in the place of others that are there already."""
    output = folder / "x"
    if not output.exists():
        os.makedirs(output)  # noqa: PTH103  this one is not to be counted
        (output / "0.png").write_text("old")
    _toy(images(folder.parent / "shots"), output, "images", overwrite=True)
    return output


def piece(folder: Path) -> Path:
    """A part of them behind a run-up."""
    output = folder / "x"
    _toy(images(folder.parent / "shots"), output, "images", frame_range=FrameRange(4, 11, 2))
    return output


def zoom(folder: Path) -> Path:
    """A zoom whose end joins its start."""
    output = folder / "x"
    source = feedback(frames=FRAMES)
    _toy(source, output, "images", "zoom", overlap=3)
    return output


def zoomed(folder: Path) -> Path:
    """The same as a video."""
    output = folder / "x.mp4"
    source = feedback(frames=FRAMES)
    _toy(source, output, "h264", "zoom", overlap=3)
    return output


LITTLE = ("dreamer.octaves=1", "dreamer.iterations=1", "dreamer.upkeep_iterations=1",
          f"frames={FRAMES}", "segment_frames=5", "save_seconds=0")  # fmt: skip


def _real(folder: Path, *words: str) -> None:
    """The command line in that folder."""
    os.chdir(folder)
    sys.argv = ["dreamreel", *words, *LITTLE]
    try:
        runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code:
            os._exit(int(end.code))


def real(folder: Path) -> Path:
    """A video dreamt by the real network."""
    _real(folder, "input=../clip.mkv", "output=x.mp4", "flow=farneback")
    return folder / "x.mp4"


def real_zoom(folder: Path) -> Path:
    """A zoom dreamt by the real network."""
    _real(folder, "recipe=zoom", "width=64", "height=64", "output=x.mp4")
    return folder / "x.mp4"


def album(folder: Path) -> Path:
    """Stills of a folder, each by itself."""
    _real(folder, "recipe=still", "input=../stills", "output=x")
    return folder / "x"


NAMES: dict[Callable[[Path], Path], str] = {
    pictures: "x", seldom: "x", replaced: "x", piece: "x", zoom: "x", album: "x",
    video_: "x.mp4", enlarged: "x.mp4", zoomed: "x.mp4", real: "x.mp4", real_zoom: "x.mp4",
}  # fmt: skip
"""Render -> the name of its output."""


def shots() -> np.ndarray:
    """Pictures that move, with a cut among them."""
    from helpers.scenes import pan

    before = pan(8, height=64, width=64, velocity=(2, 1))
    return np.stack([*before, *pan(FRAMES - 8, height=64, width=64, velocity=(0, 1), seed=7)])

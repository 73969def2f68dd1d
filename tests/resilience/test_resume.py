"""Ended at a frame, the same command resumes and every byte is the same, whatever carries state."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.clips import run as ffmpeg
from helpers.clips import write
from helpers.command_line import files, rendered, run
from helpers.sampling import every
from helpers.scenes import pan, texture

FRAMES = 11
LITTLE = ("dreamer.octaves=2", "dreamer.iterations=2", "segment_frames=4", f"frames={FRAMES}")
VIDEO = ("input=clip.mp4", *LITTLE)
ZOOM = ("recipe=zoom", "width=64", "height=64", f"source.seconds={FRAMES / 30}", *LITTLE)
MODES = {
    "video": VIDEO,
    "cuts": ("input=cuts.mkv", *LITTLE),
    "mask and guide": (*VIDEO, "mask=mask.mkv", "guide=guide.mkv", "mask_feather=2"),
    "camera": (*VIDEO, "camera=spiral"),
    "footage looped": (*VIDEO, "loop=true", "loop_seconds=0.16"),
    "schedules and sound": (*VIDEO, "audio=beeps.wav", "warp.persistence=0.5+bass/3",
                            "dreamer.step_size=0s: 0.01, 0.3s: 0.03"),
    "tiles": ("input=clip.mp4", "width=192", "height=192", "tile=160", "dreamer.octaves=1",
              "objective.layers=[blocks.1]", "segment_frames=4", "frames=7"),
    "pictures": ("input=shots", "encoder=images", "output=x", *LITTLE),
    "one of 16 bits": ("recipe=still", "input=deep.png", "dreamer.octaves=1",
                       "dreamer.iterations=2", "output=x.png"),
    "zoom": ZOOM,
    "zoom into a picture": (*ZOOM, "input=shots/0.png"),
    "zoom looped": (*ZOOM, "loop=true", "loop_seconds=0.1"),
    "drawing": ("recipe=visualise", "objective=label", "objective.label=tabby", "frames=5",
                "width=64", "height=64", "dreamer.iterations=5", "segment_frames=2"),
    "painted gif": (*VIDEO, "output=x.gif"),
}  # fmt: skip

QUICK = ("mask and guide", "zoom looped", "one of 16 bits")
"""Those that the default run tries; between them they carry all that there is to carry."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the modes read."""
    folder = tmp_path_factory.mktemp("resume")
    frames = pan(14, height=64, width=96, velocity=(2, 1))
    write(folder / "clip.mp4", frames)
    dark = [np.full_like(frames[0], 9)]
    other = [texture(64, 96, seed=5)] * 4
    lossless = ("-c:v", "ffv1")
    write(folder / "cuts.mkv", [*frames[:4], *dark, *frames[5:7], *other], *lossless)
    half = np.zeros((64, 96, 3), np.uint8)
    masks = [np.roll(half + 255 * (np.arange(96) < 48)[None, :, None], 3 * i, 1) for i in range(14)]
    write(folder / "mask.mkv", [mask.astype(np.uint8) for mask in masks], *lossless)
    write(folder / "guide.mkv", [texture(64, 64, seed=i) for i in range(14)], *lossless)
    sound = "aevalsrc='sin(2*PI*80*t)*lt(mod(t,0.2),0.1)':s=44100:d=1"
    ffmpeg("-f", "lavfi", "-i", sound, str(folder / "beeps.wav"))
    (folder / "shots").mkdir()
    for index, frame in enumerate(frames):
        cv2.imwrite(str(folder / "shots" / f"{index}.png"), frame[..., ::-1])
    deep = np.random.default_rng(0).integers(0, 65536, (51, 49, 3), np.uint16)
    cv2.imwrite(str(folder / "deep.png"), deep)
    return folder


def content(output: Path) -> dict[str, bytes]:
    """All bytes of the output, by name where it is a folder."""
    if output.is_file():
        return {"": output.read_bytes()}
    return {path.name: path.read_bytes() for path in output.iterdir()}


@pytest.mark.parametrize("mode", every(3, [
    mode if mode in QUICK else pytest.param(mode, marks=pytest.mark.slow) for mode in MODES
]))  # fmt: skip
def test_ended_and_gone_on_with_the_same_comes_out(folder: Path, mode: str) -> None:
    words = [word for word in MODES[mode] if not word.startswith("output=")]
    given = next((word for word in MODES[mode] if word.startswith("output=")), "output=x.mp4")
    name = Path(given.removeprefix("output="))
    whole, cut = folder / mode / name, folder / f"{mode} ended" / name
    for output in (whole, cut):
        output.parent.mkdir()
    words = [f"{word.partition('=')[0]}=../{word.partition('=')[2]}"
             if word.startswith(("input=", "mask=", "guide=", "audio=")) else word
             for word in words]  # fmt: skip
    rendered(*words, given, cwd=whole.parent)
    # at the first frame, within a segment, at the end of one; then it goes on, and once more
    for frames in (1, 2, 4, 3):
        ran = run(*words, given, cwd=cut.parent, frames=frames)
        if ran.code == 0:
            break
        assert ran.code == 143, ran.err
        assert not cut.exists()
    else:
        rendered(*words, given, cwd=cut.parent)
    assert content(cut) == content(whole)
    assert files(cut.with_name(f"{name}.render")) == {"recipe.yaml", "render.log", "report.json"}

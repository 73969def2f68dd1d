"""pipeline.compose: the Python interface, and stages that users write themselves."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.clips import run as ffmpeg
from helpers.clips import video
from helpers.command_line import files
from helpers.stages import CONF
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins

from pipeline import compose
from pipeline.config.compose import compose_stage
from pipeline.dreamer.octaves import Octaves
from pipeline.errors import UserError

README = CONF.parent / "README.md"
LITTLE = ("dreamer.octaves=1", "dreamer.iterations=1", "dreamer.upkeep_iterations=1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a clip of five frames in it."""
    home = tmp_path / "home"
    home.mkdir()
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x192:r=25:d=0.2", str(home / "clip.mp4"))
    monkeypatch.chdir(home)
    return home


def hydra_state() -> tuple[object, ...]:
    """Whatever Hydra keeps for the whole process."""
    return (
        GlobalHydra.instance().is_initialized(),
        HydraConfig.instance().cfg,
        str(ConfigStore.instance().repo),
    )


@pytest.mark.slow
def test_the_example_of_the_documentation_runs_twice_and_leaves_nothing_of_hydras(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(from pipeline import compose\n.*?)```",
                            README.read_text("utf-8"), re.DOTALL)  # fmt: skip
    assert len(example.splitlines()) <= 15
    Plugins.instance()  # whose settings Hydra registers once a process
    before, printed = hydra_state(), []
    for _ in range(2):
        exec(compile(example, "README.md", "exec"), {})
        printed.append(capsys.readouterr().out)
    assert hydra_state() == before
    assert printed[0] == printed[1]
    assert printed[0].splitlines()[-1] == "5 pictures"
    assert files(folder) == {"clip.mp4"}  # the recorder is the user's own


def test_a_job_yields_every_frame_and_leaves_what_the_command_leaves(folder: Path) -> None:
    job = compose("input=clip.mp4", "output=x.mkv", *LITTLE)
    assert [rendered.frame.index for rendered in job.run()] == [0, 1, 2, 3, 4]
    assert len(list(video(folder / "x.mkv").pictures())) == 5
    work = {f"x.mkv.render/{name}" for name in ("recipe.yaml", "render.log", "report.json")}
    assert files(folder) == {"clip.mp4", "x.mkv", "x.mkv.render", *work}
    report = json.loads((folder / "x.mkv.render" / "report.json").read_text())
    assert report["frames"] == 5


@pytest.mark.slow
def test_a_job_that_was_left_early_goes_on(folder: Path) -> None:
    words = ("input=clip.mp4", "output=x.mkv", "save_seconds=0", *LITTLE)
    frames = compose(*words).run()
    assert next(frames).frame.index == 0
    assert next(frames).frame.index == 1
    frames.close()
    assert not (folder / "x.mkv").exists()
    # the newest frame is dreamt again, and compared with what was saved
    assert [rendered.frame.index for rendered in compose(*words).run()] == [1, 2, 3, 4]
    assert len(list(video(folder / "x.mkv").pictures())) == 5
    with pytest.raises(UserError, match="output: must not exist yet"):
        compose(*words)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("input=nix.mp4",), "input: "),
        (("input=clip.mp4", "dreamer.octaves=0"), r"dreamer\.octaves: must be .* got 0"),
        (("input=clip.mp4", "nix=1"), "nix: is not a setting"),
        (("input=clip.mp4", "flow=nix"), "flow: must be one of"),
        (("input=clip.mp4", "-m"), "-m: must have the form KEY=VALUE"),
        (("clip.mp4",), r"'clip\.mp4': must have the form KEY=VALUE"),
    ],
)
def test_what_is_wrong_is_one_line(folder: Path, words: tuple[str, ...], line: str) -> None:
    before = hydra_state()
    with pytest.raises(UserError, match=line) as caught:
        compose(*words)
    assert "\n" not in str(caught.value)
    assert hydra_state() == before
    assert files(folder) == {"clip.mp4"}


def test_a_job_of_several_stills_or_a_plan_is_for_the_command(folder: Path) -> None:
    job = compose("input=clip.mp4", "plan=true", *LITTLE)
    with pytest.raises(UserError, match="run it with the command dreamreel"):
        next(iter(job.run()))


def test_one_stage_alone_is_as_its_yaml_says() -> None:
    stage = compose_stage("dreamer", "dreamer.octaves=3", "quality=draft")
    assert isinstance(stage, Octaves)
    assert stage.octaves == 3
    assert compose_stage("camera", "camera=pan", "camera.right_per_second='0s: 0.25, 2s: 1'")
    assert compose_stage("cuts", "cuts=none") == compose_stage("cuts", "cuts=none")


OWN = {
    "warm.py": """
from dataclasses import dataclass
from pipeline.objective import AllLayers

@dataclass(frozen=True)
class Warm(AllLayers):
    layers: tuple[str, ...]
    share: float
    is_tileable = True

    def bind(self, model, guide=None):
        return self

    def terms(self, activations):
        return {layer: (self.share, activations[layer].mean()) for layer in self.layers}
""",
    "shake.py": """
from dataclasses import dataclass
import math

@dataclass(frozen=True)
class Shake:
    pixels: float

    def __call__(self, positions, time, rate):
        return positions + self.pixels * math.sin(20 * time)
""",
    "raw.py": """
from dataclasses import dataclass
from pathlib import Path
from pipeline.encoder import Writer

class Raw(Writer):
    def __init__(self, path):
        self.path, self.half = path, path.with_name(path.name + ".tmp")
        self.file = self.half.open("wb")

    def write(self, picture):
        self.file.write(picture.tobytes())

    def close(self):
        self.file.close()
        self.half.rename(self.path)

    def stop(self):
        self.file.close()
        self.half.unlink(missing_ok=True)

@dataclass(frozen=True)
class Encoder:
    suffixes: tuple[str, ...]

    def check(self, clip, folder, suffix):
        pass

    def open(self, path, clip):
        return Raw(path)

    def join(self, segments, path, clip, metadata):
        path.write_bytes(b"".join(Path(one).read_bytes() for one in segments))
""",
}
YAML = {
    "objective/warm.yaml": "_target_: mine.warm.Warm\nlayers: [blocks.4]\nshare: 2.0\n",
    "camera/shake.yaml": "_target_: mine.shake.Shake\npixels: 3.0\n",
    "encoder/raw.yaml": "_target_: mine.raw.Encoder\nsuffixes: [.rgb]\n",
}


@pytest.mark.slow
def test_a_choice_of_ones_own_is_one_file_and_one_yaml(folder: Path) -> None:
    for name, code in OWN.items():
        (folder / "mine").mkdir(exist_ok=True)
        (folder / "mine" / name).write_text(code)
    for name, text in YAML.items():
        (folder / "presets" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "presets" / name).write_text(text)
    words = [
        "--config-dir",
        "presets",
        "input=clip.mp4",
        "output=x.rgb",
        "trust=[mine]",
        "objective=warm",
        "camera=shake",
        "encoder=raw",
        "width=64",
        "height=64",
    ]
    ran = subprocess.run(
        [sys.executable, "-m", "pipeline", *words, *LITTLE],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert (folder / "x.rgb").stat().st_size == 5 * 64 * 64 * 3
    recipe = (folder / "x.rgb.render" / "recipe.yaml").read_text()
    assert all(f"_target_: mine.{name}" in recipe for name in ("warm.Warm", "shake.Shake", "raw"))

"""A toy network, parts with the settings of their yaml, and moving scenes whose flow is known."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError

import cv2
import numpy as np
import pytest
import sweeps
import torch
import torch.utils.deterministic
import yaml
from command_line import files
from torch import Tensor, nn

from pipeline.canvas import Canvas, Strength
from pipeline.config.instantiate import ScheduledConfig
from pipeline.frame import Field, Picture
from pipeline.gradient import Gradient
from pipeline.jobs.job import Job
from pipeline.model.network.module import Network
from pipeline.objective.norm import Norm
from pipeline.recording.fingerprint import Fingerprint
from pipeline.recording.recording import Saving
from pipeline.render import Pipeline
from pipeline.schedule import VARIABLES, parse
from pipeline.stages import Stages

CONF = Path(__file__).parent.parent / "conf"
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU is here")
READ = partial(parse, rate=25.0, count=None)


def part(group: str, name: str, /, **changes: object) -> Any:
    """The part that conf/GROUP/NAME.yaml describes, with these settings changed, at frame 0."""
    settings = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
    template = ScheduledConfig.of({**settings, **changes}, group, READ, trusted=["pipeline"])
    return template.at({**dict.fromkeys(VARIABLES, 0.0), "rate": 25.0})


def texture(height: int, width: int, seed: int, *, centre: float = 128) -> Picture:
    """Blurred colour noise, detailed enough for a flow to hold on to, (height, width, 3)."""
    noise = np.random.default_rng(seed).standard_normal((height, width, 3)).astype(np.float32)
    mixed = np.zeros_like(noise)
    for deviation in (1.5, 4.0):
        blurred = cv2.GaussianBlur(noise, (0, 0), deviation)
        mixed += blurred / blurred.std()
    return np.clip(centre + 28 * mixed, 0, 255).astype(np.uint8)


def pan(
    frames: int, *, height: int, width: int, velocity: tuple[int, int], seed: int = 0
) -> list[Picture]:
    """A camera that moves over a texture by velocity (x, y) pixels a frame.

    Its backward flow is the velocity: current[y, x] was previous[y + vy, x + vx].
    """
    vx, vy = velocity
    above, before = max(0, -vy * (frames - 1)), max(0, -vx * (frames - 1))
    whole = texture(height + abs(vy) * (frames - 1), width + abs(vx) * (frames - 1), seed)
    return [
        whole[above + vy * t : above + vy * t + height, before + vx * t : before + vx * t + width]
        for t in range(frames)
    ]


def square_moved(
    *, size: int, side: int, velocity: tuple[int, int]
) -> tuple[Picture, Picture, Field, Field]:
    """Current and previous picture of a textured square that moved over still, textured ground.

    Also the true backward flow, (size, size, 2), and where it is known, (size, size) float32: 0
    where the current picture shows ground that the square hid before.
    """
    ground, square = texture(size, size, 1, centre=90), texture(side, side, 2, centre=165)
    corner = (size - side) // 2
    vx, vy = velocity
    previous, current = ground.copy(), ground.copy()
    before = np.s_[corner : corner + side, corner : corner + side]
    now = np.s_[corner + vy : corner + vy + side, corner + vx : corner + vx + side]
    previous[before] = square
    current[now] = square
    known = np.ones((size, size), np.float32)
    known[before] = 0
    known[now] = 1
    flow = np.zeros((size, size, 2), np.float32)
    flow[now] = -vx, -vy
    return current, previous, flow, known


def toy_module(seed: int = 0) -> nn.Sequential:
    """Three stages of convolution, batch norm and ReLU, random but always the same."""

    def stage(channels: int, out: int, stride: int) -> nn.Sequential:
        norm = nn.BatchNorm2d(out)
        # Statistics as after training, so that leaving the norm out would be seen.
        nn.init.normal_(norm.running_mean, 0, 0.3)
        nn.init.uniform_(norm.running_var, 0.2, 1)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.3)
        convolution = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        return nn.Sequential(convolution, norm, nn.ReLU(inplace=True))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stages = {"first": stage(3, 8, 1), "second": stage(8, 12, 2), "third": stage(12, 16, 2)}
    module = nn.Sequential()
    for name, made in stages.items():
        module.add_module(name, made)
    return module


def toy_network(module: nn.Module | None = None, **settings: Any) -> Network:
    """The module, or else the toy, as a Model with layers first, second, third."""
    look = {"mean": [0.5, 0.45, 0.4], "deviation": [0.25, 0.2, 0.3], "weights_sha256": "toy"}
    return Network(module or toy_module(), **{**look, **settings})


def octaves(**changes: Any) -> Any:
    """The dreamer of conf/dreamer/octaves.yaml, small enough for pictures of 48 pixels."""
    return part("dreamer", "octaves", **{"octaves": 2, "iterations": 8, "jitter": 8, **changes})


def canvas_of(
    image: Tensor,
    maturity: Tensor | None = None,
    *,
    index: int = 0,
    strength: Strength | None = None,
) -> Canvas:
    """A canvas on which a dream starts from this image, where nothing was filmed."""
    nothing, one = torch.zeros_like(image[:, :1]), torch.ones(())
    strength = strength or Strength.alike(one)
    maturity = nothing if maturity is None else maturity
    return Canvas(None, image, one, maturity, None, nothing, strength, index=index)


def stages(**changes: Any) -> Stages:
    """The stages of a frame for the toy network, with these changed: by name, or as they are."""
    names = {"camera": "still", "warp": "layer", "governor": "none", "dreamer": "none"}
    given = {"objective": part("objective", "norm", layers=["second"]), **names, **changes}
    built = {key: part(key, one) if isinstance(one, str) else one for key, one in given.items()}
    return Stages(**built)


def pipeline_of(source: Any, now: Stages | None = None, **changes: Any) -> Pipeline:
    """A pipeline with the toy network for this source, whose stages stay as they are."""
    now = now or stages()
    given = {
        "clip": source.clip,
        "cuts": part("cuts", "none"),
        "flow": part("flow", "none"),
        "stages_at": lambda _: now,
        "model": toy_network(),
        **changes,
    }
    return Pipeline(source, **given)


def job_of(pipeline: Pipeline, output: Path, encoder: str = "h264", **changes: Any) -> Job:
    """A job that renders there, by settings that are all but none."""
    given: dict[str, Any] = {
        "overwrite": False,
        "seed": 3,
        "device": torch.device("cpu"),
        "saving": Saving(segment_frames=60, seconds=60),
        "settings": "seed: 3\n",
        "embedded_settings": "seed: 3\n",
        "fingerprint": Fingerprint({"seed": "3"}),
        **changes,
    }
    return Job(pipeline, part("encoder", encoder), output, **given)


@pytest.fixture
def any_bits() -> Iterator[None]:
    """Nothing is said about determinism, before and afterwards."""
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True


@pytest.fixture(scope="session", autouse=True)
def two_threads() -> Iterator[None]:
    """As many as the smallest machine has cores: more would only wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))
    yield
    torch.set_num_threads(before)


@pytest.fixture
def network() -> Network:
    """The toy network."""
    return toy_network()


@pytest.fixture
def gradient(network: Network) -> Gradient:
    """The gradient of the toy network's second stage."""
    return Gradient(network, Norm(layers=("second",), weights=None))


@pytest.fixture
def unchanged(folder: Path) -> Iterator[Path]:
    """The folder of the test's own file; afterwards the same files must lie in it."""
    before = files(folder)
    yield folder
    assert files(folder) == before


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder in which torchvision looks for weights, on a machine without a network."""

    def refuse(*_: object, **__: object) -> None:
        raise URLError("the network is unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of nothing but red."""
    return sweeps.clip(tmp_path_factory.mktemp("clip") / "red.mp4")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """The folder of a sweep of two jobs that were not begun."""
    sweeps.plan(tmp_path / "sweep", *sweeps.LOOKS)
    return tmp_path / "sweep"

"""A toy network, and stages with the settings of their yaml."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.utils.deterministic
import yaml
from torch import Tensor, nn

from pipeline.canvas import Canvas, Strength
from pipeline.config.instantiate import ScheduledConfig
from pipeline.jobs.job import Job
from pipeline.model.network.module import Network
from pipeline.recording.fingerprint import Fingerprint
from pipeline.recording.recording import Saving
from pipeline.render import Pipeline
from pipeline.schedule import VARIABLES, parse
from pipeline.stages import Stages

CONF = Path(__file__).parents[2] / "conf"
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU is here")
READ = partial(parse, rate=25.0, count=None)


def part(group: str, name: str, /, **changes: object) -> Any:
    """The part that conf/GROUP/NAME.yaml describes, with these settings changed, at frame 0."""
    settings = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
    template = ScheduledConfig.of({**settings, **changes}, group, READ, trusted=["pipeline"])
    return template.at({**dict.fromkeys(VARIABLES, 0.0), "rate": 25.0})


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

"""The program's own parts with its own defaults, and a recording that keeps pictures in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import hydra
import torch
from omegaconf import DictConfig, OmegaConf

from pipeline.auxiliary.inputs import AuxiliaryInputs
from pipeline.config.auxiliary_inputs import auxiliary_inputs_of
from pipeline.config.hydra_config import CHANGING, config_dir, yaml_of
from pipeline.config.instantiate import ScheduledConfig
from pipeline.config.settings import limits_of
from pipeline.config.timeline import timeline
from pipeline.cuts import Cuts
from pipeline.errors import UserError
from pipeline.ffmpeg.audio_features import hear
from pipeline.frame import Picture, State
from pipeline.gradient import Gradient
from pipeline.model.network.cuda_graphs import with_cuda_graphs
from pipeline.model.network.precision import with_precision
from pipeline.recording.fingerprint import Fingerprint
from pipeline.recording.recorder import Recorder
from pipeline.recording.recording import Recording, Saving
from pipeline.render import RenderedFrame, render
from pipeline.report.report import Report
from pipeline.schedule import VARIABLES, parse
from pipeline.seamless_loop import Loop
from pipeline.source import Source

CPU = torch.device("cpu")
device = CPU
"""What renders of this run dream on; scripts/bench.py sets it."""


class Kept:
    """Takes pictures and forgets them; the bench looks at what `render` yields."""

    state = State()

    def add(
        self, pictures: Sequence[Picture], before: State, state: State, *, fresh: bool = False
    ) -> None:
        """Nothing."""

    def finish(self, rest: Iterable[Picture]) -> None:
        """Nothing."""


def needed(clip: Path | None, bench: str) -> Path:
    """The clip, which this bench cannot do without. Raises UserError."""
    if clip is None:
        raise UserError(f"--clip: must be given for {bench}, got nothing; say --clip bikes.mp4")
    return clip


def settings(overrides: Sequence[str] = ()) -> DictConfig:
    """The configuration that a user gets with these words on the command line."""
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        return hydra.compose("config", overrides=list(overrides))


def built(config: DictConfig, group: str) -> Any:
    """The part of this group, as it is set at the first frame."""
    plain: Any = OmegaConf.to_container(config[group], resolve=True)
    read = partial(parse, rate=1.0, count=None)
    template = ScheduledConfig.of(plain, group, read, trusted=["pipeline"])
    return template.at({**dict.fromkeys(VARIABLES, 0.0), "rate": 1.0})


def gradient(config: DictConfig) -> Gradient:
    """The gradient of the configured objective and model, as the command line runs it."""
    whole = with_precision(built(config, "model"), config.precision, device)
    model = with_cuda_graphs(whole, config.compile, device)
    return Gradient(model, built(config, "objective").of(model))


def wait() -> None:
    """Until the device has done all that it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def beside(config: DictConfig, source: Source) -> AuxiliaryInputs:
    """The mask and the guide that go with this source."""
    plain: Any = OmegaConf.to_container(config, resolve=True)
    return auxiliary_inputs_of(plain, source, partial(yaml_of, "source"), trusted=["pipeline"])


def rendered(
    source: Source,
    config: DictConfig,
    gradient_fn: Gradient,
    recording: Recorder | None = None,
    loop: Loop | None = None,
    cuts: Cuts | None = None,
) -> Iterator[RenderedFrame]:
    """The render of this source, frame by frame, as the command line would do it.

    cuts: what finds where shots begin, None = what is configured.
    """
    clip = source.clip
    read = partial(parse, rate=float(clip.rate), count=clip.count)
    plain: Any = OmegaConf.to_container(config, resolve=True)
    templates = {name: ScheduledConfig.of(plain[name], name, read, trusted=["pipeline"])
                 for name in CHANGING}  # fmt: skip
    heard = partial(hear, limits=limits_of(plain["limits"], {}))
    cuts = cuts or built(config, "cuts")
    return render(
        source, cuts, built(config, "flow"), timeline(templates, clip, heard),
        gradient_fn.model, recording or Kept(), loop=loop or Loop(0), beside=beside(config, source),
        seed=config.seed, device=device,
    )  # fmt: skip


def recorded(
    config: DictConfig, gradient_fn: Gradient, source: Source, output: Path,
    look: Callable[[RenderedFrame], object] = lambda _: None,
) -> tuple[Any, float]:  # fmt: skip
    """The figures of a whole render, recorded as the command line does, and its seconds.

    look: at each frame, while the clock runs.
    """
    began = time.perf_counter()
    saving = Saving(config.segment_frames, config.save_seconds)
    report = Report(source, device)
    with Recording(output, built(config, "encoder"), source.clip, {}, overwrite=True,
                   made_of=Fingerprint(), saving=saving, device=device) as recording:  # fmt: skip
        for dreamt in rendered(source, config, gradient_fn, recording):
            report.add(dreamt)
            look(dreamt)
    wall = time.perf_counter() - began
    return report.figures(), wall

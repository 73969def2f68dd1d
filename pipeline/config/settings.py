"""The general settings, validated: seed, device, precision, tile, limits and others."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeGuard, get_args

import torch

from pipeline.config.device import why_unavailable
from pipeline.config.instantiate import build
from pipeline.config.targets import TARGET
from pipeline.config.units import meant_number
from pipeline.dream_size import DreamSize
from pipeline.errors import UserError, printable
from pipeline.gradient.tile_budget import TileBudget, default_step_bytes
from pipeline.limits import Limits
from pipeline.model.network import cuda_graphs, precision
from pipeline.recording.recording import Saving
from pipeline.runtime.memory_limit import GIB
from pipeline.source.retimed import Sound

LIMITS = "pipeline.limits.Limits"
PING_PONG = "pingpong"
"""Value of `loop` for a result that plays forwards and then backwards."""


@dataclass(frozen=True)
class GeneralSettings:
    """The settings that belong to no stage and do not depend on the input."""

    overwrite: bool
    """Whether an existing output may be replaced."""
    plan: bool
    """Whether to estimate the render instead of rendering."""
    profile: bool
    """Whether to write a timeline of the stages."""
    seed: int
    """Seed of all random numbers."""
    precision: str
    """Floating-point format of the network, one of precision.NAMES."""
    compile: str
    """How the network runs, one of cuda_graphs.NAMES."""
    limits: Limits
    """Upper limits of inputs and results."""
    tile_budget: TileBudget | None
    """Limit on the size of tiles. None: images are not tiled."""
    saving: Saving
    """How often the progress of the render is saved."""
    dream_size: DreamSize
    """Size to dream at."""
    mask_bars: bool
    """Whether black bars and plain borders stay as they are."""
    passes: int
    """1, or 2: frames are dreamt backwards first."""
    rate: Fraction | None
    """Frames per second of the result. None: those of the input."""
    speed: Fraction
    """Seconds of the input per second of the result."""
    sound: str
    """What happens to the sound if the speed is not 1, a Sound."""
    snapshots: frozenset[int]
    """Pictures of the result that are also written as files, counted from 1."""
    trusted: list[str]
    """Packages whose code a `_target_` may name."""

    @staticmethod
    def of(
        settings: Mapping[str, Any], defaults: Mapping[str, Any], device: torch.device
    ) -> GeneralSettings:
        """Return the validated general settings.

        settings: all settings, resolved. defaults: the settings in config.yaml. device: the device
        of the render. Raises UserError.
        """
        return GeneralSettings(
            overwrite=parse_flag("overwrite", settings["overwrite"]),
            plan=parse_flag("plan", settings["plan"]),
            profile=parse_flag("profile", settings["profile"]),
            seed=seed_of(settings["seed"]),
            precision=parse_choice("precision", settings["precision"], precision.NAMES),
            compile=parse_choice("compile", settings["compile"], cuda_graphs.NAMES),
            limits=limits_of(settings["limits"], defaults["limits"]),
            tile_budget=tile_budget_of(settings["tile"], settings["tile_memory"], device),
            saving=saving_of(settings["segment_frames"], settings["save_seconds"]),
            dream_size=DreamSize(dream_width_of(settings["dream_width"])),
            passes=passes_of(settings["passes"]),
            mask_bars=parse_choice("bars", settings["bars"], ("auto", "keep")) == "auto",
            rate=rate_of(settings["rate"]),
            speed=speed_of(settings["speed"]),
            sound=parse_choice("sound", settings["sound"], get_args(Sound)),
            snapshots=snapshots_of(settings["snapshots"]),
            trusted=["pipeline", *parse_packages(settings["trust"])],
        )


@dataclass(frozen=True)
class ExplainSettings:
    """Settings of the sheet and of the film that explain a dream."""

    film: bool
    """Whether to make a film of it after the render."""
    classes: Sequence[str | int]
    """Names or numbers of classes with heat maps; none: the leading ones."""
    control: bool
    """Whether to show the heat maps of the network with shuffled weights too."""

    @staticmethod
    def of(node: object) -> ExplainSettings:
        """Return the validated settings. node: the value of `explain`. Raises UserError."""
        if not isinstance(node, Mapping):
            raise UserError(
                f"explain: must be true or false, got {printable(repr(node))}; set explain=true"
            )
        classes = node["classes"]
        names = [] if classes is None else classes if isinstance(classes, list) else [classes]
        if any(isinstance(name, bool) or not isinstance(name, str | int) for name in names):
            raise UserError(
                "explain.classes: must be null or a list of classes, got "
                f"{printable(repr(classes))}; set 'explain.classes=[tabby,castle]'"
            )
        return ExplainSettings(
            film=parse_flag("explain.film", node["film"]),
            classes=names,
            control=parse_flag("explain.control", node["control"]),
        )


def parse_flag(key: str, value: object) -> bool:
    """Return the value. Raises UserError unless it is true or false."""
    if not isinstance(value, bool):
        raise UserError(f"{key}: must be true or false, got {value!r}; set {key}=true")
    return value


def rate_of(value: object) -> Fraction | None:
    """Return the frames per second. Raises UserError unless it is a positive number, or None."""
    if value is None:
        return None
    try:
        rate = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if isinstance(value, bool) or not 0 < rate < 10**6:
        raise UserError(
            "rate: must be null or frames per second, a number or a fraction such as 30000/1001, "
            f"got {printable(repr(value))}; set {meant_number('rate', str(value)) or 'rate=60'}"
        )
    return rate


def speed_of(value: object) -> Fraction:
    """Return the speed. Raises UserError unless it is a number from 0.05 to 20."""
    if not _is_number(value) or not 0.05 <= value <= 20:
        raise UserError(
            f"speed: must be a number from 0.05 to 20, got {printable(repr(value))}; set speed=0.5"
        )
    return Fraction(str(value))


def snapshots_of(value: object) -> frozenset[int]:
    """Return the numbers of pictures. Raises UserError unless it is a list of them, or None."""
    numbers = [] if value is None else value if isinstance(value, list) else [value]
    if any(type(number) is not int or number < 1 for number in numbers):
        raise UserError(
            "snapshots: must be null or a list of frames, counted from 1, got "
            f"{printable(repr(value))}; set 'snapshots=[1,10,30]'"
        )
    return frozenset(numbers)


def check_snapshots(snapshots: Collection[int], count: int | None) -> None:
    """Raise UserError if a snapshot is after the last frame. count: of frames. None: unknown."""
    if count is not None and snapshots and max(snapshots) > count:
        raise UserError(
            f"snapshots: must be at most the number of frames, {count}, got {max(snapshots)}; "
            f"set 'snapshots=[{count}]'"
        )


def overlap_of(loop: object, seconds: object, rate: Fraction) -> int:
    """Return the number of frames that the end and the start of a seamless loop share.

    loop: whether to make a loop; 0 frames are returned if not, and for PING_PONG. seconds: duration
    of the overlap. rate: frames per second. Raises UserError.
    """
    if loop != PING_PONG and not isinstance(loop, bool):
        raise UserError(
            f"loop: must be true, false or {PING_PONG}, got {printable(repr(loop))}; set loop=true"
        )
    if not _is_number(seconds) or not 0 < seconds <= 60:
        raise UserError(
            f"loop_seconds: must be a number of seconds above 0, at most 60, got {seconds!r}; "
            "set loop_seconds=1.5"
        )
    return max(1, round(Fraction(seconds) * rate)) if loop is True else 0


def schedule_start_of(value: object, rate: Fraction) -> int:
    """Return the number that the first frame has in schedules. Raises UserError.

    value: the time of that frame in seconds. rate: frames per second.
    """
    if not _is_number(value) or not 0 <= value <= 1e6:
        raise UserError(
            f"schedule_start: must be a number of seconds from 0 to 1000000, got {value!r}; "
            "set schedule_start=0"
        )
    return round(Fraction(value) * rate)


def feather_of(value: object) -> float:
    """Return the blur of the mask's edges in pixels. Raises UserError unless it is in [0, 500]."""
    if not _is_number(value) or not 0 <= value <= 500:
        raise UserError(
            f"mask_feather: must be a number of pixels from 0 to 500, got {value!r}; "
            "set mask_feather=8"
        )
    return float(value)


def dream_width_of(value: object) -> int | None:
    """Return the value. Raises UserError unless it is an integer from 16, or None."""
    if value is not None and (type(value) is not int or value < 16):
        raise UserError(
            f"dream_width: must be null or a number of pixels from 16, got {value!r}; "
            "set dream_width=1920"
        )
    return value


def seed_of(value: object) -> int:
    """Return the value. Raises UserError unless it is an integer in [0, 2**63)."""
    if type(value) is not int or not 0 <= value < 2**63:
        raise UserError(
            f"seed: must be a whole number from 0 to {2**63 - 1}, got {value!r}; set seed=0"
        )
    return value


def passes_of(value: object) -> int:
    """Return the number of passes. Raises UserError unless it is 1 or 2."""
    if type(value) is not int or value not in (1, 2):
        raise UserError(
            f"passes: must be 1 or 2, got {printable(repr(value))}; set passes=2 for a calmer "
            "dream in up to twice the time"
        )
    return value


def parse_choice(key: str, name: object, names: Sequence[str]) -> str:
    """Return the name. Raises UserError unless it is one of `names`.

    names: the valid ones, the default first.
    """
    if name not in names:
        raise UserError(
            f"{key}: must be {', '.join(names[:-1])} or {names[-1]}, got {name!r}; "
            f"set {key}={names[0]}"
        )
    return str(name)


def tile_budget_of(tile: object, memory: object, device: torch.device) -> TileBudget | None:
    """Return the limit on the size of tiles. None: images are not tiled.

    tile: side in pixels, "auto" to derive it from `memory`, or None. memory: GiB that a gradient
    step may take, or "auto": half the memory of an NVIDIA GPU, and little on other devices, where
    more makes a step only slightly faster. Raises UserError.
    """
    is_valid = memory == "auto" or (_is_number(memory) and 0 < memory < 2**20)
    if not is_valid:
        raise UserError(
            f"tile_memory: must be auto or a number above 0, in GiB, got {memory!r}; "
            "set tile_memory=auto"
        )
    if tile is None:
        return None
    if tile == "auto":
        return TileBudget(
            side=None, bytes=memory * GIB if _is_number(memory) else default_step_bytes(device)
        )
    if type(tile) is not int or tile < 1:
        raise UserError(
            f"tile: must be auto, null, or a number of pixels, got {tile!r}; set tile=auto"
        )
    return TileBudget(side=tile, bytes=None)


def saving_of(frames: object, seconds: object) -> Saving:
    """Return how often the progress of a render is saved. Raises UserError.

    frames: maximum pictures per segment. seconds: work that an interruption may lose.
    """
    if type(frames) is not int or not 1 <= frames <= 100_000:
        raise UserError(
            f"segment_frames: must be a number of pictures from 1 to 100000, got {frames!r}; "
            "set segment_frames=60"
        )
    if not _is_number(seconds) or not 0 <= seconds < 1e6:
        raise UserError(
            f"save_seconds: must be a number of seconds from 0, below 1000000, got {seconds!r}; "
            "set save_seconds=60"
        )
    return Saving(frames, float(seconds))


def limits_of(node: object, defaults: Mapping[str, object]) -> Limits:
    """Return the upper limits of inputs and results. Raises UserError.

    node: the value of `limits`. defaults: its value in config.yaml.
    """
    if not isinstance(node, Mapping):
        raise UserError(
            f"limits: must be a group of settings, got {node!r}; "
            f"set limits.{next(iter(defaults))}=NUMBER"
        )
    limits: Limits = build(
        {TARGET: LIMITS, **node}, "limits", trusted=["pipeline"], defaults=defaults
    )
    return limits


def parse_packages(value: object) -> list[str]:
    """Return the value. Raises UserError unless it is a list of packages that can be found.

    They are not imported.
    """
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise UserError(f"trust: must be a list of packages, got {value!r}; set 'trust=[NAME]'")
    for name in value:
        if not name.isidentifier():
            raise UserError(
                f"trust: must contain names of packages without dots, got {printable(name)!r}; "
                "set 'trust=[NAME]'"
            )
        if not _is_installed(name):
            raise UserError(
                f"trust: must contain packages that can be imported, got {name!r}; install it, or "
                f"set the environment variable PYTHONPATH to the folder that contains {name}"
            )
    return value


def _is_installed(package: str) -> bool:
    """Return whether a package can be found, without importing it."""
    if package in sys.modules:
        return True
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module without a specification
        return False


def select_device(name: object) -> torch.device:
    """Return the device with this name; "auto" is the fastest one available. Raises UserError."""
    available = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        available.append("mps")
    available.append("cpu")
    if name == "auto":
        return torch.device(available[0])
    if name not in available and not (name == "cuda" and "cuda:0" in available):
        why = why_unavailable(str(name))
        raise UserError(
            f"device: must be {', '.join(['auto', *available[:-1]])} or cpu, got "
            f"{printable(name)!r}{why and f' ({why})'}; set device=auto"
        )
    return torch.device(str(name))


def _is_number(value: object) -> TypeGuard[int | float]:
    """Return whether the value is a number. A bool is one in Python, but not for a user."""
    return isinstance(value, int | float) and not isinstance(value, bool)

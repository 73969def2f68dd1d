"""Checks that the launcher of a sweep can run its jobs.

A launcher that lacks something would wait for a GPU forever, or fail with its own message after all
jobs are composed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from pipeline.errors import UserError, printable

SECONDS = 60
"""Seconds to wait for an answer of Slurm's controller."""
RAY, SLURM = "RayLauncher", "SlurmLauncher"
SEQUENTIAL = "BasicLauncher"
"""Name of the launcher that runs jobs one after another, in its own process."""
PACKAGES = {
    "joblib": ("hydra_joblib_launcher", "local"),
    "ray": ("hydra_ray_launcher", "ray"),
    "submitit_slurm": ("hydra_submitit_launcher", "slurm"),
}
"""Hydra's name of a launcher -> the package that contains it, and the extra that installs it."""


def kind_of(launcher: Mapping[str, Any]) -> str:
    """Return the class name of the launcher with these settings: RAY, SLURM, or another."""
    return str(launcher["_target_"]).rpartition(".")[2]


def check_launcher(launcher: Mapping[str, Any]) -> None:
    """Raise UserError unless the launcher with these settings can run jobs."""
    if kind_of(launcher) == RAY:
        _check_ray(launcher["ray"])
    if kind_of(launcher) == SLURM:
        _check_slurm()


def missing_extra(name: str) -> str | None:
    """Return the error line for a launcher that is not installed.

    None: the launcher is installed, or the name is unknown.
    """
    if name not in PACKAGES:
        return None
    package, extra = PACKAGES[name]
    if importlib.util.find_spec("hydra_plugins") and importlib.util.find_spec(
        f"hydra_plugins.{package}"
    ):
        return None
    return (
        f"hydra/launcher: the extra [{extra}] must be installed, got no {package}; "
        f"run: pip install {package.replace('_', '-')}"
    )


def _check_slurm() -> None:
    """Raise UserError unless jobs can be submitted to Slurm from this machine."""
    if shutil.which("sbatch") is None:
        raise UserError(
            "hydra/launcher: slurm must find Slurm's commands, got no sbatch; run it on a machine "
            "where jobs are submitted, or set hydra/launcher=gpus or hydra/launcher=local"
        )
    try:
        command = ["sinfo", "--noheader", "--format=%P"]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        message = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
        raise UserError(
            "hydra/launcher: slurm must reach Slurm's controller, got: "
            f"{printable(message)[:200]}; check that slurmctld is running"
        ) from error


def _check_ray(settings: Mapping[str, Any]) -> None:
    """Raise UserError unless Ray with these settings has as many GPUs as a job needs.

    Ray is started, or the cluster joined, in the same way as the launcher would do it.
    """
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_SCHEDULER_EVENTS", "0")  # it prints coloured tips
    gpus = settings["remote"].get("num_gpus") or 0
    init = {key: value for key, value in settings["init"].items() if value is not None}
    try:
        ray.init(**init)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"hydra.launcher.ray.init: must start or join Ray, got: {printable(reason)[:200]}; "
            "correct these settings"
        ) from error
    available = ray.cluster_resources().get("GPU", 0)  # type: ignore[no-untyped-call]
    if available < gpus:
        raise UserError(
            f"hydra/launcher: gpus must find {gpus:g} GPU{'s' * (gpus > 1)} per job, got "
            f"{available:g} in total; set hydra/launcher=local, or, for a Ray cluster with GPUs, "
            "hydra.launcher.ray.init.address=ADDRESS"
        )

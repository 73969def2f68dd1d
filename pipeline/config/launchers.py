"""The engines that run a sweep's jobs, each an existing one: whether it has what it needs.

They would wait for a GPU for ever, or say so in words of their own when all is composed.
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
"""Within which Slurm's controller answers, or does not."""
RAY, SLURM = "RayLauncher", "SlurmLauncher"
PACKAGES = {
    "joblib": ("hydra_joblib_launcher", "local"),
    "ray": ("hydra_ray_launcher", "ray"),
    "submitit_slurm": ("hydra_submitit_launcher", "slurm"),
}
"""Hydra's name of the engine -> the package that brings it, and the extra that brings that."""


def kind_of(launcher: Mapping[str, Any]) -> str:
    """Return which engine these settings of Hydra's launcher are of: RAY, SLURM, or another."""
    return str(launcher["_target_"]).rpartition(".")[2]


def check_engine(launcher: Mapping[str, Any]) -> None:
    """Check that jobs that are handed to the launcher of these settings will be run.

    Raises UserError.
    """
    if kind_of(launcher) == RAY:
        _check_ray(launcher["ray"])
    if kind_of(launcher) == SLURM:
        _check_slurm()


def missing_extra(name: str) -> str | None:
    """Return the line for an engine of that name that is not installed; None = it is, or is
    unknown.
    """
    if name not in PACKAGES:
        return None
    package, extra = PACKAGES[name]
    if importlib.util.find_spec("hydra_plugins") and importlib.util.find_spec(
        f"hydra_plugins.{package}"
    ):
        return None
    return (
        f"hydra/launcher: needs what the extra [{extra}] brings, got no {package}; "
        f"pip install 'dreamreel[{extra}]'"
    )


def _check_slurm() -> None:
    """Check that jobs can be handed to Slurm from here. Raises UserError."""
    if shutil.which("sbatch") is None:
        raise UserError(
            "hydra/launcher: must find Slurm's commands for slurm, got no sbatch; run it where "
            "jobs are submitted, or set hydra/launcher=gpus or local"
        )
    try:
        asked = ["sinfo", "--noheader", "--format=%P"]
        subprocess.run(asked, check=True, capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1]
        raise UserError(
            "hydra/launcher: must reach Slurm's controller for slurm, got: "
            f"{printable(said)[:200]}; "
            "look whether it runs"
        ) from error


def _check_ray(settings: Mapping[str, Any]) -> None:
    """Check that the Ray that these settings describe has as many GPUs as a job wants.

    It is started for that, or joined, as its launcher would have done. Raises UserError.
    """
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_SCHEDULER_EVENTS", "0")  # tips, in colour
    wanted = settings["remote"].get("num_gpus") or 0
    init = {key: value for key, value in settings["init"].items() if value is not None}
    try:
        ray.init(**init)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"hydra/launcher.ray.init: must lead to a Ray that runs, got: {reason[:200]}; fix it"
        ) from error
    there = ray.cluster_resources().get("GPU", 0)  # type: ignore[no-untyped-call]
    if there < wanted:
        raise UserError(
            f"hydra/launcher: must find {wanted:g} GPU{'s' * (wanted > 1)} a job for gpus, got "
            f"{there:g} in all; set hydra/launcher=local, or name the address of a cluster: "
            "hydra.launcher.ray.init.address=auto"
        )

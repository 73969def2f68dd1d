"""Facts on which the figures of a run depend: machine, versions, commit and date."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import torch

from pipeline.recording.fingerprint import device_name, processor, version_of
from pipeline.runtime.threads import usable_cores

ROOT = Path(__file__).parents[2]


def run_facts(device: torch.device) -> dict[str, object]:
    """Return the facts of a run on this device, without names of the machine or of folders."""
    return {
        "cpu": processor(),
        "cores": usable_cores(),
        "device": device_name(device),
        "torch": str(torch.__version__),
        "dreamreel": version_of("dreamreel"),
        "commit": commit(ROOT),
        "date": datetime.now(UTC).date().isoformat(),
    }


def commit(root: Path) -> str | None:
    """Return the short hash of a checkout's commit, with "+" if a tracked file is changed.

    None: the folder is not the root of a checkout, or git is missing or refuses to read it.
    """
    if not (root / ".git").exists():  # else git would describe a checkout around the folder
        return None
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return ran.stdout.strip() or None

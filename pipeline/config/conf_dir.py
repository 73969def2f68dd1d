"""Where the packaged yaml files are."""

from __future__ import annotations

from pathlib import Path


def config_dir() -> Path:
    """Return the folder of the yaml files: in the package in a wheel, next to it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"

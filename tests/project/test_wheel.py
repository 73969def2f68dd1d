"""The wheel, as someone installs it who never saw this checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from helpers.clips import counted
from helpers.command_line import Ran, ended, files, spawn

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NEEDED = ("pipeline", "conf", "pyproject.toml", "README.md", "LICENSE")
QUICK = ("dreamer.iterations=2", "dreamer.octaves=1", "frames=2")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing of the build is left in the checkout."""
    folder = tmp_path_factory.mktemp("build")
    for name in NEEDED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."]
    subprocess.run(build, cwd=folder, check=True, capture_output=True)
    (made,) = folder.glob("dist/*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the wheel is installed; what it needs lies elsewhere."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*pip, "--target", str(folder), str(wheel)], check=True, capture_output=True)
    return folder


def run(installed: Path, *arguments: str, cwd: Path) -> Ran:
    """The installed command line in this folder; that of the checkout is out of reach."""
    return ended(spawn("-m", "pipeline", *arguments, cwd=cwd, PYTHONPATH=str(installed)))


def test_the_wheel_holds_the_package_its_settings_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [path for path in (ROOT / "pipeline").rglob("*.*") if path.suffix != ".pyc"]
    code = {str(path.relative_to(ROOT)) for path in files}
    assert "pipeline/gallery/browser/page.html.jinja" in code
    conf = {f"pipeline/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert code | conf <= names
    assert {Path(name).parts[0].split("-")[0] for name in names} == {"pipeline", "dreamreel"}


def test_what_the_wheel_brings_renders_a_video(installed: Path, tmp_path: Path) -> None:
    counted(tmp_path / "clip.mp4", frames=3)
    ran = run(installed, "input=clip.mp4", *QUICK, cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert files(tmp_path) >= {"clip.mp4", "clip.dream.mp4", "clip.dream.mp4.render"}
    assert run(installed, "camera=zoom", "--help", cwd=tmp_path).out.startswith("camera=zoom: ")


def test_the_installed_command_names_a_namesake_in_the_current_folder(
    installed: Path, tmp_path: Path
) -> None:
    counted(tmp_path / "clip.mp4", frames=2)
    (tmp_path / "pipeline.py").write_text("raise SystemExit('the wrong one')\n")
    command = str(installed / "bin" / "dreamreel")
    ran = ended(
        spawn(command, "input=clip.mp4", "dreamer=none", cwd=tmp_path, PYTHONPATH=str(installed))
    )
    assert ran.code == 0, ran.err
    assert ran.err.startswith(
        f"warning: {tmp_path / 'pipeline.py'} has the name of dreamreel's package"
    )

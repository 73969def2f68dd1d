"""Who may import whom: the rules of the house, held against every import of the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pipeline"
PACKAGES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
}

HEAVY = {
    # module -> the only files of pipeline/ that may import it
    **dict.fromkeys(
        ("hydra", "omegaconf"),
        (
            "pipeline.__main__",
            "pipeline.config.hydra_config",
            "pipeline.cli.multirun",
            "pipeline.config.untrusted",
            "pipeline.cli.task",
        ),
    ),
    "ray": ("pipeline.config.launchers",),
    "cv2": (
        "pipeline.flow",
        "pipeline.cuts",
        "pipeline.source",
        "pipeline.encoder.images",
        "pipeline.imaging.sampling",
    ),
    "scenedetect": ("pipeline.cuts",),
    "imageio_ffmpeg": ("pipeline.ffmpeg.process",),
    "pipeline.ffmpeg.process": (
        "pipeline.source",
        "pipeline.encoder",
        "pipeline.recording.fingerprint",
        "pipeline.gallery",
        "pipeline.ffmpeg.input_file",
        "pipeline.ffmpeg.audio_features",
    ),
    "simpleeval": ("pipeline.schedule",),
    "jinja2": ("pipeline.gallery",),
    "markupsafe": ("pipeline.gallery",),
    "PIL": ("pipeline.gallery", "pipeline.cli.from_result", "pipeline.source"),
    "timm": ("pipeline.model.timm",),
    "safetensors": ("pipeline.runtime.weights", "pipeline.recording.checkpoint"),
}
ROOMS = ("gallery",)
"""Packages that are no choice of several: their contract is all that they do."""
RENDER = {
    # what the loop may know: contracts, the data, and the closed parts
    *(f"pipeline.{name}" for name in ("camera", "cuts", "dreamer", "flow", "governor", "model")),
    *(
        f"pipeline.{name}"
        for name in ("frame", "gradient", "loop", "moment", "objective", "prefetch", "recorder")
    ),
    *(f"pipeline.{name}" for name in ("beside", "mask", "retry", "room", "source", "warp")),
}


def imported(path: Path) -> Iterator[str]:
    """The full names of all modules that the file imports, wherever in it, ours resolved.

    `from a import b` is a.b where that is a module of ours, else a.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


def within(name: str, homes: tuple[str, ...]) -> bool:
    """Whether the module is one of these, or lies in one of them."""
    return any(name == home or name.startswith(f"{home}.") for home in homes)


@pytest.mark.parametrize("module", MODULES)
def test_heavy_modules_are_imported_only_where_they_belong(module: str) -> None:
    for name in imported(MODULES[module]):
        for heavy, homes in HEAVY.items():
            if within(name, (heavy,)):
                assert within(module, homes), f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_no_member_of_a_package_imports_another_packages_member(module: str) -> None:
    home = ".".join(module.split(".")[:2])
    for name in imported(MODULES[module]):
        parts = name.split(".")
        if parts[0] == "pipeline" and len(parts) > 2:
            other = ".".join(parts[:2])
            assert other == home, f"{module} imports {name}, and not the contract {other}"


@pytest.mark.parametrize("package", [name for name in PACKAGES if name not in ROOMS])
def test_a_package_imports_none_of_its_members(package: str) -> None:
    contract = f"pipeline.{package}"
    for name in imported(MODULES[contract]):
        assert not name.startswith(f"{contract}."), f"{contract} imports {name}"


@pytest.mark.parametrize("package", ["camera", "dreamer"])
def test_cameras_and_dreamers_know_nothing_of_the_rest(package: str) -> None:
    known = ("frame", "schedule", "errors", "photographs", "convolution")
    allowed = (f"pipeline.{package}", *(f"pipeline.{name}" for name in known))
    for module, path in MODULES.items():
        if within(module, (f"pipeline.{package}",)):
            ours = [name for name in imported(path) if name.startswith("pipeline")]
            assert not [name for name in ours if not within(name, allowed)], module


def test_the_loop_imports_contracts_and_never_an_implementation() -> None:
    ours = {name for name in imported(PACKAGE / "render.py") if name.startswith("pipeline")}
    assert ours <= RENDER


def test_prefetch_and_the_package_itself_import_nothing_of_ours() -> None:
    assert not [n for n in imported(PACKAGE / "prefetch.py") if n.startswith("pipeline")]
    assert not list(imported(PACKAGE / "__init__.py"))


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import pipeline", ("torch", "numpy", "hydra", "pydantic")),
        ("import pipeline.__main__", ("torch", "numpy", "cv2", "pydantic")),
        ("import pipeline.gallery.command", ("torch", "numpy", "cv2", "hydra", "pydantic")),
        ("import pipeline.render", ("hydra", "torchvision", "imageio_ffmpeg")),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(
    statement: str, absent: tuple[str, ...]
) -> None:
    code = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(absent) & set(run.stdout.split())

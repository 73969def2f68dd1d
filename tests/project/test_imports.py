"""Who may import whom: one table, checked for every import of the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pipeline"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

LAYERS = (
    # foundation: knows no stage
    ("errors",),
    ("storage", "schedule", "imaging"),
    ("frame", "runtime"),
    ("limits", "bars", "transitions"),
    ("ffmpeg",),
    ("image_io",),
    # stages: a contract each, and one file per choice
    (
        *("source", "cuts", "flow", "anchors", "camera", "governor", "dreamer", "objective"),
        *("model", "encoder", "warp", "canvas", "state", "stages"),
    ),
    # core: used by the loop, knows contracts of stages only
    ("gradient", "auxiliary", "frame_range", "dream_size"),
    ("recording",),
    ("seamless_loop", "lookahead"),
    ("render",),
    # application: knows everything above
    ("report", "sweep"),
    ("jobs",),
    ("config",),
    ("explain", "gallery"),
    ("cli",),
    ("__main__",),
)
"""Packages and modules of pipeline/; each may import those of the rows above its own. Stages may
import the contracts of other stages too."""
STAGES, CORE = LAYERS[6], LAYERS[7]
CONTRACTS = ("source", "cuts", "flow", "anchors", "camera", "governor", "dreamer", "objective",
             "model", "encoder")  # fmt: skip
"""Stages whose contract stands in their package's __init__.py; their other modules are choices."""

HEAVY = {
    # library -> the only parts of pipeline/ that may import it
    **dict.fromkeys(
        ("hydra", "omegaconf"),
        (
            "pipeline.cli.app",
            "pipeline.cli.multirun",
            "pipeline.cli.task",
            "pipeline.config.compose",
            "pipeline.config.hydra_config",
            "pipeline.config.untrusted",
        ),
    ),
    "ray": ("pipeline.config.launchers",),
    "cv2": (
        "pipeline.flow",
        "pipeline.anchors",
        "pipeline.cuts",
        "pipeline.source",
        "pipeline.encoder.images",
        "pipeline.image_io",
        "pipeline.imaging",
        "pipeline.cli.atlas",
        "pipeline.explain",
    ),
    "scenedetect": ("pipeline.cuts",),
    "imageio_ffmpeg": ("pipeline.ffmpeg.process",),
    "simpleeval": ("pipeline.schedule.expression",),
    "jinja2": ("pipeline.report.page_template", "pipeline.gallery"),
    "markupsafe": ("pipeline.explain", "pipeline.gallery"),
    "captum": ("pipeline.explain.attribution",),
    "PIL": ("pipeline.gallery", "pipeline.config.result_settings", "pipeline.image_io"),
    "timm": ("pipeline.model.timm",),
    "safetensors": ("pipeline.runtime.weights_file", "pipeline.recording.checkpoint"),
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


def part_of(module: str) -> str:
    """The package or module of pipeline/ that it belongs to; empty = pipeline itself."""
    return module.partition(".")[2].partition(".")[0]


def test_every_part_stands_in_one_row_of_the_table() -> None:
    parts = sorted(part for row in LAYERS for part in row)
    assert parts == sorted({part_of(module) for module in MODULES} - {""})


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_up_the_table_only(module: str) -> None:
    rows = {part: number for number, row in enumerate(LAYERS) for part in row}
    here = part_of(module)
    for name in imported(MODULES[module]):
        there = part_of(name)
        if not name.startswith("pipeline.") or there == here:
            continue
        if not here:
            continue  # pipeline itself imports when it is called
        if here in STAGES and there in STAGES:
            assert there not in CONTRACTS or name == f"pipeline.{there}", (
                f"{module} imports {name}, which is a choice"
            )
        else:
            assert rows[there] < rows[here], f"{module} imports {name}, which stands below it"


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) in CORE])
def test_the_core_knows_contracts_of_stages_and_no_choice(module: str) -> None:
    for name in imported(MODULES[module]):
        if part_of(name) in CONTRACTS:
            assert name == f"pipeline.{part_of(name)}", f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_heavy_modules_are_imported_only_where_they_belong(module: str) -> None:
    for name in imported(MODULES[module]):
        for heavy, homes in HEAVY.items():
            if within(name, (heavy,)):
                assert within(module, homes), f"{module} imports {name}"


@pytest.mark.parametrize("package", CONTRACTS)
def test_a_contract_imports_none_of_its_choices(package: str) -> None:
    contract = f"pipeline.{package}"
    for name in imported(MODULES[contract]):
        assert not name.startswith(f"{contract}."), f"{contract} imports {name}"


@pytest.mark.parametrize("package", ["camera", "dreamer"])
def test_cameras_and_dreamers_know_nothing_of_the_rest(package: str) -> None:
    known = (
        *("canvas", "frame", "schedule", "errors"),
        *("imaging.natural_images", "imaging.convolution", "imaging.resizing"),
    )
    allowed = (f"pipeline.{package}", *(f"pipeline.{name}" for name in known))
    for module, path in MODULES.items():
        if within(module, (f"pipeline.{package}",)):
            ours = [name for name in imported(path) if name.startswith("pipeline")]
            assert not [name for name in ours if not within(name, allowed)], module


def test_prefetch_and_the_package_itself_import_nothing_of_ours() -> None:
    assert not [n for n in imported(PACKAGE / "runtime/prefetch.py") if n.startswith("pipeline")]
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in at_once] == [
        "from __future__ import annotations",
        "from typing import TYPE_CHECKING",
    ]


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import pipeline", ("torch", "numpy", "hydra", "pydantic")),
        ("import pipeline.__main__", ("torch", "numpy", "cv2", "pydantic")),
        ("from pipeline.cli.help import help_of; help_of(['all'])", ("torch", "numpy", "hydra")),
        ("import pipeline.cli.gallery", ("torch", "numpy", "cv2", "hydra", "pydantic")),
        ("import pipeline.render", ("hydra", "torchvision", "imageio_ffmpeg")),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(
    statement: str, absent: tuple[str, ...]
) -> None:
    code = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(absent) & set(run.stdout.split())

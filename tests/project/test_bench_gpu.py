"""scripts/benchmarks/gpu.py: what can be measured without a GPU is measured here on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from benchmarks import gpu, harness
from benchmarks.tables.gpu import STAGES

from pipeline.errors import UserError


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of twelve frames that move."""
    words = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=25", "-frames:v", "12"]
    return harness.write_clip([*words, "-c:v", "ffv1"], tmp_path_factory.mktemp("gpu") / "clip.mkv")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WARM", 2), ("TIMED", 4), ("TRACED", 2), ("KILLED", (96, 64, 12))):
        monkeypatch.setattr(gpu, name, value)


def test_it_wants_a_gpu(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--device: must be cuda for gpu, got cpu; add --device"):
        gpu.run(tmp_path, clip)


def test_a_render_is_timed_by_stage_and_compared_with_its_steps(clip: Path, tmp_path: Path) -> None:
    measured = gpu.timed_render(clip, tmp_path / "gpu.mp4", ["quality=draft"])
    assert {*STAGES} < {*measured}
    assert 0 < sum(measured[stage] for stage in STAGES) <= 1.05 * measured["seconds"]
    assert measured["over_steps"] > 0.5
    assert measured["steps"] > 1
    assert measured["bytes"] > 1e7
    assert measured["busy"] != measured["busy"]  # NaN: nothing to trace


@pytest.mark.slow
def test_a_killed_render_is_resumed_to_the_same_bytes(clip: Path, tmp_path: Path) -> None:
    assert gpu.killed_and_resumed(clip, tmp_path)


def test_spans_that_overlap_count_once() -> None:
    assert gpu.covered([(0, 2), (1, 3), (1, 1.5), (5, 6)]) == 4
    assert gpu.covered([]) == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_render_with_too_little_memory_ends_in_tiles(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "device", torch.device("cuda"))
    assert gpu.short_of_memory(clip, tmp_path)

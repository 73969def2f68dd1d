"""General settings: a device that is not there says why, a trusted package must be found."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.config import device
from pipeline.config.settings import parse_packages, passes_of, select_device
from pipeline.errors import UserError


def refusal(name: str) -> str:
    with pytest.raises(UserError) as caught:
        select_device(name)
    return str(caught.value)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine with PyTorch for CUDA, but without GPU and driver."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(device, "DRIVER", tmp_path / "version")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return monkeypatch


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "gpu"])
def test_a_missing_gpu_says_why(no_gpu: pytest.MonkeyPatch, name: str) -> None:
    assert refusal(name) == (
        f"device: must be auto or cpu, got {name!r} (no NVIDIA driver found); set device=auto"
    )
    device.DRIVER.touch()
    assert "(PyTorch finds no NVIDIA GPU)" in refusal(name)
    no_gpu.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "(PyTorch finds no NVIDIA GPU with CUDA_VISIBLE_DEVICES='')" in refusal(name)
    no_gpu.setattr(torch.version, "cuda", None)
    no_gpu.setattr(torch.version, "hip", None)
    assert "(this PyTorch is built for the CPU only)" in refusal(name)


def test_a_gpu_with_another_number_says_which_there_are(no_gpu: pytest.MonkeyPatch) -> None:
    no_gpu.setattr(torch.cuda, "device_count", lambda: 2)
    line = "device: must be auto, cuda:0, cuda:1 or cpu, got 'cuda:2'; set device=auto"
    assert refusal("cuda:2") == line
    assert select_device("cuda") == torch.device("cuda")


def test_a_device_of_macs_says_so(no_gpu: pytest.MonkeyPatch) -> None:
    no_gpu.setattr(torch.backends.mps, "is_built", lambda: False)
    assert "(this PyTorch is built without MPS, which only Macs have)" in refusal("mps")
    assert "()" not in refusal("tpu")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (["nowhere_at_all"], "got 'nowhere_at_all'; install it, or set"),
        (["os.path"], "names of packages without dots, got 'os.path'"),
        ([""], "names of packages without dots, got ''"),
        ([5], "must be a list of packages, got [5]"),
        ("os", "must be a list of packages, got 'os'"),
    ],
)
def test_a_package_that_cannot_be_imported_is_not_trusted(value: object, line: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_packages(value)
    assert str(caught.value).startswith("trust: must ")
    assert line in str(caught.value)


def test_a_package_is_found_on_the_python_path_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stranger.py").write_text("raise SystemExit\n")
    with pytest.raises(UserError, match="PYTHONPATH to the folder that contains stranger"):
        parse_packages(["stranger"])
    monkeypatch.syspath_prepend(tmp_path)
    assert parse_packages(["stranger", "os"]) == ["stranger", "os"]


def test_there_are_one_or_two_passes() -> None:
    assert [passes_of(value) for value in (1, 2)] == [1, 2]
    for value in (0, 3, -1, 1.5, 2.0, True, "2", None, [2]):
        with pytest.raises(UserError, match=r"^passes: must be 1 or 2, got .*; set passes=2 "):
            passes_of(value)

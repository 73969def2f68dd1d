"""Fixtures that several test files share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torch.utils.deterministic
from helpers import sweeps
from helpers.command_line import files
from helpers.stages import toy_network

from pipeline.frame import Picture
from pipeline.gradient import Gradient
from pipeline.model.network.module import Network
from pipeline.objective.norm import Norm


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the folder with the longest files first, so that no process is left with one of them."""
    items.sort(key=lambda item: "resilience" not in item.path.parts)


@pytest.fixture
def any_bits() -> Iterator[None]:
    """Nothing is said about determinism, before and afterwards."""
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True


@pytest.fixture(scope="session", autouse=True)
def two_threads() -> Iterator[None]:
    """As many as the smallest machine has cores: more would only wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def no_own_presets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the presets and defaults of the user who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture
def network() -> Network:
    """The toy network."""
    return toy_network()


@pytest.fixture
def gradient(network: Network) -> Gradient:
    """The gradient of the toy network's second stage."""
    return Gradient(network, Norm(layers=("second",), weights=None))


@pytest.fixture
def unchanged(folder: Path) -> Iterator[Path]:
    """The folder of the test's own file; afterwards the same files must lie in it."""
    before = files(folder)
    yield folder
    assert files(folder) == before


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty folder in which torchvision looks for weights, on a machine without a network."""

    def refuse(*_: object, **__: object) -> None:
        raise URLError("the network is unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of nothing but red."""
    return sweeps.clip(tmp_path_factory.mktemp("clip") / "red.mp4")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """The folder of a sweep of two jobs that were not begun."""
    sweeps.plan(tmp_path / "sweep", *sweeps.LOOKS)
    return tmp_path / "sweep"


@pytest.fixture
def corners() -> Picture:
    """64x96, each corner of another colour."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48], picture[:32, 48:] = (255, 0, 0), (0, 255, 0)
    picture[32:, :48] = (0, 0, 255)
    return picture

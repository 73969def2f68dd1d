"""A state comes back from the disk bit for bit, or with a word why not."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.scenes import texture

from pipeline.anchors import Snapshot
from pipeline.errors import UserError
from pipeline.imaging.layer_level import LayerLevel
from pipeline.recording.checkpoint import Checkpoint, digest, read_checkpoint, write_checkpoint
from pipeline.state import LoopBuffer, State
from pipeline.transitions import Reference

CPU = torch.device("cpu")


def full() -> State:
    """A state in which nothing is empty; some of it lies in memory in another order."""
    noise = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=noise)

    pictures = tuple(texture(16, 32, seed) for seed in range(4))
    return State(
        7,
        pictures[0][:, ::-1],
        random(1, 3, 32, 16).transpose(2, 3),
        random(1, 1, 16, 32),
        {"mean": random(3), "step": torch.tensor(4), "a.b": random(2, 2).to(torch.complex64)},
        LoopBuffer(pictures[:2], (random(1, 3, 16, 32).half(),) * 2, pictures[1:]),
        0.1 * 2**30,
        LayerLevel(random(1, 3, 1, 2), random(3)),
        5,
        Reference(random(1, 1, 4, 8), 0.7, 0.2, fading_in=True, leaving=True, growth=1 / 3),
        tuple(Snapshot(age, pictures[age], random(1, 4, 16, 32).half()) for age in (-1, 0, 3)),
        0.2 * 2**30,
    )


def test_a_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    state, path = full(), tmp_path / "state-00000007"
    write_checkpoint(path, Checkpoint(state, "told", 41))
    back = read_checkpoint(path, CPU)
    assert (back.digest, back.pictures, back.state.index) == ("told", 41, 7)
    assert back.state.step_bytes == state.step_bytes
    assert back.state.ahead_step_bytes == state.ahead_step_bytes
    for one, other in ((back.state.dream, state.dream), (back.state.maturity, state.maturity)):
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)
        assert one.dtype == other.dtype
    assert back.state.memory.keys() == state.memory.keys()
    assert all(torch.equal(back.state.memory[name], one) for name, one in state.memory.items())
    for name in ("start", "dreams", "held"):
        there = getattr(back.state.ends, name)
        assert np.array_equal(there, getattr(state.ends, name))
        assert isinstance(there, tuple)
    assert np.array_equal(back.state.picture, state.picture)  # type: ignore[arg-type]
    assert digest(back.state) == digest(state)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_first_state_is_empty_and_stays_so(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "state", Checkpoint(State(), "", 0))
    assert read_checkpoint(tmp_path / "state", CPU).state == State()


def test_all_that_a_state_holds_is_saved(tmp_path: Path) -> None:
    """Whoever adds to the state must save it too, or a render goes on without it."""
    state, path = full(), tmp_path / "state"
    for one in fields(State):
        empty = replace(state, **{one.name: getattr(State(), one.name)})
        assert digest(empty) != digest(state), one.name
        write_checkpoint(path, Checkpoint(state, "", 0))
        assert digest(read_checkpoint(path, CPU).state) == digest(state)


def test_a_digest_tells_one_bit() -> None:
    state = full()
    assert state.dream is not None
    off = state.dream.clone()
    off[0, 1, 3, 5] = torch.nextafter(off[0, 1, 3, 5], torch.tensor(2.0))
    assert digest(replace(state, dream=off)) != digest(state)
    assert digest(replace(state, dream=state.dream.contiguous())) == digest(state)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_damaged_state_is_one_line(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "state"
    write_checkpoint(path, Checkpoint(full(), "", 0))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        UserError, match=r"state: must be an undamaged checkpoint, got: .*; set over"
    ):
        read_checkpoint(path, CPU)

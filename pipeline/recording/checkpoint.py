"""The state of a render as a file, from which the render is resumed bit for bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pipeline.anchors import Snapshot
from pipeline.errors import UserError, printable
from pipeline.frame import Picture
from pipeline.imaging.layer_level import LayerLevel
from pipeline.state import LoopBuffer, State
from pipeline.storage.atomic import atomic_write
from pipeline.transitions import Reference


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file."""

    state: State
    """State before the newest frame."""
    digest: str
    """Digest of the state after that frame, for verification when the frame is rendered again."""
    pictures: int
    """Number of pictures before those of that frame, counted from the start of the video."""


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file atomically and flush it to the disk. Raises OSError."""
    tensors, numbers = _flatten(checkpoint.state)
    facts = {**numbers, "digest": checkpoint.digest, "pictures": checkpoint.pictures}
    # safetensors refuses tensors that share memory, as those of a state may
    copies = {name: tensor.clone() for name, tensor in tensors.items()}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(copies, {"dreamreel": json.dumps(facts)}))


def read_checkpoint(path: Path, device: torch.device) -> Checkpoint:
    """Read a checkpoint file, with the tensors of the dream on the device.

    Raises UserError if the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["dreamreel"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{printable(path)}: must be an undamaged checkpoint, got: {printable(error)}; "
            "set overwrite=true to start over"
        ) from error
    return Checkpoint(_state(tensors, facts, device), facts["digest"], facts["pictures"])


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoint files in a work folder: `state-N` holds the state before frame N."""

    folder: Path
    """The work folder."""

    def all(self) -> list[Path]:
        """Return the files, the newest last."""
        return sorted(self.folder.glob("state-*"))

    def write(self, checkpoint: Checkpoint, older: Iterable[Path]) -> None:
        """Write a checkpoint, and then remove the older ones. Raises OSError.

        older: files of other checkpoints, and perhaps of this one from before.
        """
        newest = self.folder / f"state-{checkpoint.state.index:08d}"
        write_checkpoint(newest, checkpoint)
        self.remove_older(older, newest)

    def remove_older(self, older: Iterable[Path], newest: Path) -> None:
        """Remove these files, except the newest. Raises OSError."""
        for path in older:
            if path != newest:
                path.unlink()


def digest(state: State) -> str:
    """Return the SHA-256 of the state in hex; states that differ in any bit have different ones."""
    tensors, numbers = _flatten(state)
    hasher = hashlib.sha256(json.dumps(numbers).encode())
    for name, tensor in sorted(tensors.items()):
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        hasher.update(tensor.numpy().data)
    return hasher.hexdigest()


def _flatten(state: State) -> tuple[dict[str, Tensor], dict[str, float | None]]:
    """Return the tensors of the state, on the CPU, and its numbers, both by name."""
    optional = {"dream": state.dream, "maturity": state.maturity}
    if state.level is not None:
        optional |= {"level.places": state.level.places, "level.shot": state.level.shot}
    numbers: dict[str, float | None] = {
        "index": state.index,
        "step_bytes": state.step_bytes,
        "ahead_step_bytes": state.ahead_step_bytes,
        "age": state.age,
    }
    if state.reference is not None:
        facts = vars(state.reference)
        optional["reference.cells"] = state.reference.cells
        numbers |= {f"reference.{name}": facts[name] for name in facts if name != "cells"}
    tensors = {name: tensor for name, tensor in optional.items() if tensor is not None}
    tensors |= {f"memory.{name}": tensor for name, tensor in state.memory.items()}
    tensors |= {f"snapshots.{one.age}": one.layer for one in state.snapshots}
    tensors |= {f"ends.dreams.{i}": dream for i, dream in enumerate(state.ends.dreams)}
    pictures: dict[str, Picture] = {} if state.picture is None else {"picture": state.picture}
    for name in ("start", "held"):
        pictures |= {f"ends.{name}.{i}": one for i, one in enumerate(getattr(state.ends, name))}
    pictures |= {f"anchors.{one.age}": one.picture for one in state.snapshots}
    tensors |= {name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in pictures.items()}
    return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, numbers


def _state(
    tensors: Mapping[str, Tensor], numbers: Mapping[str, Any], device: torch.device
) -> State:
    """Return the state with these tensors and numbers."""

    def on_device(name: str) -> Tensor | None:
        return tensors[name].to(device) if name in tensors else None

    def tensor_list(name: str) -> Sequence[Tensor]:
        count = sum(key.startswith(f"ends.{name}.") for key in tensors)
        return [tensors[f"ends.{name}.{i}"] for i in range(count)]

    start, held = (tuple(one.numpy() for one in tensor_list(name)) for name in ("start", "held"))
    memory = {
        name.removeprefix("memory."): tensor.to(device)
        for name, tensor in tensors.items()
        if name.startswith("memory.")
    }
    picture = tensors["picture"].numpy() if "picture" in tensors else None
    ends = LoopBuffer(start, tuple(tensor_list("dreams")), held)
    cells = on_device("reference.cells")
    facts = {
        name.removeprefix("reference."): number
        for name, number in numbers.items()
        if name.startswith("reference.")
    }
    reference = None if cells is None else Reference(cells, **facts)
    ages = sorted(int(n.removeprefix("snapshots.")) for n in tensors if n.startswith("snapshots."))
    snapshots = tuple(
        Snapshot(age, tensors[f"anchors.{age}"].numpy(), tensors[f"snapshots.{age}"].to(device))
        for age in ages
    )
    places, shot = on_device("level.places"), on_device("level.shot")
    level = None if places is None or shot is None else LayerLevel(places, shot)
    return State(
        numbers["index"],
        picture,
        on_device("dream"),
        on_device("maturity"),
        memory,
        ends,
        numbers["step_bytes"],
        level,
        numbers["age"],
        reference,
        snapshots,
        numbers["ahead_step_bytes"],
    )

"""Weights of networks: published ones, which are downloaded once and cached, and the user's own."""

from __future__ import annotations

import hashlib
import logging
import pickle
import re
import urllib.error
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from pipeline.errors import UserError, printable
from pipeline.runtime.weights_file import read_content, read_tensors

log = logging.getLogger(__name__)

BATCH_COUNTER = "num_batches_tracked"
"""Batch norm's counter of training steps, which older files lack and inference does not need."""


WRAPPING = ("attacker.", "normalizer.", "model.attacker.", "model.normalizer.")
"""Prefixes of the tensors that adversarial training adds to a network (Engstrom et al. 2019,
"Robustness")."""


def with_weights(
    build: Callable[..., nn.Module], weights: WeightsEnum, *, key: str, without: str
) -> tuple[nn.Module, str]:
    """Return the network with published weights, and the SHA-256 of its weights file in hex.

    build: takes `weights` and returns the network, as torchvision's builders, which check the hash
    of downloads. key: setting that requires the network. without: setting that needs no weights,
    suggested in errors. Raises UserError, with the path to put the file at, if the weights are
    neither cached nor downloadable.
    """
    path = _cached_path(weights)
    try:
        network = build(weights=weights, progress=False)
    except (
        urllib.error.URLError,
        OSError,
        RuntimeError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{key}: must have weights that are in the cache or can be downloaded, got {reason!r}; "
            f"download {weights.url} to {path}, or set {without}, which needs no download"
        ) from error
    return network, hashlib.sha256(path.read_bytes()).hexdigest()


def is_cached(weights: WeightsEnum) -> bool:
    """Return whether published weights need not be downloaded."""
    return _cached_path(weights).exists()


def _cached_path(weights: WeightsEnum) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name


def with_own_weights(
    build: Callable[[int], nn.Module], path: Path, *, name: str, key: str, aside: Sequence[str] = ()
) -> tuple[nn.Module, str, int]:
    """Return the network with weights from a file, the file's SHA-256 in hex, and its class count.

    build: number of classes -> network called `name`. The class count is that of the file's head; 0
    if it has no head, whose weights are then set to 0. key: setting with the path. aside: prefixes
    of tensor names in the file that are ignored. Raises UserError for a file that cannot be read,
    contains more than tensors, or belongs to another network.
    """
    tensors, sha256 = read_tensors(path, key)
    tensors = {
        name: tensor for name, tensor in tensors.items() if not name.startswith(tuple(aside))
    }
    with torch.device("meta"):
        wanted = set(build(2).state_dict())
    tensors = _of_network(tensors, wanted)
    head = _head(build)
    count = _class_count(head, tensors)
    network = build(count or 1)
    state = network.state_dict()
    if not count:
        tensors |= {
            name: torch.zeros_like(tensor)
            for name, tensor in state.items()
            if name.startswith(_prefixes(head))
        }
    _check_fit(tensors, state, f"{key}: must contain weights of {name}, got {printable(path)}")
    # updated, not replaced: files may lack the metadata with the versions of the modules
    state.update({name: tensor for name, tensor in tensors.items() if name in state})
    network.load_state_dict(state)
    if not count:
        log.info(
            "%s contains no weights of %s, so its layers can be dreamt, but no classes",
            printable(path),
            ", ".join(sorted(start.rstrip(".") for start in _prefixes(head))),
        )
    return network, sha256, count


def _check_fit(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], rule: str) -> None:
    """Raise UserError, starting with `rule`, unless the tensors have the wanted names and shapes.

    Values must be finite. A missing BATCH_COUNTER and superfluous scalars are accepted.
    """
    for tensor, value in wanted.items():
        if tensor not in tensors:
            if tensor.endswith(BATCH_COUNTER):
                continue
            raise UserError(f"{rule} without {tensor}; choose the network that it belongs to")
        if tensors[tensor].shape != value.shape:
            raise UserError(
                f"{rule}, in which {tensor} is {_size(tensors[tensor])} instead of {_size(value)}; "
                "choose the network that it belongs to"
            )
        if not tensors[tensor].isfinite().all():
            raise UserError(f"{rule}, in which {tensor} is not finite; use an earlier checkpoint")
    for tensor in tensors.keys() - wanted.keys():
        if tensors[tensor].numel() == 1:  # a counter from training
            continue
        raise UserError(
            f"{rule} with an additional {tensor}; choose the network that it belongs to"
        )


def _of_network(tensors: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
    """Return the tensors of the network itself, without the prefix that their names may have.

    wanted: names of the network's own tensors. Tensors of adversarial training (WRAPPING) are left
    out: its checkpoints hold the network a second time. Others keep their names.
    """
    kept = {name: t for name, t in tensors.items() if not name.startswith(WRAPPING)}
    prefix_counts: Counter[str] = Counter()
    for name in kept:
        parts = name.split(".")
        cuts = range(len(parts))
        cut = next((n for n in cuts if ".".join(parts[n:]) in wanted), None)
        if cut is not None:
            prefix_counts["".join(f"{part}." for part in parts[:cut])] += 1
    prefix, count = prefix_counts.most_common(1)[0] if prefix_counts else ("", 0)
    if 2 * count <= len(kept):
        prefix = ""
    return {name.removeprefix(prefix): tensor for name, tensor in kept.items()}


def read_labels(path: Path, count: int, key: str) -> tuple[str, ...]:
    """Return the names of `count` classes, one per line or in Places365's format `/a/airfield 0`.

    Raises UserError with the setting `key` if the file cannot be read or has another number of
    names, or if `count` is 0.
    """
    if not count:
        raise UserError(
            f"{key}: must be null for weights without a head, got {printable(path)}; set {key}=null"
        )
    try:
        lines = read_content(path, key).decode().splitlines()
    except (UserError, UnicodeDecodeError) as error:
        raise UserError(
            f"{key}: must be a readable text file in UTF-8, got {printable(path)}; check the path"
        ) from error
    names = [re.sub(r"^/\w/(\S+)\s+\d+$", r"\1", line.strip()) for line in lines if line.strip()]
    if len(names) != count:
        raise UserError(
            f"{key}: must name {count} classes, one per line, got {len(names)} in "
            f"{printable(path)}; use the list that belongs to the weights"
        )
    return tuple(names)


def _head(build: Callable[[int], nn.Module]) -> list[str]:
    """Return the names of the tensors whose size depends on the number of classes."""
    with torch.device("meta"):
        two_classes, three_classes = (build(count).state_dict() for count in (2, 3))
    return [name for name in two_classes if two_classes[name].shape != three_classes[name].shape]


def _prefixes(head: Sequence[str]) -> tuple[str, ...]:
    """Return the prefixes of the names of all tensors of a head, such as "classifier."."""
    return tuple({f"{name.partition('.')[0]}." for name in head})


def _class_count(head: Sequence[str], tensors: Mapping[str, Tensor]) -> int:
    """Return the number of classes that the tensors were trained for; 0 if they have no head."""
    for name in head:
        if name in tensors and tensors[name].ndim:
            return tensors[name].shape[0]
    if not any(name.startswith(_prefixes(head)) for name in tensors):
        return 0
    return 1000  # any count: `_check_fit` reports the missing tensor by name


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"

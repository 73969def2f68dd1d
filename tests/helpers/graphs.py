"""A CUDA graph on the CPU: every operation is noted, and done again on the very same memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

T = TypeVar("T")


class RunningJob(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Recorder. As a graph does, it leaves what it recorded undone: all that it gives is garbage
    until it is played.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._noted: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        out = func(*args, **(kwargs or {}))
        args, kwargs, given = tree_map_only(Tensor, Tensor.detach, (args, kwargs or {}, out))
        self._noted.append((func, args, kwargs, given))
        return out

    def again(self) -> None:
        """Do it all on the same memory, whatever lies there now."""
        with torch.no_grad():
            for func, args, kwargs, given in self._noted:
                anew = func(*args, **kwargs)
                for old, new in zip(tree_leaves(given), tree_leaves(anew), strict=True):
                    if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


def noted(work: Callable[[], T]) -> tuple[T, Callable[[], None]]:
    """A Recorder, see pipeline.model.network.cuda_graphs."""
    with RunningJob() as graph:
        given = work()
    for seen in tree_leaves(given):
        seen.detach().numpy().fill(np.nan)  # autograd need not know
    return given, graph.again

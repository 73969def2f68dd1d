"""A module whose layers are read with forward hooks, for modules that torch.fx cannot trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial

import torch
from torch import Tensor, nn


class HookedNetwork:
    """Any module; its layers are its submodules, by their dotted names.

    Nothing is folded, so a traced module is faster where tracing works. example: an input; the
    submodules that run for it are the layers.
    """

    @torch.no_grad()
    def __init__(self, module: nn.Module, example: Tensor) -> None:
        self._module = module
        run_all = self.cut([name for name, _ in module.named_modules() if name], example.device)
        self.names = list(run_all(example))

    def cut(
        self, layers: Sequence[str], device: torch.device
    ) -> Callable[[Tensor], Mapping[str, object]]:
        """Return a function from an input to the outputs of these layers, by name.

        Outputs are in execution order. If a layer runs several times, its first output is
        returned. device: the one that the module is already on.
        """
        return partial(self._watched, layers=frozenset(layers))

    def _watched(self, x: Tensor, *, layers: frozenset[str]) -> dict[str, object]:
        outputs: dict[str, object] = {}

        def keep(name: str, module: nn.Module, given: object, output: object) -> None:
            # A copy, because later layers may modify the output in place.
            outputs.setdefault(name, output.clone() if isinstance(output, Tensor) else output)
            if len(outputs) == len(layers):
                raise _StopForward

        with ExitStack() as hooks, suppress(_StopForward):
            for name, module in self._module.named_modules():
                if name in layers:
                    hook = module.register_forward_hook(partial(keep, name))
                    hooks.callback(hook.remove)
            self._module(x)
        return outputs


class _StopForward(Exception):  # noqa: N818 - not an error: it ends the forward pass early
    """Raised when the outputs of all layers have been stored."""

"""A module watched while it runs: for what torch.fx cannot trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial

import torch
from torch import Tensor, nn


class HookedNetwork:
    """Any module at all; its layers are the modules within it, by their dotted names.

    Nothing is folded, so where both can be had a traced module is quicker. example: an input; what
    is run for it are the layers.
    """

    @torch.no_grad()
    def __init__(self, module: nn.Module, example: Tensor) -> None:
        self._module = module
        everything = self.cut([name for name, _ in module.named_modules() if name], example.device)
        self.names = list(everything(example))

    def cut(
        self, layers: Sequence[str], device: torch.device
    ) -> Callable[[Tensor], Mapping[str, object]]:
        """Return what gives the outputs of these layers by name, in the order in which they are
        run.

        A layer that is run several times counts at its first time. The module is on the device.
        """
        return partial(self._watched, layers=frozenset(layers))

    def _watched(self, x: Tensor, *, layers: frozenset[str]) -> dict[str, object]:
        outputs: dict[str, object] = {}

        def keep(name: str, module: nn.Module, given: object, output: object) -> None:
            # What follows may work in place, so what was seen is kept as it was.
            outputs.setdefault(name, output.clone() if isinstance(output, Tensor) else output)
            if len(outputs) == len(layers):
                raise _Enough

        with ExitStack() as hooks, suppress(_Enough):
            for name, module in self._module.named_modules():
                if name in layers:
                    hook = module.register_forward_hook(partial(keep, name))
                    hooks.callback(hook.remove)
            self._module(x)
        return outputs


class _Enough(Exception):  # noqa: N818 - no error: a way out from deep within
    """All layers have been seen."""

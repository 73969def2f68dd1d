"""A network's kernels recorded once for each size of picture, and launched as one from then on."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.model import Activations, Model
from pipeline.model.network.wrapper import ModelWrapper
from pipeline.runtime.oom import is_out_of_memory

log = logging.getLogger(__name__)

T = TypeVar("T")
Key: TypeAlias = tuple[tuple[int, ...], tuple[str, ...]]
"""The shape of an image, and the layers that are asked for."""
MOST = 32
"""Recordings that are kept: each holds its image, gradient, and what the layers give."""
NAMES = ("auto", "graphs", "none")


class Capturer(Protocol):
    """Whatever can record what is done to tensors."""

    def __call__(self, work: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        """Return what the work gives, and how it is done again: on the same tensors, into the
        same."""


def with_cuda_graphs(model: Model, name: str, device: torch.device) -> Model:
    """Return the model, on this device already, run as CUDA graphs where it is asked for and can
    be.

    graphs: on an NVIDIA GPU. none: kernel by kernel. auto: graphs where there is such a GPU. Raises
    UserError.
    """
    if device.type != "cuda" and name == "graphs":
        raise UserError(
            f"compile: graphs must go with an NVIDIA GPU, got {device}; set compile=auto"
        )
    return (
        CudaGraphModel(model, CudaGraphs()) if device.type == "cuda" and name != "none" else model
    )


class CudaGraphModel(ModelWrapper):
    """A Model whose way there and back is recorded when a size is seen for the second time.

    A GPU is done with a layer before the CPU has told it of the next: launched as one graph, the
    same kernels on the same memory, a step does not wait for Python. The bits stay the same.

    What it gives with a gradient holds until it is asked the next time, and so does the way back.
    What is asked for without one may be kept, and is not recorded.
    """

    def __init__(self, model: Model, recorder: Capturer) -> None:
        super().__init__(model)
        self._recorder: Capturer | None = recorder
        self._tapes: OrderedDict[Key, _Tape | None] = OrderedDict()
        self.turn = 0

    def __call__(self, image: Image, layers: Sequence[str]) -> Activations:
        """Return the activations of these layers, by name."""
        if not (torch.is_grad_enabled() and image.requires_grad):
            return self.model(image, layers)
        key = tuple(image.shape), tuple(layers)
        if key not in self._tapes:
            # whatever is done once, is done now: code is loaded, kernels are chosen
            self._keep(key, None)
            return self.model(image, layers)
        tape = self._tapes[key] or self._recorded(image, layers)
        self._keep(key, tape)
        if tape is None:
            return self.model(image, layers)
        self.turn += 1
        seen = _Played.apply(image, tape, self, self.turn)
        return dict(zip(layers, seen, strict=True))

    def to(self, device: torch.device) -> Model:
        """Return the same on this device; itself, if it is there already."""
        there = self.model.to(device)
        return self if there is self.model else with_cuda_graphs(there, NAMES[0], device)

    def _recorded(self, image: Image, layers: Sequence[str]) -> _Tape | None:
        """Return what is done at this size; None = it can't be recorded, or memory does not
        be enough.

        Then nothing is recorded any more, and what was is forgotten: whatever there is, is needed.
        """
        if self._recorder is None:
            return None
        try:
            return _Tape(self.model, image, layers, self._recorder)
        except RuntimeError as error:
            self._tapes.clear()
            self._recorder = None
            if not is_out_of_memory(error):
                log.warning(
                    "compile: none from here on, for this network cannot be recorded: %s",
                    str(error).partition("\n")[0],
                )
            return None

    def _keep(self, key: Key, tape: _Tape | None) -> None:
        """Keep it, as the newest, and not too many of them."""
        self._tapes[key] = tape
        self._tapes.move_to_end(key)
        if len(self._tapes) > MOST:
            self._tapes.popitem(last=False)


class CudaGraphs:
    """A Recorder on NVIDIA's GPUs. One recording may write over what another has left behind, so
    that many sizes hold no more than the largest.
    """

    def __init__(self) -> None:
        self._pool: Any = torch.cuda.graph_pool_handle()

    def __call__(self, work: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        """Return what the work gives once it is done, and how it is done."""
        graph = torch.cuda.CUDAGraph()
        # others may use the GPU meanwhile: optical flow in its thread, say
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            given = work()
        return given, graph.replay


class _Tape:
    """The recordings for one size of picture: of the way there, and of that back from each layer.

    seen: what the layers give. wanted: what is asked of each. gradients: what that asks of the
    image.
    """

    def __init__(
        self, model: Model, image: Image, layers: Sequence[str], recorder: Capturer
    ) -> None:
        self.image = image.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
        activations, self.forward = recorder(lambda: model(self.image, layers))
        seen = [activations[layer] for layer in layers]
        self.wanted = [torch.zeros_like(each) for each in seen]
        # what the way there has saved must outlast each of them
        backs = [
            recorder(partial(torch.autograd.grad, each, self.image, want, retain_graph=True))
            for each, want in zip(seen, self.wanted, strict=True)
        ]
        self.gradients = [gradient for (gradient,), _ in backs]
        self.backs = [back for _, back in backs]
        self.seen = tuple(each.detach() for each in seen)


class _Played(torch.autograd.Function):
    """Image -> activations, by a recording."""

    @staticmethod
    def forward(
        context: Any, image: Tensor, tape: _Tape, model: CudaGraphModel, turn: int
    ) -> tuple[Tensor, ...]:
        context.tape, context.model, context.turn = tape, model, turn
        context.set_materialize_grads(False)
        with torch.no_grad():
            tape.image.copy_(image)
        tape.forward()
        return tuple(each.detach() for each in tape.seen)

    @staticmethod
    @once_differentiable
    def backward(context: Any, *wanted: Tensor | None) -> tuple[Tensor | None, ...]:
        if context.turn != context.model.turn:
            raise RuntimeError("a recorded network was asked again before the way back was gone")
        tape, found = context.tape, []
        for index, want in enumerate(wanted):
            if want is not None:
                tape.wanted[index].copy_(want)
                tape.backs[index]()
                found.append(tape.gradients[index].clone())
        return torch.stack(found).sum(0) if len(found) > 1 else found[0], None, None, None

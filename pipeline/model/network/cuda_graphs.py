"""CUDA graphs: a network's kernels are captured once per image size, then launched as one."""

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
"""Shape of the image, and the requested layers."""
MAX_RECORDINGS = 32
"""Maximum number of recordings; each holds an image, its gradients and the activations."""
NAMES = ("auto", "graphs", "none")


class Capturer(Protocol):
    """Anything that can capture operations on tensors and replay them."""

    def __call__(self, work: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        """Capture `work` and return its result, and a function that replays it.

        A replay reads the same tensors and overwrites the result, which is valid after it.
        """


def with_cuda_graphs(model: Model, name: str, device: torch.device) -> Model:
    """Return the model, which is on this device, using CUDA graphs if requested and possible.

    name: "graphs" (NVIDIA GPUs only), "none" (kernel by kernel), or "auto" (graphs on an NVIDIA
    GPU). Raises UserError for "graphs" on another device.
    """
    if device.type != "cuda" and name == "graphs":
        raise UserError(
            f"compile: must be auto or none without an NVIDIA GPU, got graphs on {device}; "
            "set compile=auto"
        )
    return (
        CudaGraphModel(model, CudaGraphs()) if device.type == "cuda" and name != "none" else model
    )


def without_cuda_graphs(model: Model) -> Model:
    """Return the model that launches its kernels one by one.

    Gradients with respect to activations cannot be computed from a captured graph.
    """
    return model.model if isinstance(model, CudaGraphModel) else model


class CudaGraphModel(ModelWrapper):
    """A Model whose forward and backward pass are captured when a size is seen a second time.

    A GPU finishes a layer before the CPU has launched the next. Launched as one graph (the same
    kernels on the same memory), a step does not wait for Python. Results are identical, bit for
    bit.

    Activations that require a gradient, and their backward pass, are valid until the next such
    call. Calls without a gradient are not captured, and their activations stay valid.
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
            # one-time work, such as loading code and choosing kernels, must precede the capture
            self._keep(key, None)
            return self.model(image, layers)
        tape = self._tapes[key] or self._recorded(image, layers)
        self._keep(key, tape)
        if tape is None:
            return self.model(image, layers)
        self.turn += 1
        seen = _Replay.apply(image, tape, self, self.turn)
        return dict(zip(layers, seen, strict=True))

    def to(self, device: torch.device) -> Model:
        """Return the model on this device; self if it is on it already."""
        moved_model = self.model.to(device)
        return (
            self if moved_model is self.model else with_cuda_graphs(moved_model, NAMES[0], device)
        )

    def _recorded(self, image: Image, layers: Sequence[str]) -> _Tape | None:
        """Return a recording for this image size. None: not capturable, or out of memory.

        Then all recordings are deleted to free their memory, and nothing is captured any more.
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
                    "compile: none from now on, because this network cannot be recorded: %s",
                    str(error).partition("\n")[0],
                )
            return None

    def _keep(self, key: Key, tape: _Tape | None) -> None:
        """Store the tape as the most recently used; delete the least recently used beyond MOST."""
        self._tapes[key] = tape
        self._tapes.move_to_end(key)
        if len(self._tapes) > MAX_RECORDINGS:
            self._tapes.popitem(last=False)


class CudaGraphs:
    """A Capturer for NVIDIA GPUs.

    All graphs share one memory pool: a replay may overwrite the results of other graphs, so many
    sizes need no more memory than the largest.
    """

    def __init__(self) -> None:
        self._pool: Any = torch.cuda.graph_pool_handle()

    def __call__(self, work: Callable[[], T]) -> tuple[T, Callable[[], None]]:
        """Return the result of `work`, valid after a replay, and the function that replays it."""
        graph = torch.cuda.CUDAGraph()
        # other threads may use the GPU during the capture, e.g. for optical flow
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            result = work()
        return result, graph.replay


class _Tape:
    """Recordings for one image size: the forward pass, and the backward pass from each layer.

    seen: activations of the layers. wanted: gradient of each layer's activations, an input of its
    backward pass. gradients: the resulting gradients of the image, one per layer.
    """

    def __init__(
        self, model: Model, image: Image, layers: Sequence[str], recorder: Capturer
    ) -> None:
        self.image = image.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
        activations, self.forward = recorder(lambda: model(self.image, layers))
        seen = [activations[layer] for layer in layers]
        self.wanted = [torch.zeros_like(each) for each in seen]
        # each backward pass needs the tensors that the forward pass saved
        backs = [
            recorder(partial(torch.autograd.grad, each, self.image, want, retain_graph=True))
            for each, want in zip(seen, self.wanted, strict=True)
        ]
        self.gradients = [gradient for (gradient,), _ in backs]
        self.backs = [back for _, back in backs]
        self.seen = tuple(each.detach() for each in seen)


class _Replay(torch.autograd.Function):
    """Image -> activations, by replaying a recording."""

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
            raise RuntimeError("a recorded network was called again before its backward pass")
        tape, image_gradients = context.tape, []
        for index, want in enumerate(wanted):
            if want is not None:
                tape.wanted[index].copy_(want)
                tape.backs[index]()
                image_gradients.append(tape.gradients[index].clone())
        return (
            torch.stack(image_gradients).sum(0) if len(image_gradients) > 1 else image_gradients[0],
            None,
            None,
            None,
        )

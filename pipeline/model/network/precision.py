"""How finely a network is computed: with fewer digits it is quicker, and dreams the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pipeline.errors import UserError
from pipeline.frame import Image
from pipeline.model import Activations, Model
from pipeline.model.network.wrapper import ModelWrapper

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Of numbers with half as many bits, by name: 8 bits of the exponent, or 5."""
NAMES = ("auto", "float32", "tf32", *TYPES)
NATIVE = ("avx512_bf16", "amx_bf16")
"""What an x86 CPU has that computes bfloat16, in torch's words; on others it was never measured."""


def with_precision(model: Model, name: str, device: torch.device) -> Model:
    """Return the model on this device, computed with that precision; it gives float32 all the same.

    float32: all of it. tf32: products of 10 bits, sums in float32, on NVIDIA's GPUs from Ampere on.
    bf16, fp16: what torch's autocast holds to be safe, in such numbers. auto: tf32 where there is
    such a GPU, bf16 on an x86 CPU that computes it (at equal gain and flicker a step takes 15 %
    less with EfficientNet-Lite0, 25 % with GoogLeNet), else float32; halves on a GPU are for who
    asks for them. Raises UserError.
    """
    ampere = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    if name == "tf32" and not ampere:
        raise UserError(
            f"precision: tf32 must go with an NVIDIA GPU from Ampere on, got {device}; "
            "set precision=auto"
        )
    if name == "auto":
        name = "tf32" if ampere else "bf16" if has_bfloat16(device) else "float32"
    if device.type == "cuda":
        products = "tf32" if name == "tf32" else "ieee"
        torch.backends.cudnn.conv.fp32_precision = products  # type: ignore[attr-defined]
        torch.backends.cuda.matmul.fp32_precision = products
    there = model.to(device)
    return ReducedPrecision(there, TYPES[name]) if name in TYPES else there


def has_bfloat16(device: torch.device) -> bool:
    """Return whether it is an x86 CPU that computes bfloat16 itself: another one is slower with
    it."""
    # older torch does not tell
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and any(capabilities.get(name) for name in NATIVE)


class ReducedPrecision(ModelWrapper):
    """A Model whose inner numbers have half as many bits. kind: of them.

    On the way back through fp16 its largest number lies near 1, for a mean over a whole picture is
    so flat that 5 bits of an exponent have no room for its gradient. A power of two costs no digit.
    """

    def __init__(self, model: Model, kind: torch.dtype) -> None:
        super().__init__(model)
        self.kind = kind

    def __call__(self, image: Image, layers: Sequence[str]) -> Activations:
        """Return the activations, float32 again: what is made of them sums thousands."""
        size: list[Tensor] = []
        narrow = self.kind == torch.float16
        entered: Tensor = _Entered.apply(image, size) if narrow else image
        with torch.autocast(image.device.type, self.kind):
            seen = self.model(entered, layers)
        found = [seen[layer].float() for layer in layers]
        left: tuple[Tensor, ...] = _Left.apply(size, *found) if narrow else tuple(found)
        return dict(zip(layers, left, strict=True))

    def to(self, device: torch.device) -> Model:
        """Return the same on this device; itself, if it is there already."""
        there = self.model.to(device)
        return self if there is self.model else ReducedPrecision(there, self.kind)


class _Left(torch.autograd.Function):
    """Where the way back begins: the gradients are divided by a power of two, which is kept in
    size, so that the largest lies near 1.
    """

    @staticmethod
    def forward(context: Any, size: list[Tensor], *seen: Tensor) -> tuple[Tensor, ...]:
        context.size = size
        context.set_materialize_grads(False)
        return tuple(each.view_as(each) for each in seen)

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        largest = torch.stack(
            [gradient.abs().max() for gradient in gradients if gradient is not None]
        ).max()
        power = torch.frexp(largest).exponent.clamp(min=-100)
        context.size[:] = [power.exp2()]
        by = (-power).exp2()
        return None, *(None if gradient is None else gradient * by for gradient in gradients)


class _Entered(torch.autograd.Function):
    """Where it ends: the gradient is multiplied by that again."""

    @staticmethod
    def forward(context: Any, image: Tensor, size: list[Tensor]) -> Tensor:
        context.size = size
        return image.view_as(image)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * context.size[0], None

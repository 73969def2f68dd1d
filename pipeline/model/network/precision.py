"""Numerical precision of a network: with lower precision it is faster and dreams the same."""

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
"""Name -> 16-bit dtype, with 8 (bf16) or 5 (fp16) bits of exponent."""
NAMES = ("auto", "float32", "tf32", *TYPES)
NATIVE = ("avx512_bf16", "amx_bf16")
"""torch's names of x86 CPU features that compute bfloat16. Other CPUs were never measured."""


def with_precision(model: Model, name: str, device: torch.device) -> Model:
    """Return the model on this device with this precision; its activations are always float32.

    name: "float32": everything. "tf32": products with 10-bit mantissas, sums in float32, on NVIDIA
    GPUs from Ampere on. "bf16", "fp16": this dtype where torch's autocast considers it safe.
    "auto": tf32 on such a GPU, bf16 on an x86 CPU that computes it natively (at equal gain and
    flicker a step takes 15 % less time with EfficientNet-Lite0, 25 % less with GoogLeNet), else
    float32; 16-bit dtypes on a GPU must be requested. On a CUDA device this sets torch's global
    fp32 precision. Raises UserError for "tf32" on another device.
    """
    name = resolve_precision(name, device)
    if device.type == "cuda":
        products = "tf32" if name == "tf32" else "ieee"
        torch.backends.cudnn.conv.fp32_precision = products  # type: ignore[attr-defined]
        torch.backends.cuda.matmul.fp32_precision = products
    moved_model = model.to(device)
    return ReducedPrecision(moved_model, TYPES[name]) if name in TYPES else moved_model


def resolve_precision(name: str, device: torch.device) -> str:
    """Return the precision that is used on this device; see `with_precision`. Raises UserError."""
    ampere = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
    if name == "tf32" and not ampere:
        raise UserError(
            "precision: must not be tf32 without an NVIDIA GPU of the Ampere generation or later, "
            f"got tf32 on {device}; set precision=auto"
        )
    if name == "auto":
        return "tf32" if ampere else "bf16" if has_bfloat16(device) else "float32"
    return name


def has_bfloat16(device: torch.device) -> bool:
    """Return whether the device is an x86 CPU with native bfloat16; others are slower with it."""
    # older versions of torch lack this function
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and any(capabilities.get(name) for name in NATIVE)


class ReducedPrecision(ModelWrapper):
    """A Model that computes in a 16-bit dtype, `kind`.

    In fp16 the backward pass is scaled so that the largest gradient is near 1: the gradient of a
    mean over a whole image is too small for 5 bits of exponent. The scale is a power of two, so no
    digits are lost.
    """

    def __init__(self, model: Model, kind: torch.dtype) -> None:
        super().__init__(model)
        self.kind = kind

    def __call__(self, image: Image, layers: Sequence[str]) -> Activations:
        """Return the activations in float32, because scores sum thousands of them."""
        size: list[Tensor] = []
        narrow = self.kind == torch.float16
        network_input: Tensor = _UnscaleGradient.apply(image, size) if narrow else image
        with torch.autocast(image.device.type, self.kind):
            seen = self.model(network_input, layers)
        activations = [seen[layer].float() for layer in layers]
        outputs: tuple[Tensor, ...] = (
            _ScaleGradient.apply(size, *activations) if narrow else tuple(activations)
        )
        return dict(zip(layers, outputs, strict=True))

    def to(self, device: torch.device) -> Model:
        """Return the model on this device; self if it is on it already."""
        moved_model = self.model.to(device)
        return self if moved_model is self.model else ReducedPrecision(moved_model, self.kind)


class _ScaleGradient(torch.autograd.Function):
    """Start of the backward pass: divides the gradients by a power of two, which it stores in
    `size`, so that the largest is near 1.
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
        factor = (-power).exp2()
        return None, *(None if gradient is None else gradient * factor for gradient in gradients)


class _UnscaleGradient(torch.autograd.Function):
    """End of the backward pass: multiplies the gradient by the power of two in `size`."""

    @staticmethod
    def forward(context: Any, image: Tensor, size: list[Tensor]) -> Tensor:
        context.size = size
        return image.view_as(image)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * context.size[0], None

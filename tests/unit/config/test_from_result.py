"""pipeline.config.from_result: what a result was made by comes back, setting by setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.sampling import every
from helpers.settings import composed, name
from helpers.stages import CONF

from pipeline.config.arguments import prepare
from pipeline.config.from_result import overrides_of_result, split_from
from pipeline.config.provenance import embedded_settings
from pipeline.errors import UserError
from pipeline.sweep.plan import JobState, Status, write_status

GROUPS = [path.name for path in CONF.iterdir()]
MADE = [
    (),
    ("recipe=zoom", "source.seconds=60", "camera.zoom_per_second=1.3"),
    ("recipe=still",),
    ("recipe=visualise", "objective=label", "objective.label=red fox"),
    ("camera=zoom+sway", "camera.moves.zoom.zoom_per_second=0s: 1, 4s: 1.8 smooth"),
    ("objective=norm+label", "objective.terms.label.label=tabby", "objective.weights.norm=-0.5"),
    ("model=efficientnet_lite0+googlenet", "objective.layers=[efficientnet_lite0.blocks.9]"),
    ("objective.layers=[blocks.4,blocks.9]", 'objective.weights=["3s: 1, 5s: 0","3s: 0, 5s: 1"]'),
    ("output=x.mov", "encoder=hevc", "encoder.options.crf=22", "+encoder.options.tune=grain"),
    ("source.start=1.5", "end=7", "frames=50", "audio=song's (1).mp3"),
    ("mask=a,b.png", "mask_invert=true", "mask_feather=0.25", "seed=12345678901", "tile=null"),
    ("model=torchvision", "model.name=convnext_tiny", "model.weights=my (1).pth"),
    *((f"{path.parent.name}={path.stem}",) for path in sorted(CONF.glob("look/*.yaml"))),
    *((f"{path.parent.name}={path.stem}",) for path in sorted(CONF.glob("camera/*.yaml"))),
    *((f"{path.parent.name}={path.stem}",) for path in sorted(CONF.glob("dreamer/*.yaml"))),
    *((f"{path.parent.name}={path.stem}",) for path in sorted(CONF.glob("objective/*.yaml"))),
    *((f"{path.parent.name}={path.stem}",) for path in sorted(CONF.glob("encoder/*.yaml"))),
    *((name(path), "model.name=x") for path in sorted(CONF.glob("model/*.yaml"))
      if "\nname:" in path.read_text()),
]  # fmt: skip


def settled(*words: str) -> dict[str, Any]:
    """The settings that a command with these words has."""
    start, said = split_from(words)
    before = [] if start is None else overrides_of_result(start, said)
    return composed(*prepare(said, GROUPS, before))


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Writes settings where from= finds them."""

    def write(settings: dict[str, Any]) -> str:
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))
        return f"from={path}"

    return write


@pytest.mark.parametrize("words", every(5, [pytest.param(one, id=" ".join(one)) for one in MADE]))
def test_every_setting_comes_back(written: Any, words: tuple[str, ...]) -> None:
    settings = settled("input=clip.mp4", *words)
    assert embedded_settings(settled(written(settings))) == embedded_settings(settings)


def test_what_the_command_says_comes_first(written: Any) -> None:
    start = written(settled("input=clip.mp4", "recipe=zoom", "look=lace", "start=3", "end=5"))
    again = settled(start, "start=null", "end=null", "dreamer.step_size=0.5", "camera=pan")
    assert (again["start"], again["end"]) == (None, None)
    assert again["dreamer"]["step_size"] == 0.5
    assert again["camera"] == settled("camera=pan")["camera"]
    assert again["objective"]["channels"] == [24]


def test_a_look_that_is_said_comes_before_the_one_that_was(written: Any) -> None:
    start = written(settled("look=lace", "dreamer.step_size=0.5"))
    assert settled(start, "look=eyes")["objective"] == settled("look=eyes")["objective"]
    assert settled(start, "look=eyes")["dreamer"]["step_size"] == 0.5


@pytest.mark.parametrize(
    ("words", "encoder"),
    [
        (("output=y.mp4",), "hevc"),
        (("output=y.mov",), "hevc"),
        (("output=y.webm",), "webm"),
        (("encoder=av1", "output=y.mp4"), "av1"),
        ((), "hevc"),
    ],
)
def test_the_encoder_is_the_earlier_one_where_it_can_write_that(
    written: Any, words: tuple[str, ...], encoder: str
) -> None:
    start = written(settled("output=x.mp4", "encoder=hevc"))
    assert settled(start, *words)["encoder"] == settled(f"encoder={encoder}")["encoder"]


def test_another_kind_of_input_has_its_own_source(written: Any) -> None:
    start = written(settled("input=clip.mp4"))
    assert settled(start, "input=shots/%d.png")["source"]["_target_"].endswith("Images")
    start = written(settled("input=photo.jpg", "recipe=zoom"))
    assert settled(start, "input=other.jpg")["source"]["_target_"].endswith("Feedback")


def test_what_is_of_the_one_render_is_not_taken_over(written: Any) -> None:
    settings = settled("input=a.mp4") | {"device": "cuda:7", "overwrite": True}
    again = settled(written(settings | {"limits": {"pixels": 1}, "output": "x.mp4"}))
    assert (again["device"], again["overwrite"]) == ("auto", False)
    assert again["output"] is None
    assert again["limits"]["pixels"] > 1


def test_what_a_recipe_trusts_is_not_trusted_by_that(written: Any) -> None:
    start = written(settled("input=a.mp4") | {"trust": ["shutil"]})
    with pytest.raises(UserError, match=r"^from: .* must not set trust, .* got \['shutil'\]"):
        settled(start)


def test_a_job_of_a_sweep_is_found_by_its_folder(tmp_path: Path) -> None:
    recipe = tmp_path / "job" / "x.mp4.render" / "recipe.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(yaml.safe_dump(settled("seed=7")))
    write_status(tmp_path / "job", Status(JobState.DONE, output="x.mp4"))
    for path in (tmp_path / "job", recipe.parent, recipe):
        assert settled(f"from={path}")["seed"] == 7
    write_status(tmp_path / "job", Status(JobState.DONE, output="../../x.mp4"))
    assert settled(f"from={tmp_path / 'job'}")["seed"] == 7


def test_files_that_lie_beside_the_result_are_found(
    written: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = written(settled("input=clip.mp4", "mask=mask.png", "audio=song.mp3"))
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "mask.png").touch()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mask.png").touch()
    monkeypatch.chdir(tmp_path / "here")
    again = settled(start)
    assert again["input"] == again["source"]["path"] == str(tmp_path / "clip.mp4")
    assert (again["mask"], again["audio"]) == ("mask.png", "song.mp3")


@pytest.mark.parametrize(
    "text",
    [
        "", "7", "[]", "a: &a 1\nb: *a", "input: !!python/object:os.system x", "{", "\0",
        "dreamer: {_target_: os.system}", "x: " + "[" * 50 + "]" * 50, "input: x\n" * 50000,
        "seed: 1",
    ],
)  # fmt: skip
def test_what_tells_no_settings_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(UserError, match=r"^from: ") as refused:
        settled(f"from={tmp_path}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("group", "node"),
    [
        ("dreamer", {"_target_": "os.system"}),
        ("camera", {"_target_": "pipeline.camera.sequence.Sequence", "moves": {"a b": {}}}),
        ("source", {"_target_": "pipeline.source.video.Video", "path": "${oc.env:HOME}"}),
    ],
)
def test_hostile_settings_reach_nothing(written: Any, group: str, node: dict[str, Any]) -> None:
    start = written(settled("input=a.mp4") | {group: node})
    with pytest.raises(UserError, match=r"^from: "):
        settled(start)


@pytest.mark.parametrize("word", ["quality=fine", "quality=normal", "recipe=video"])
def test_a_preset_that_sets_nothing_may_be_said(written: Any, word: str) -> None:
    start = written(settled("input=clip.mp4", "look=lace"))
    assert settled(start, word)["objective"] == settled("look=lace")["objective"]


def test_looks_of_a_sweep_come_before_the_one_that_was(written: Any) -> None:
    start = written(settled("look=lace"))
    found = overrides_of_result(Path(start.partition("=")[2]), ["-m", "look=bands,eyes"])
    assert not [word for word in found if word.startswith("objective")]


def test_presets_of_the_user_come_before_what_was(written: Any, tmp_path: Path) -> None:
    start = written(settled("width=64", "seed=3"))
    (tmp_path / "theirs" / "look").mkdir(parents=True)
    (tmp_path / "theirs" / "look" / "mine.yaml").write_text("width: 32\nheight: 32\n")
    path, words = Path(start.partition("=")[2]), [f"--config-dir={tmp_path / 'theirs'}"]
    assert "width=64" in overrides_of_result(path, [*words, "look=eyes"])
    found = overrides_of_result(path, [*words, "look=mine"])
    assert "width=64" not in found
    assert "seed=3" in found


@pytest.mark.parametrize(
    ("change", "word"),
    [({"seed": "2001-01-01"}, "seed=5"), ({"flow": {"_target_": "a.b"}}, "flow=none"),
     ({"encoder": {"_target_": "a.b"}}, "encoder=ffv1")],
)  # fmt: skip
def test_what_is_said_instead_is_taken(written: Any, change: dict[str, Any], word: str) -> None:
    settings = settled("input=clip.mp4")
    text = yaml.safe_dump({**settings, **change}).replace("'2001-01-01'", "2001-01-01")
    path = Path(written(settings).partition("=")[2])
    path.write_text(text)
    with pytest.raises(UserError, match=rf"set {word.partition('=')[0]}="):
        settled(f"from={path}")
    assert composed(*prepare([word], GROUPS, overrides_of_result(path, [word])))


@pytest.mark.parametrize(
    ("change", "key"),
    [({"source": None}, "source"), ({"source": [1]}, "source"), ({"input": 5}, "input"),
     ({"input": ["a"]}, "input"), ({"mask": "a" * 300}, "mask"), ({"guide": "a\0b"}, "guide")],
)  # fmt: skip
def test_settings_of_the_wrong_kind_are_one_line(
    written: Any, change: dict[str, Any], key: str
) -> None:
    start = written({**settled("input=clip.mp4"), **change})
    with pytest.raises(UserError, match=rf"(^|settings of ){key}\b"):
        settled(start)


@pytest.mark.parametrize("suffixes", [5, None, "a"])
def test_an_encoder_without_suffixes_is_replaced_by_that_of_the_output(
    written: Any, suffixes: object
) -> None:
    settings = settled("input=clip.mp4")
    settings["encoder"] = {**settings["encoder"], "suffixes": suffixes}
    assert settled(written(settings), "output=x.webm")["encoder"]["suffixes"][0] == ".webm"

"""Help, lists, short forms, versions and the user's own presets, as a new user meets them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers.clips import counted
from helpers.command_line import TOY, rendered, run
from helpers.sampling import every
from omegaconf import OmegaConf

from pipeline.cli.help import help_of
from pipeline.cli.info import packaged_encoder
from pipeline.cli.save_look import save
from pipeline.cli.shorthand import expand
from pipeline.config import own_presets
from pipeline.config.compose import check, compose_settings, compose_stage
from pipeline.config.documentation import (
    PRESETS,
    STAGES,
    choice,
    choice_names,
    general_settings,
)
from pipeline.errors import UserError

SETTINGS = sorted(
    {one.key for one in general_settings()}
    | {s.key for g in STAGES for name in choice_names(g) for s in choice(g, name).settings}
)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own presets, empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = own_presets.folder()
    (folder / "look").mkdir(parents=True)
    return folder


def dreamreel(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("key", SETTINGS)
def test_every_setting_is_explained_without_the_words_of_the_configuration(key: str) -> None:
    text = help_of([key])
    assert re.search(rf"^  {re.escape(key)} ", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line.strip()]
    assert all(len(line.split()) > 2 for line in lines if line.startswith(f"  {key} ")), text
    assert not re.search(r"_target_|\$\{|\?\?\?", text)


@pytest.mark.parametrize("group", [*STAGES, *PRESETS])
def test_the_help_of_a_group_names_all_of_its_choices(group: str) -> None:
    text = help_of([group])
    for name in choice_names(group):
        assert f"{group}={name}" in text
        assert choice(group, name).summary, f"conf/{group}/{name}.yaml has no first comment"


def test_the_help_of_a_choice_states_type_range_and_default() -> None:
    text = help_of(["camera=zoom"])
    row = re.search(r"^  camera\.zoom_per_second +1\.15 .*?(?=^  camera\.)", text, re.M | re.S)
    assert row
    assert "number from 0.01 to 100" in " ".join(row[0].split())


@pytest.mark.parametrize(
    ("topic", "end"),
    [
        ("camrea", "did you mean camera?"),
        ("camera=zoomm", "did you mean zoom?"),
        ("dreamer.octave", "did you mean dreamer.octaves?"),
        ("widht", "did you mean width?"),
        ("lr", "did you mean dreamer.step_size?"),
        ("fps", "did you mean rate?"),
        ("step_size", "did you mean dreamer.step_size?"),
        ("cmaera=zoom", "did you mean camera?"),
        ("encoder=x264", "did you mean encoder=h264?"),
        ("xyzzy", "--help all lists all settings"),
    ],
)
def test_help_of_what_does_not_exist_names_what_does(topic: str, end: str) -> None:
    with pytest.raises(UserError) as caught:
        help_of([topic])
    assert str(caught.value).endswith(f"; {end}")


def test_help_with_settings_on_the_line_explains_these(tmp_path: Path) -> None:
    ran = dreamreel("camera=zoom", "--help", cwd=tmp_path)
    assert ran.stdout.startswith("camera=zoom: ")
    assert "usage" not in ran.stdout


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["clip.mp4"], ["input=clip.mp4"]),
        (["clip.mp4", "-o", "x.mp4", "-y"], ["input=clip.mp4", "output=x.mp4", "overwrite=true"]),
        (["-o", "x.mp4", "clip.mp4"], ["output=x.mp4", "input=clip.mp4"]),
        (["./frames"], ["input=./frames"]),
        (["~/clip.mp4"], ["input=~/clip.mp4"]),
        (["https://a.example/b?v=1"], ["input=https://a.example/b?v=1"]),
        (["input=a=b.mp4", "seed=1"], ["input=a=b.mp4", "seed=1"]),
        (["~seed", "+a=1", "++b=2"], ["~seed", "+a=1", "++b=2"]),
        (["-m", "clip.mp4", "seed=1,2"], ["-m", "input=clip.mp4", "seed=1,2"]),
        (["-m", "a.mp4", "b.mp4", "seed=1"], ["-m", "seed=1", "input=a.mp4,b.mp4"]),
        (["--config-dir", "my.presets", "clip.mp4"],
         ["--config-dir", "my.presets", "input=clip.mp4"]),
        (["--config-d", "my.presets", "clip.mp4"],
         ["--config-d", "my.presets", "input=clip.mp4"]),
        (["--multi", "a.mp4", "b.mp4"], ["--multi", "input=a.mp4,b.mp4"]),
        (["+camera@camera.moves.a=zoom"], ["+camera@camera.moves.a=zoom"]),
        (["hydra/launcher=local"], ["hydra/launcher=local"]),
    ],
)  # fmt: skip
def test_short_forms_stand_for_settings(words: list[str], meant: list[str]) -> None:
    assert expand(words) == meant


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["a.mp4", "-o"], "-o: must be followed by a file"),
        (["a.mp4", "-o", "seed=1"], "-o: must be followed by a file"),
    ],
)
def test_a_short_form_that_cannot_be_is_one_line(words: list[str], line: str) -> None:
    with pytest.raises(UserError, match=re.escape(line)):
        expand(words)


def test_a_clip_is_dreamt_by_its_name_alone(tmp_path: Path) -> None:
    counted(tmp_path / "clip.mp4", frames=2)
    rendered("clip.mp4", *TOY, "-o", "x.mkv", cwd=tmp_path)
    again = run("clip.mp4", *TOY, "-o", "x.mkv", cwd=tmp_path)
    assert again.line.startswith("output: must not exist")
    rendered("clip.mp4", *TOY, "-o", "x.mkv", "-y", cwd=tmp_path)


@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    every(5, [
        ([], 2, "", "usage: dreamreel INPUT"),
        (["lst", "looks"], 2, "", "lst: is not a command; did you mean list?"),
        (["list", "loks"], 2, "", "list: must be one of sources, "),
        (["list", "looks", "zebra"], 2, "", "list: must match a line"),
        (["list", "looks", "seed=1"], 2, "", "seed=1: must be left out"),
        (["list", "looks", "animal"], 0, "  look=beasts", ""),
        (["list", "cameras"], 0, "  camera=deforum", ""),
        (["list", "labels", "tabby"], 0, "  281  tabby", ""),
        (["list", "labels", "model=vgg17"], 2, "", "model: must be one of"),
        (["--version"], 0, "dreamreel ", ""),
        (["--info"], 0, "dreamreel ", ""),
        (["gallery", "nothing"], 2, "", "sweep: "),
        (["save-look", "mine", "from=no.mp4"], 2, "", "from: must be a job"),
        (["save-look", "lace", "from=no.mp4"], 2, "", "NAME: must not be one of the packaged"),
        (["atlas", "no.png"], 2, "", "input: must be a readable file"),
        (["shots", "no.mp4"], 2, "", "output: must be set"),
        (["plot-schedule", "1+"], 2, "", "schedule: must be a valid expression, got"),
    ]),
)  # fmt: skip
def test_a_command_says_what_it_does_or_what_is_wrong(
    tmp_path: Path, words: list[str], code: int, out: str, err: str
) -> None:
    ran = dreamreel(*words, cwd=tmp_path)
    assert ran.returncode == code, ran.stderr
    assert ran.stdout.startswith(out), ran.stdout
    assert ran.stderr.startswith(err), ran.stderr
    assert "Traceback" not in ran.stderr
    assert bool(ran.stdout) == bool(out)
    assert bool(ran.stderr) == bool(err)
    if words:
        assert ran.stderr.count("\n") <= 1


def test_versions_name_ffmpeg_torch_and_device(tmp_path: Path) -> None:
    lines = dreamreel("--version", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["dreamreel", "ffmpeg", "torch", "device"]


@pytest.mark.parametrize("name", choice_names("encoder"))
def test_the_encoder_that_info_tests_is_the_composed_one(name: str) -> None:
    assert packaged_encoder(name) == compose_stage("encoder", f"encoder={name}")


@pytest.mark.parametrize("words", every(2, ["--help", "list looks", "--help all", "--version"]))
def test_a_reader_that_has_left_is_no_error(tmp_path: Path, words: str) -> None:
    line = f"{sys.executable} -m pipeline {words} | true"
    ran = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("", "")


def test_a_look_of_a_result_is_saved_and_used(own: Path, tmp_path: Path) -> None:
    counted(tmp_path / "clip.mp4", frames=1)
    words = ("objective=label", "objective.label=volcano", "dreamer.smoothing=2")
    cfg, _ = compose_settings("input=clip.mp4", *words)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(OmegaConf.to_yaml(cfg, resolve=True))
    path = save("mine", recipe, overwrite=False)
    assert path == own / "look" / "mine.yaml"
    again, chosen = compose_settings("input=clip.mp4", "look=mine")
    assert (chosen["objective"], chosen["look"]) == ("label", "mine")
    assert again.objective == cfg.objective
    assert again.dreamer == cfg.dreamer
    with pytest.raises(UserError, match="exists already; add -y"):
        save("mine", recipe, overwrite=False)
    save("mine", recipe, overwrite=True)
    assert "mine" in dict(own_presets.summaries("look"))


def test_a_saved_look_says_nothing_of_the_number_of_steps(own: Path, tmp_path: Path) -> None:
    cfg, _ = compose_settings(
        "input=clip.mp4", "quality=fine", "dreamer.octaves=6", "warp.persistence=0.9"
    )
    (tmp_path / "recipe.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
    look = yaml.safe_load(save("mine", tmp_path / "recipe.yaml", overwrite=False).read_text())
    assert look == {"dreamer": {"octaves": 6}}


def test_a_result_without_a_look_of_its_own_is_not_saved(own: Path, tmp_path: Path) -> None:
    cfg, _ = compose_settings("input=clip.mp4", "quality=fine")
    (tmp_path / "recipe.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
    with pytest.raises(UserError, match="must have a look that differs"):
        save("mine", tmp_path / "recipe.yaml", overwrite=False)
    assert not [*own.rglob("*.yaml")]


def test_own_defaults_apply_where_the_command_line_says_nothing(own: Path) -> None:
    (own / "defaults.yaml").write_text(
        "seed: 7\ndreamer.step_size: 0.02\nlook: lace\nsave_seconds: 20\ndevice: cpu\n"
    )
    cfg, choices = compose_settings("input=clip.mp4")
    assert (cfg.seed, cfg.dreamer.step_size, choices["look"]) == (7, 0.02, "lace")
    cfg, choices = compose_settings("input=clip.mp4", "seed=1", "look=eyes")
    assert (cfg.seed, choices["look"]) == (1, "eyes")
    cfg, _ = compose_settings("input=clip.mp4", "recipe=visualise")  # another dreamer
    assert cfg.dreamer.step_size == 0.04


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("output: x.mp4", "must not set output, which belongs on the command line"),
        ("trust: [os]", "must not set trust"),
        ("limits.memory: 1000", "must not set limits.memory"),
        ("plan: true", "must not set plan"),
        ("sed: 1", "sed is not a setting; did you mean seed"),
        ("lr: 0.02", "lr is not a setting; did you mean dreamer.step_size?"),
        ("step_size: 0.02", "step_size is not a setting; did you mean dreamer.step_size?"),
        ("output_file: x.mp4", "output_file is not a setting; --help all lists all settings"),
        ("seed: ${oc.env:HOME}", "must not contain ${...}"),
        ("a: &a [1]\nb: [*a, *a]", "must not contain aliases"),
        ("dreamer: {octaves: 2}", "dreamer must be a plain value"),
        ("- 1", "must hold lines of KEY: VALUE"),
        ("a: [", "must be yaml"),
        ("x" * 20_000, "must hold lines of KEY: VALUE, at most"),
        ("!!python/object/apply:os.system [true]", "must not contain tags"),
        ("dreamer.octaves: [[1, {a: b}]]", "must be a plain value"),
    ],
)  # fmt: skip
def test_own_defaults_that_cannot_be_are_one_line(own: Path, text: str, line: str) -> None:
    (own / "defaults.yaml").write_text(text)
    with pytest.raises(UserError, match=re.escape(line)) as caught:
        compose_settings("input=clip.mp4")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["encoder:\n  _target_: os.system\n", "output: x.mp4\n", "trust: [os]\n", "a: &a [*a]\n"],
)
def test_an_own_preset_is_data_as_those_of_others(own: Path, text: str) -> None:
    (own / "look" / "bad.yaml").write_text(f"# @package _global_\n{text}")
    with pytest.raises(UserError) as caught:
        check(*compose_settings("input=clip.mp4", "look=bad"))
    assert "bad.yaml" in str(caught.value) or "_target_" in str(caught.value)

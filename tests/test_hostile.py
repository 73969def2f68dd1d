"""Presets and names that mean harm: one line, nothing run, nothing resolved, nothing forged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from clips import FFV1, counted
from clips import run as ffmpeg
from command_line import files, rendered, run

from pipeline.errors import UserError
from pipeline.presets import check_calls, check_presets, check_single

LAUGHS = "".join(
    f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'ha'] * 10)}]\n" for i in range(9)
)
"""A billion of them, if each alias is written out."""
CALLS = ["${oc.env:HOME}", "${oc.decode:'[1]'}", "${oc.create:{a:1}}", "${now:%S}", "a${oc.env:X}",
         "${hydra:runtime.cwd}", "${conf_folder:}", "${oc.${x}:HOME}",
         "\\\\${oc.env:HOME}"]  # fmt: skip
PRESETS = [
    ("objective:\n  _target_: os.system\n  command: touch ran\n", "objective._target_"),
    ("dreamer:\n  _target_: builtins.open\n  file: ran\n  mode: w\n", "must be in pipeline"),
    ("model:\n  _target_: torch.hub.load\n  repo_or_dir: a/b\n", "model._target_", "torch.hub"),
    ("dreamer:\n  octaves:\n    _target_: os.system\n    command: touch ran\n",
     "dreamer.octaves._target_"),
    ("objective:\n  layers:\n  - _target_: os.system\n    command: touch ran\n",
     "objective.layers.0._target_"),
    ("dreamer:\n  _partial_: true\n", "dreamer._partial_: is not a setting"),
    ("dreamer:\n  _args_: [touch ran]\n", "dreamer._args_: is not a setting"),
    ("dreamer: {octaves: 1}\ntrust: [os]\nflow:\n  _target_: os.system\n", "flow._target_"),
    # ours, but no part: it writes where it is told
    ("flow:\n  _target_: pipeline.notes.write\n  path: ran\n  text: x\n", "pipeline.notes.write"),
    ("flow:\n  _target_: pipeline.recording.remove\n  folder: kept\n", "pipeline.recording.remove"),
    ("flow:\n  _target_: pipeline.__main__.main\n", "pipeline.__main__.main"),
    *((f"guide: {call!r}\n" if "'" not in call else f'guide: "{call}"\n', "refer to nothing but")
      for call in CALLS[:-1]),
    ("seed: ${seed}\n", "seed: must be", "Recursive"),
    ("objective:\n" + LAUGHS, "have no aliases"),
    ("seed: &a [*a]\n", "have no aliases"),
    ("objective:\n  x: ${dreamer}\n  y: ${dreamer}\n", "refer to nothing but single settings"),
    ("input: {x: '${mask}', y: '${mask}'}\nmask: {x: '${guide}', y: '${guide}'}\n",
     "mask: must hold no ${}"),
    ("seed: !!python/object/apply:os.system ['touch ran']\n", "have no tags", "os.system"),
    ("seed: !!python/name:os.system\n", "have no tags"),
    ("trust: [" + "x," * 10000 + "]\n", "at most 16384 bytes"),
    ("trust: " + "[" * 5000 + "]" * 5000 + "\n", "be at most 20 deep"),
    ("hydra:\n  run:\n    dir: ran\n", "hydra"),
    ("hydra:\n  callbacks:\n    x:\n      _target_: os.system\n", "hydra"),
    ("defaults:\n  - override /hydra/job_logging: default\n", "hydra"),
    ("nonsense: 5\n", "nonsense: is not a setting"),
    ("dreamer:\n  octavs: 5\n", "dreamer.octavs: is not a setting", "dreamer.octaves"),
    ('"a\\e[31m\\nb": 5\n', "a\\x1b[31m\\nb: is not a setting"),
    ('guide: "a\\e[31m\\nb"\n', "a\\x1b[31m\\nb"),
    ("a: [\n", "must be yaml"),
    ("a: \x01\n", "must be yaml"),
    ("- 1\n", "must hold settings"),
    ("dreamer: {octaves: 2}\ndreamer: 5\n", "dreamer"),
]  # fmt: skip
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\u202e]")
"""What a terminal would obey, but for the end of a line."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a video, a folder that must stay, and one for presets."""
    folder = tmp_path / "here"
    (folder / "theirs" / "look").mkdir(parents=True)
    (folder / "kept").mkdir()
    (folder / "kept" / "notes.txt").write_text("not to be lost")
    counted(folder / "clip.mp4", frames=3)
    return folder


@pytest.mark.parametrize("case", PRESETS, ids=lambda case: case[0][:50])
def test_a_preset_that_means_harm_is_one_line_and_does_nothing(
    folder: Path, case: tuple[str, ...]
) -> None:
    text, *words = case
    (folder / "theirs" / "look" / "evil.yaml").write_text(f"# @package _global_\n{text}")
    before = files(folder)
    line = run("--config-dir=theirs", "input=clip.mp4", "look=evil", "seed=1" if "seed" not in text
               else "frames=1", cwd=folder).line  # fmt: skip
    assert not [word for word in words if word not in line], line
    assert not CONTROL.search(line)
    assert files(folder) == before


def test_a_preset_of_differences_works(folder: Path) -> None:
    (folder / "theirs" / "dreamer").mkdir()
    (folder / "theirs" / "look" / "mine.yaml").write_text(
        "# @package _global_\nframes: 2\nseed: 7\ndefaults:\n  - override /dreamer: calm\n"
    )
    (folder / "theirs" / "dreamer" / "calm.yaml").write_text(
        "_target_: pipeline.dreamer.none.Nothing\n"
    )
    rendered("--config-dir", "theirs", "input=clip.mp4", "look=mine", "output=x.mkv", cwd=folder)
    recipe = (folder / "x.mkv.render" / "recipe.yaml").read_text()
    assert "seed: 7\n" in recipe


def test_what_else_lies_in_the_folder_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.yaml").write_text("a: &a 1\nb: *a\n")
    check_presets(["--config-dir", str(tmp_path)], ["look"], ["frames"])
    (tmp_path / "look").mkdir()
    (tmp_path / "look" / "ok.yaml").write_text("source: {frames: '${frames}'}\n")
    check_presets([f"--config-dir={tmp_path}"], ["look"], ["frames"])
    (tmp_path / "look" / "deep").mkdir()
    (tmp_path / "look" / "deep" / "x.yaml").write_text("a: &a 1\nb: *a\n")
    for words in (["-cd", str(tmp_path)], [f"--config-di={tmp_path}"], ["-cp", str(tmp_path)]):
        with pytest.raises(UserError, match="have no aliases"):
            check_presets(words, ["look"], ["frames"])


@pytest.mark.parametrize("call", CALLS)
def test_no_setting_calls_what_reaches_beyond(call: str) -> None:
    with pytest.raises(UserError, match=r"^a\.1: must not call"):
        check_calls({"a": ["x", call]})


@pytest.mark.parametrize(
    "text", ["${frames}", "\\${oc.env:HOME}", "0s: 1, 4s: 2", "a:b", "$x{a:b}"]
)
def test_a_reference_or_a_name_calls_nothing(text: str) -> None:
    check_calls({"a": {"b": [text]}})
    check_single("output", text)


@pytest.mark.parametrize("word", ["seed=${oc.env:HOME}", "objective.layers=[${oc.env:HOME}]"])
def test_the_command_line_calls_nothing_either(folder: Path, word: str) -> None:
    line = run("input=clip.mp4", word, cwd=folder).line
    assert "must not call what reaches beyond the settings" in line


@pytest.mark.parametrize("key", ["input", "mask", "guide", "audio", "model.weights"])
@pytest.mark.parametrize("name", ["${oc.env:HOME}", "${now:%S}", "a\nb: \x1b[31mx", "\u202egpj.x"])
def test_no_name_is_resolved_or_shown_raw(folder: Path, key: str, name: str) -> None:
    given = {"input": "clip.mp4", key: name}
    if key == "model.weights":
        given |= {"model": "torchvision", "model.name": "resnet18", "objective.layers": "layer1"}
    line = run(*(f"{key}={value}" for key, value in given.items()), cwd=folder).line
    shown = name.encode("unicode_escape").decode() if CONTROL.search(name) else name
    assert shown in line
    assert not CONTROL.search(line)


def test_no_name_and_no_title_forges_a_line(folder: Path) -> None:
    forged = "2026-01-01 00:00:00,000 CRITICAL forged"
    name = f"a\n{forged} \x1b[31m.mkv"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=0.4",
           "-metadata", f"title=t\n{forged}\x1b[2J",
           "-metadata", "comment=;[CHAPTER]\nSTART=0\n-y\nevil.mp4", "-vf", "setpts=N*N*4",
           *FFV1, f"file:{folder / 'whole.mkv'}")  # fmt: skip
    whole = bytearray((folder / "whole.mkv").read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 200] = bytes(200)  # so that something is said of it
    (folder / name).write_bytes(whole)
    ran = rendered(f"input={name}", "output=x.mp4", "dreamer=none", cwd=folder)
    log = (folder / "x.mp4.render" / "render.log").read_text("utf-8")
    for text in (log, ran.err, ran.out):
        assert not CONTROL.search(text)
        assert not re.search(f"^{forged}", text, re.MULTILINE)
    assert "damaged" in log or "variable rate" in log  # there was something to say
    assert not (folder / "evil.mp4").exists()

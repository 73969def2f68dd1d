"""Presets and names that mean harm: one line, nothing run, nothing resolved, nothing forged."""

from __future__ import annotations

import os
import re
import shutil
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from helpers.clips import FFV1, counted, video_comment
from helpers.clips import run as ffmpeg
from helpers.command_line import files, rendered, run
from helpers.sampling import every
from hydra.core.config_store import ConfigStore
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torchvision.models import resnet18

from pipeline.config.hydra_config import schema
from pipeline.config.plain_data import check_calls, check_single
from pipeline.config.untrusted import register, unregister
from pipeline.errors import UserError

LAUGHS = "".join(
    f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'ha'] * 10)}]\n" for i in range(9)
)
"""A billion of them, if each alias is written out."""
CALLS = ["${oc.env:HOME}", "${oc.decode:'[1]'}", "${oc.create:{a:1}}", "${now:%S}", "a${oc.env:X}",
         "${hydra:runtime.cwd}", "${conf_folder:}", "${oc.${x}:HOME}",
         "\\\\${oc.env:HOME}"]  # fmt: skip
PRESETS = [
    ("objective:\n  _target_: os.system\n  command: touch ran\n", "objective._target_"),
    ("dreamer:\n  _target_: builtins.open\n  file: ran\n  mode: w\n", "in the package pipeline"),
    ("model:\n  _target_: torch.hub.load\n  repo_or_dir: a/b\n", "model._target_", "torch.hub"),
    ("dreamer:\n  octaves:\n    _target_: os.system\n    command: touch ran\n",
     "dreamer.octaves._target_"),
    ("objective:\n  layers:\n  - _target_: os.system\n    command: touch ran\n",
     "objective.layers.0._target_"),
    ("dreamer:\n  _partial_: true\n", "only existing settings, got dreamer._partial_; "),
    ("dreamer:\n  _args_: [touch ran]\n", "only existing settings, got dreamer._args_; "),
    ("dreamer: {_target_: pipeline.dreamer.none.Nothing}\ntrust: [shutil]\nflow:\n"
     "  _target_: shutil.copyfile\n  src: clip.mp4\n  dst: ran\n", "must not set trust"),
    *((f"{key}: {value}\n", f"must not set {key}") for key, value in (
        ("overwrite", "true"), ("output", "kept/notes.txt"), ("output", "null"),
        ("device", "cuda:7"), ("limits", "{memory: 1000}"), ("from", "clip.mp4"),
        ("sweep", "kept"), ("shots", "kept"), ("part", "0-1"), ("plan", "true"),
        ("profile", "true"), ("save_seconds", "1e9"), ("compile", "none"))),
    ("source:\n  limits: {memory: 1000}\n", "must not set source.limits"),
    ("hydra: {mode: MULTIRUN, sweeper: {params: {source.limits.memory: '1,2'}}}\n",
     "must not set source.limits"),
    ("hydra: {mode: MULTIRUN, sweeper: {params: {overwrite: 'true,false'}}}\n",
     "must not set overwrite"),
    # ours, but no part: it writes where it is told
    ("encoder:\n  _target_: pipeline.encoder.images._write\n  path: ran\n",
     "pipeline.encoder.images._write"),
    ("encoder:\n  _target_: pipeline.encoder.segment.Segment\n  path: ran\n",
     "pipeline.encoder.segment.Segment"),
    # a part, but of another group
    ("flow:\n  _target_: pipeline.encoder.images.Images\n", "a packaged flow uses"),
    ("encoder:\n  options: {x264-params: 'pass=1:stats=ran'}\n",
     "encoder.options.x264-params", "got 'pass=1'"),
    ("encoder:\n  options: {stats: ran}\n", "encoder.options.stats", "may name a file"),
    ("encoder:\n  options: {passlogfile: ran}\n", "encoder.options.passlogfile"),
    ("encoder:\n  options: {x264opts: 'stats=ran'}\n", "encoder.options.x264opts"),
    ("flow:\n  _target_: pipeline.storage.work_dir.write_text\n  path: ran\n  text: x\n",
     "pipeline.storage.work_dir.write_text"),
    ("flow:\n  _target_: pipeline.recording.recording.remove\n  folder: kept\n",
     "pipeline.recording.recording.remove"),
    ("flow:\n  _target_: pipeline.__main__.main\n", "pipeline.__main__.main"),
    *((f"guide: {call!r}\n" if "'" not in call else f'guide: "{call}"\n', "for a single setting")
      for call in CALLS[:-1]),
    ("seed: ${seed}\n", "seed: must refer to", "Recursive"),
    ("objective:\n" + LAUGHS, "not contain aliases"),
    ("seed: &a [*a]\n", "not contain aliases"),
    ("objective:\n  x: ${dreamer}\n  y: ${dreamer}\n", "except for a single setting"),
    ("input: {x: '${mask}', y: '${mask}'}\nmask: {x: '${guide}', y: '${guide}'}\n",
     "mask: must not contain ${...}"),
    ("seed: !!python/object/apply:os.system ['touch ran']\n", "not contain tags", "os.system"),
    ("seed: !!python/name:os.system\n", "not contain tags"),
    ("guide: [" + "x," * 10000 + "]\n", "at most 16384 bytes"),
    ("guide: " + "[" * 5000 + "]" * 5000 + "\n", "be nested at most 20 levels deep"),
    ("hydra:\n  run:\n    dir: ran\n", "hydra"),
    ("hydra:\n  callbacks:\n    x:\n      _target_: os.system\n", "hydra"),
        *((f"defaults: {entries}\n", "in its defaults" if entries[0] == "[" else "list as its")
      for entries in (
        "[override /hydra/job_logging: default]", "[{override hydra/launcher: ray}]",
        "[/other/x]", "[{/other: x}]", "[{override /other: x}]", "[../other/x]", "[evil]",
        "[{override /look: evil}]", "[/look: evil]", "[{override /flow: 7}]", "[7]", "[null]",
        "[{override /flow: [dis]}]", "[{override /flow: nix}]", "[{override /flow: '../x'}]",
        "[{override /flow: dis, x: y}]", "[{flow@hydra.callbacks: dis}]", "[{camera@x: zoom}]",
        "[optional x: y]", "[[]]", "7", "{flow: dis}", "text")),
    ("nonsense: 5\n", "only existing settings, got nonsense; "),
    ("dreamer:\n  octavs: 5\n", "only existing settings, got dreamer.octavs; ", "dreamer.octaves"),
    ('"a\\e[31m\\nb": 5\n', "existing settings, got a\\x1b[31m\\nb; "),
    ('guide: "a\\e[31m\\nb"\n', "a\\x1b[31m\\nb"),
    ("a: [\n", "must be valid YAML"),
    ("a: \x01\n", "must be valid YAML"),
    ("- 1\n", "must contain settings"),
    ("seed: 2001-99-99\n", "must be valid YAML"),
    ("dreamer: [1]\n", "must contain settings of dreamer"),
    ("encoder: {options: [a]}\n", "look=evil: must set each setting to a value of its type"),
    ("hydra: {mode: MULTIRUN, sweeper: {params: {seed: null}}}\n", "nothing of hydra except"),
    ("hydra: {mode: MULTIRUN, sweeper: {params: {seed: 'range(1,100000000)'}}}\n",
     "-m: must result in at most 10000 jobs"),
    ("hydra: {mode: MULTIRUN, sweeper: {params: {flow: 'glob(zz*)'}}}\n",
     "-m: must result in at least one job"),
    ("defaults: [_self_, _self_]\n", "must contain _self_ at most once"),
    ("defaults: [{override flow: none}]\n", "must contain only 'override /GROUP: CHOICE'"),
    *((f"{group}: still\n", f"must contain only existing settings, got {group}")
      for group in ("recipe", "quality", "look", "experiment")),
    ("mask: 5\n", "mask: must be the name of a file, got 5"),
    ("guide: [a]\n", "guide: must be the name of a file"),
    ("mask: {_target_: os.system}\n", "mask: must be the name of a file"),
    ('guide: "a\\0b"\n', "guide: must be a valid file name"),
    (f"mask: {'a' * 300}\n", "mask: must be a name of at most 255 bytes"),
    *((f"flow: {{_target_: {name}}}\n", "flow._target_: must be the dotted name")
      for name in ("null", "''", "[a]", "5")),
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


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that tells its settings."""
    home = tmp_path_factory.mktemp("result") / "here"
    home.mkdir()
    counted(home / "clip.mp4", frames=3)
    rendered("input=clip.mp4", "dreamer=none", "encoder=h264", "output=x.mkv", cwd=home)
    return home / "x.mkv"


@pytest.mark.parametrize(
    "case", every(8, [pytest.param(case, id=case[0][:50]) for case in PRESETS])
)
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


@pytest.mark.parametrize(
    "header", ["hydra.callbacks.x", "hydra", "look", "dreamer", "_global_.hydra", "a b", ""]
)
@pytest.mark.parametrize("group", ["look", "flow"])
def test_a_preset_belongs_nowhere_but_in_its_group(folder: Path, group: str, header: str) -> None:
    (folder / "theirs" / group).mkdir(exist_ok=True)
    (folder / "theirs" / group / "evil.yaml").write_text(
        f"# nice\n#  @package {header}\n_target_: logging.FileHandler\nfilename: ran\n"
    )
    before = files(folder)
    line = run("--config-dir=theirs", "input=clip.mp4", f"{group}=evil", cwd=folder).line
    assert f"theirs/{group}/evil.yaml must not have a header other than" in line
    assert files(folder) == before


@pytest.mark.slow
def test_what_else_lies_in_the_folder_is_out_of_reach(folder: Path) -> None:
    evil = "# @package hydra.callbacks.x\n_target_: logging.FileHandler\nfilename: ran\n"
    for name in ("evil.yaml", "other/x.yaml", "hydra/launcher/x.yaml", "look/deep/x.yaml"):
        path = folder / "theirs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(evil)
    (folder / "theirs" / "look" / "ok.yaml").write_text("frames: 1\n")
    before = files(folder)
    words = ("--config-dir=theirs", "input=clip.mp4", "dreamer=none")
    for more in ("look=deep/x", "look=../other/x", "+other=x", "hydra/launcher=x", "look=../evil"):
        assert "evil.yaml" not in run(*words, more, cwd=folder).line
    for option in ("--config-name=evil", "-cn=evil", "--config-path=theirs", "-cp=theirs",
                   "--experimental-rerun=evil.yaml"):  # fmt: skip
        assert "is not an option" in run(*words, option, cwd=folder).line
    assert "must not be set" in run(*words, "hydra.searchpath=[theirs]", cwd=folder).line
    assert files(folder) == before
    rendered(*words, "look=ok", "output=x.mkv", cwd=folder)


def test_a_preset_is_a_file_in_the_folder(folder: Path) -> None:
    look = folder / "theirs" / "look"
    (folder / "far.yaml").write_text("frames: 1\n")
    for make, said in (
        (lambda path: path.symlink_to(folder / "far.yaml"), "got a link to another folder"),
        (lambda path: os.mkfifo(path), "must be a file"),
        (lambda path: path.mkdir(), "must be a file"),
        (lambda path: path.symlink_to("evil.yaml"), "must be a file"),
    ):
        make(look / "evil.yaml")
        line = run("--config-dir=theirs", "input=clip.mp4", "look=evil", cwd=folder).line
        assert said in line
        path = look / "evil.yaml"
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    (look / "fur.yaml").write_text("frames: 1\n")
    line = run("--config-dir=theirs", "input=clip.mp4", "look=fur", cwd=folder).line
    assert "than the choices of dreamreel, got look=fur; rename it" in line
    for name in ("nix", "kept"):
        assert run(f"--config-dir={name}", "input=clip.mp4", cwd=folder).line.startswith("--config")


def test_a_folder_that_was_named_once_is_not_there_the_next_time(tmp_path: Path) -> None:
    (tmp_path / "look").mkdir()
    (tmp_path / "look" / "mine.yaml").write_text("frames: 1\n")
    register(tmp_path, schema())
    store = ConfigStore.instance()
    assert store.list("look") == ["mine.yaml"]
    unregister()
    assert store.list("look") == []


@pytest.mark.parametrize("call", CALLS)
def test_no_setting_calls_what_reaches_beyond(call: str) -> None:
    with pytest.raises(UserError, match=r"^a\.1: must not contain"):
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
    assert "must not contain ${...} except for the name of a single setting" in line


@pytest.mark.parametrize(
    ("key", "name"),
    every(
        4,
        product(
            ["input", "mask", "guide", "audio", "model.weights", "model.labels", "from"],
            ["pipe", "pipe.png", "pipe.yaml", "/dev/zero"],
        ),
    ),
)
def test_no_pipe_and_no_device_is_read(folder: Path, key: str, name: str) -> None:
    if not name.startswith("/"):
        os.mkfifo(folder / name)
    given = {"input": "clip.mp4", key: name}
    if key.startswith("model."):
        (folder / "w.pth").touch()
        given |= {"model": "torchvision", "model.name": "resnet18", "objective.layers": "layer1"}
    elif key == "from":
        del given["input"]
    words = [f"{key}={value}" for key, value in given.items()]
    if key == "model.labels":
        torch.save(resnet18(num_classes=2).state_dict(), folder / "w.pth")
        words.append("model.weights=w.pth")
    line = run(*words, cwd=folder).line
    assert line.startswith(f"{key}: ")
    assert f"{name}" in line


@pytest.mark.parametrize(
    ("settings", "said"),
    every(
        3,
        [
            (
                {"trust": ["shutil"], "encoder": {"_target_": "shutil.copyfile"}},
                "must not set trust",
            ),
            ({"overwrite": True}, "must not set overwrite"),
            ({"output": "kept/notes.txt"}, "must not set output"),
            ({"limits": {"memory": 1000}}, "must not set limits"),
            ({"encoder": {"options": {"x264-params": "pass=1:stats=ran"}}}, "got 'pass=1'"),
            ({"encoder": {"options": {"stats": "ran"}}}, "may name a file"),
            (
                {"encoder": {"_target_": "pipeline.encoder.images._write"}},
                "must use choices that exist",
            ),
            ({"x": "y" * 4_000_000}, "which contains no settings"),
            ({"x": [[1] * 9 for _ in range(9000)]}, "which contains no settings"),
        ],
    ),
    ids=lambda case: str(case)[:50],
)
@pytest.mark.parametrize("name", every(2, ["evil.mkv", "evil.png"]))
def test_the_comment_of_a_result_is_data(
    folder: Path, result: Path, settings: dict[str, Any], said: str, name: str
) -> None:
    shutil.copy(result, folder / "x.mkv")
    comment = video_comment(folder / "x.mkv")
    first, _, text = comment.partition("\n")
    whole = yaml.safe_load(text)
    for key, value in settings.items():
        held = whole.get(key)
        whole[key] = {**held, **value} if isinstance(held, dict) else value
    evil = f"{first}\n{yaml.safe_dump(whole, sort_keys=False)}"
    if name.endswith("png"):
        chunks = PngInfo()
        chunks.add_text("comment", evil)
        Image.new("RGB", (64, 64)).save(folder / name, pnginfo=chunks)
    else:
        tags = folder / "tags.txt"
        for special in "\\=;#\n":
            evil = evil.replace(special, f"\\{special}")
        tags.write_text(f";FFMETADATA1\ncomment={evil}\n")
        ffmpeg("-i", f"file:{folder / 'x.mkv'}", "-i", f"file:{tags}", "-map", "0:v",
               "-map_metadata", "1", "-c", "copy", f"file:{folder / name}")  # fmt: skip
    before = files(folder)
    line = run(f"from={name}", "input=clip.mp4", "output=y.mkv", cwd=folder).line
    assert said in line
    assert files(folder) == before


def _chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + crc


PNG, HEADER = b"\x89PNG\r\n\x1a\n", (64).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
BOMB = zlib.compress(bytes(200_000_000))
PNGS = {
    "zipped text": PNG + _chunk(b"IHDR", HEADER) + _chunk(b"zTXt", b"comment\0\0" + BOMB),
    "zipped text of the world": PNG + _chunk(b"IHDR", HEADER)
    + _chunk(b"iTXt", b"comment\0\1\0\0\0" + BOMB),
    "zipped profile": PNG + _chunk(b"IHDR", HEADER) + _chunk(b"iCCP", b"x\0\0" + BOMB),
    "80 texts": PNG + _chunk(b"IHDR", HEADER)
    + _chunk(b"tEXt", b"comment\0" + b"x" * 1_000_000) * 80,
    "huge": PNG + _chunk(b"IHDR", (2**31 - 1).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"),
    "large": PNG + _chunk(b"IHDR", (12000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"),
    "cut": PNG + _chunk(b"IHDR", HEADER)[:15],
    "short header": PNG + _chunk(b"IHDR", HEADER[:5]),
    "long chunk": PNG + _chunk(b"IHDR", HEADER) + b"\x7f\xff\xff\xfftEXtcomment",
    "no chunk": PNG,
    "wrong sum": PNG + _chunk(b"IHDR", HEADER)[:-1] + b"x",
}  # fmt: skip


@pytest.mark.parametrize("name", PNGS)
def test_a_png_that_means_harm_tells_no_settings(folder: Path, name: str) -> None:
    (folder / "x.png").write_bytes(PNGS[name])
    line = run("from=x.png", "input=clip.mp4", cwd=folder).line
    assert "got x.png, which contains no settings" in line


@pytest.mark.parametrize(
    ("key", "name"),
    every(
        3,
        product(
            ["input", "mask", "guide", "audio", "model.weights"],
            ["${oc.env:HOME}", "${now:%S}", "a\nb: \x1b[31mx", "\u202egpj.x"],
        ),
    ),
)
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
    assert "damaged" in log or "variable frame rate" in log  # there was something to say
    assert not (folder / "evil.mp4").exists()


@pytest.mark.parametrize("key", ["input", "mask", "guide", "from", "output", "--config-dir", ""])
@pytest.mark.parametrize("name", ["a" * 300, f"{'a' * 300}.mp4", "a/" * 2500])
def test_a_name_that_no_disk_can_hold_is_one_line(folder: Path, key: str, name: str) -> None:
    before = files(folder)
    said = () if key in ("input", "") else ("input=clip.mp4",)
    line = run(*said, f"{key}={name}" if key else name, cwd=folder).line
    assert line.startswith(f"{key or 'input'}: must be a name of at most 255 bytes")
    assert files(folder) == before


@pytest.mark.parametrize("word", ["+seed=3", "++flow=dis"])
def test_a_plus_too_many_is_one_line_with_a_remedy(folder: Path, word: str) -> None:
    line = run("input=clip.mp4", word, cwd=folder).line
    key = word.lstrip("+").partition("=")[0]
    assert line.startswith(f"{key}: must not be added")
    assert f"; set {key}=" in line

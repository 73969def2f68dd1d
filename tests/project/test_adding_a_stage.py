"""docs/development/adding-a-stage.md: its files and commands do what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from helpers.clips import counted, video
from helpers.command_line import Ran, ended, files, spawn
from helpers.stages import CONF

PAGE = CONF.parent / "docs" / "development" / "adding-a-stage.md"
FILE = re.compile(r"^\*\*`([\w./]+)`\*\*\n\n```(python|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = {"python": (), "dreamreel": ("-m", "pipeline")}
"""Program -> the arguments with which Python runs it."""


def run(line: str, cwd: Path) -> Ran:
    """A command of the page, `$ NAME=VALUE ... PROGRAM ARGUMENT ...`, run in this folder."""
    prompt, *words = shlex.split(line)
    assert prompt == "$"
    environment = {}
    while re.match(r"[A-Z]+=", words[0]):
        name, _, environment[name] = words.pop(0).partition("=")
    program, *arguments = words
    return ended(spawn(*PROGRAMS[program], *arguments, cwd=cwd, **environment))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page and a clip, without presets of the user's own."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name, _, content in FILE.findall(PAGE.read_text("utf-8")):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)
    counted(home / "clip.mp4", frames=5)
    return home


def commands() -> list[str]:
    """The commands of the page, in order."""
    blocks = COMMANDS.findall(PAGE.read_text("utf-8"))
    return [line for block in blocks for line in block.splitlines()]


def test_every_block_of_code_has_the_name_of_its_file() -> None:
    text = PAGE.read_text("utf-8")
    assert len(FILE.findall(text)) == len(re.findall(r"^```(?:python|yaml)$", text, re.MULTILINE))


@pytest.mark.slow
def test_the_page_adds_a_camera_move_that_renders(folder: Path) -> None:
    check, render = commands()
    checked = run(check, folder)
    assert (checked.code, checked.out) == (0, "orbit works\n"), checked.err
    rendered = run(render, folder)
    assert rendered.code == 0, rendered.err
    assert len(list(video(folder / "orbit.mp4").pictures())) == 3
    recipe = (folder / "orbit.mp4.render" / "recipe.yaml").read_text("utf-8")
    assert "_target_: mymoves.orbit.Orbit\n  radius: 0.2\n" in recipe


@pytest.mark.slow
def test_its_settings_are_checked_and_its_code_needs_trust(folder: Path) -> None:
    *_, render = commands()
    refused = run(render.replace("radius=0.2", "radius=2"), folder)
    assert refused.line.startswith("camera.radius: must be ")
    untrusted = run(render.replace('"trust=[mymoves]"', ""), folder)
    assert "camera._target_: " in untrusted.line
    assert "set 'trust=[mymoves]'" in untrusted.line
    assert "orbit.mp4" not in files(folder)


@pytest.mark.slow
def test_its_preset_may_lie_among_the_users_own(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "config" / "dreamreel"
    own.parent.mkdir()
    (folder / "presets").rename(own)
    *_, render = commands()
    rendered = run(render.replace("--config-dir presets", "dreamer=none"), folder)
    assert rendered.code == 0, rendered.err
    assert "orbit.mp4" in files(folder)

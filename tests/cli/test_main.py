"""The command line as a process: help, completion, signals, and a folder that misleads it."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest
from helpers.clips import counted, video
from helpers.command_line import ended, files, rendered, spawn

CONF = Path(__file__).parents[2] / "conf"
WATCHED = (
    "import atexit, sys; sys.argv[0] = 'dreamreel'; sys.path.remove(''); "
    "from pipeline.__main__ import main; "
    "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr)); main()"
)
"""The installed command, which says at the end whether torch was imported."""


def test_help_lists_every_choice_and_five_examples_without_torch(tmp_path: Path) -> None:
    ran = ended(spawn("-c", WATCHED, "--help", cwd=tmp_path))
    assert (ran.code, ran.err) == (0, "False\n")
    words = ran.out.replace(",", " ").split()
    for path in CONF.glob("[!h]*/*.yaml"):
        assert path.stem in words, path
    assert len(re.findall(r"^ +dreamreel .*clip\.mp4", ran.out, re.MULTILINE)) >= 3
    assert len(ran.out.splitlines()) <= 90, "two screens"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("dreamer=o", {"dreamer=octaves"}),
        ("dreamer=", {f"dreamer={path.stem}" for path in (CONF / "dreamer").glob("*.yaml")}),
        ("dreamer.oct", {"dreamer.octaves=", "dreamer.octave_scale="}),
        ("model=efficientnet_lite1 obj", {"objective.", "objective="}),
    ],
)
def test_tab_completes_choices_and_keys_without_torch(
    tmp_path: Path, typed: str, offered: set[str]
) -> None:
    # as Hydra's script for bash asks it
    line = f"dreamreel {typed}"
    query = ("-sc", "query=bash")
    asked = spawn("-c", WATCHED, *query, cwd=tmp_path, COMP_LINE=line, COMP_POINT=str(len(line)))
    ran = ended(asked)
    assert (ran.code, ran.err) == (0, "False\n")
    assert set(ran.out.split()) == offered


def test_the_script_that_bash_evaluates_completes_our_command(tmp_path: Path) -> None:
    script = ended(spawn("-c", WATCHED, "-sc", "install=bash", cwd=tmp_path)).out
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert script.rstrip().endswith("hydra_bash_completion dreamreel")


def test_the_settings_can_be_shown_without_rendering(tmp_path: Path) -> None:
    ran = rendered("input=nothing.mp4", "--cfg", "job", cwd=tmp_path)
    assert "input: nothing.mp4\n" in ran.out


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for children in /proc")
@pytest.mark.parametrize(
    ("number", "code", "word", "partial"),
    [
        (signal.SIGINT, 130, "stopped after frame", True),
        pytest.param(signal.SIGTERM, 143, "stopped by a signal", False, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_it_in_order_and_the_same_command_goes_on(
    tmp_path: Path, number: signal.Signals, code: int, word: str, partial: bool
) -> None:
    counted(tmp_path / "clip.mp4", frames=200)
    # long enough that only the signal can have ended it
    asked = ("input=clip.mp4", "output=x.mp4", "dreamer.octaves=1", "dreamer.upkeep_iterations=50")
    process = spawn("-m", "pipeline", *asked, cwd=tmp_path)
    try:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith("frame 1 of 200"):
            assert line, "it ended before its first frame"
        children = running_below(process.pid)
        assert len(children) == 2  # ffmpeg at either end
        process.send_signal(number)
    except BaseException:
        process.kill()
        raise
    ran = ended(process)
    assert ran.code == code
    last = ran.err.splitlines()[-1]
    assert last.startswith(word)
    assert last.endswith("; run the same command again to resume")
    assert "Traceback" not in ran.err
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    # Ctrl-C leaves what can be watched; who is ended from outside may have no time for it
    work = tmp_path / "x.mp4.render"
    assert (work / "partial.mp4").exists() == partial
    saved = [int(path.name.removeprefix("state-")) for path in work.glob("state-*")]
    assert len(saved) == 1
    if partial:
        assert len(list(video(work / "partial.mp4").pictures())) == saved[0] + 1
    assert not {"lock", "progress.json"} & files(work)
    again = spawn("-m", "pipeline", *asked, cwd=tmp_path)
    assert again.stderr is not None
    while not (line := again.stderr.readline()).startswith("resuming after frame "):
        assert line, "it did not go on"
    again.kill()
    ended(again)
    assert int(line.split()[3]) == saved[0]


def running_below(parent: int) -> list[str]:
    """The processes that this one, or a thread of it, has started."""
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [child for task in tasks for child in task.read_text().split()]


@pytest.mark.slow
def test_a_namesake_in_the_current_folder_is_named_and_harmless(tmp_path: Path) -> None:
    counted(tmp_path / "clip.mp4", frames=2)
    (tmp_path / "pipeline.py").write_text("raise SystemExit('the wrong one')\n")
    asked = ("input=clip.mp4", "dreamer=none", "flow=none", "cuts=none")
    ran = ended(spawn("-c", WATCHED, *asked, cwd=tmp_path))
    assert ran.code == 0
    assert ran.err.splitlines()[0].startswith(f"warning: {tmp_path / 'pipeline.py'} ")

"""pipeline.recording.fingerprint: what a result is made of, and what of it differs, by name."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline.errors import UserError
from pipeline.recording import fingerprint as module
from pipeline.recording.fingerprint import Fingerprint, code, contents, device_name, fingerprint

CPU = torch.device("cpu")


def here(**changes: object) -> Fingerprint:
    settings = {"seed": 1, "dreamer": {"step_size": 0.01, "views": {"side": 8}}, **changes}
    return fingerprint(settings, [], weights="a" * 64, device=CPU, trusted=["pipeline"])


def test_the_same_here_and_now_is_no_difference() -> None:
    assert here().differences(here().facts) == []


def test_each_setting_that_differs_is_named_with_both_values() -> None:
    other = here(dreamer={"step_size": 0.02, "views": {"side": 8}, "more": None}, seed=1)
    assert other.differences(here().facts) == [
        "dreamer.step_size=0.02 (was 0.01)",
        "dreamer.more (was not set)",
    ]
    assert here().differences(other.facts)[1] == "dreamer.more (is no longer set)"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("contents of the weights", "other contents of the weights"),
        ("code of pipeline", "other code of pipeline"),
        ("OMP_NUM_THREADS", f"OMP_NUM_THREADS={torch.get_num_threads()} (was 99)"),
        ("torch", f"torch={torch.__version__} (was 99)"),
        ("python", "python="),
        ("ffmpeg", "ffmpeg"),
        ("device", "device"),
    ],
)
def test_whatever_may_change_a_bit_is_in_it(name: str, told: str) -> None:
    before = {**here().facts, name: "99"}
    (difference,) = here().differences(before)
    assert told in difference


def test_a_name_cannot_forge_a_line() -> None:
    (told,) = here(input="a\nb\x1b[31m").differences(here(input="c").facts)
    assert "\n" not in told
    assert "\x1b" not in told


def test_the_code_is_every_python_file_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "housemade"
    (package / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/a.py"):
        (package / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    told = [code("housemade")]
    for name, text in (("inner/a.py", "# a comment"), ("b.py", ""), ("data.txt", "no code")):
        (package / name).write_text(text)
        code.cache_clear()
        told.append(code("housemade"))
    assert len(set(told)) == 3
    assert told[-1] == told[-2]
    assert code("no_such_package_anywhere") == "missing"


def test_the_device_is_told_by_its_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_name(CPU).startswith("cpu: ")
    assert torch.backends.cpu.get_cpu_capability() in device_name(CPU)
    for computes in (False, True):
        monkeypatch.setattr(module, "has_bfloat16", lambda device, computes=computes: computes)
        assert device_name(CPU).endswith(", bfloat16") == computes
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA H100")
    assert device_name(torch.device("cuda:0")) == "cuda: NVIDIA H100"


def test_contents_are_told_by_bytes_and_not_by_name_or_time(tmp_path: Path) -> None:
    one, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    one.write_bytes(b"frames")
    other.write_bytes(b"frames")
    os.utime(other, (1, 1))
    held = contents("input", one)
    assert held.sha256 == contents("input", other).sha256
    held.check()
    os.utime(one, (1, 1))  # a backup came by
    held.check()
    one.write_bytes(b"framed")
    with pytest.raises(UserError, match=r"^input: must not change during the render, got oth"):
        held.check()
    one.unlink()
    with pytest.raises(UserError, match=r"^input: must not change"):
        held.check()


@pytest.mark.parametrize("asked", ["", "%03d.png"])
def test_of_a_folder_or_a_pattern_every_file_counts_with_its_name(
    tmp_path: Path, asked: str
) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    for number in range(3):
        (shots / f"{number:03d}.png").write_bytes(bytes([number]))
    held = contents("input", shots / asked)
    (shots / "001.png").rename(shots / "spare.png")
    (shots / "002.png").rename(shots / "001.png")
    (shots / "spare.png").rename(shots / "002.png")  # two have changed places
    with pytest.raises(UserError):
        held.check()


def test_the_inputs_of_a_fingerprint_are_checked_each(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    held = [contents("input", tmp_path / "a"), contents("mask", tmp_path / "b")]
    made_of = replace(here(), inputs=held)
    made_of.check()
    (tmp_path / "b").write_text("c")
    with pytest.raises(UserError, match=r"^mask: must not change"):
        made_of.check()


def test_a_machine_without_proc_has_a_processor_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROCESSORS", Path("/nowhere"))
    module.processor.cache_clear()
    monkeypatch.setattr(module, "has_bfloat16", lambda device: False)
    assert device_name(CPU).count(",") == 1
    module.processor.cache_clear()


def test_a_refusal_names_three_differences_and_counts_the_others(tmp_path: Path) -> None:
    path = tmp_path / "made_of.json"
    here().write(path)
    assert here().can_resume(path, overwrite=False)
    other = here(seed=2, dreamer={"step_size": 0.02, "views": {"side": 9}}, a=1, b=2, c=3)
    with pytest.raises(UserError) as refused:
        other.can_resume(path, overwrite=False)
    assert str(refused.value) == (
        f"output: the render in {tmp_path} must be resumed with what it was started with, got "
        "seed=2 (was 1), dreamer.step_size=0.02 (was 0.01), dreamer.views.side=9 (was 8) and 3 "
        "more differences; undo that, or set overwrite=true to start over"
    )
    assert not other.can_resume(path, overwrite=True)


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_damaged_facts_are_one_short_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "made_of.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"got a damaged made_of\.json; undo that, or set overw"):
        here().can_resume(path, overwrite=False)

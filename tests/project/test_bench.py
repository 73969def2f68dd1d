"""scripts/bench.py writes facts about the run, its results and its requirements to one file."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import bench
import numpy as np
import pytest
import torch
from benchmarks.facts import commit, run_facts

CPU = torch.device("cpu")


def git(folder: Path, *words: str) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@b.example")
    subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True)


def test_the_file_has_facts_results_and_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # numbers of NumPy too, as benchmarks compute with arrays
    results = {
        "import torch, torchvision": 2.4,
        "the first step": np.float32(2.5),
        "--help": 0.8,
        "TAB": 0.2,
    }
    checks = {"TAB takes 0.20 <= 0.7 s": np.bool_(True), "--help takes 0.80 <= 0.5 s": False}
    monkeypatch.setitem(bench.BENCHES, "startup", lambda out, clip: (results, checks))
    # both change the whole process
    monkeypatch.setattr(bench, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(bench, "use_deterministic_kernels", lambda device: None)
    monkeypatch.setattr(sys, "argv", ["bench.py", "startup", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="1"):
        bench.main()
    run = json.loads((tmp_path / "startup.json").read_text())
    assert run == {"facts": run_facts(CPU), "results": results, "checks": checks}
    assert "MISSED  --help takes 0.80 <= 0.5 s" in capsys.readouterr().out


def test_facts_name_neither_the_machine_nor_a_folder() -> None:
    facts = run_facts(CPU)
    assert {*facts} == {"cpu", "cores", "device", "torch", "dreamreel", "commit", "date"}
    assert platform.node() not in facts.values()
    assert not [value for value in facts.values() if str(value).startswith("/")]


def test_the_commit_says_whether_files_were_changed(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git(tmp_path, "init")
    (tmp_path / "a.txt").write_text("one")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-m", "a")
    git(tmp_path, "tag", "v1", "-m", "a name is not a hash")
    clean = commit(tmp_path)
    assert clean is not None
    assert int(clean, 16)
    (tmp_path / "clip.mp4").touch()
    assert commit(tmp_path) == clean
    (tmp_path / "a.txt").write_text("two")
    assert commit(tmp_path) == f"{clean}+"
    (tmp_path / "inside").mkdir()
    assert commit(tmp_path / "inside") is None

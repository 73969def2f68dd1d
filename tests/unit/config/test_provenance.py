"""pipeline.config.provenance: a result tells what made it, and not on whose disk."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.compose import compose_settings, settings_of
from pipeline.config.provenance import embedded_settings, files

SETTINGS = {
    "input": "/home/me/${x} a.mp4",
    "mask": None,
    "guide": "../guide.png",
    "audio": "song.mp3",
    "output": "/home/me/x.mp4",
    "overwrite": True,
    "device": "cuda:1",
    "save_seconds": 5,
    "limits": {"pixels": 1},
    "source": {"path": "/home/me/${x} a.mp4", "rate": 25, "limits": {"pixels": 1}},
    "model": {"models": {"a": {"weights": "/w/a.pth", "labels": None}, "b": {"labels": "l/b.txt"}}},
    "objective": {"weights": [1, 2], "layers": ["song.mp3"]},
}


def test_files_have_their_bare_names_wherever_they_stand() -> None:
    assert embedded_settings(SETTINGS) == {
        "input": "${x} a.mp4",
        "mask": None,
        "guide": "guide.png",
        "audio": "song.mp3",
        "source": {"path": "${x} a.mp4", "rate": 25},
        "model": {"models": {"a": {"weights": "a.pth", "labels": None}, "b": {"labels": "b.txt"}}},
        "objective": {"weights": [1, 2], "layers": ["song.mp3"]},
    }


def test_every_file_is_named_by_its_setting() -> None:
    assert files(SETTINGS) == {
        "input": Path("/home/me/${x} a.mp4"),
        "guide": Path("../guide.png"),
        "audio": Path("song.mp3"),
        "model.models.a.weights": Path("/w/a.pth"),
        "model.models.b.labels": Path("l/b.txt"),
    }


def test_a_setting_of_a_stage_is_kept_whatever_its_name() -> None:
    cfg, _ = compose_settings(
        "recipe=visualise", "frames=4", "snapshots=[2]", "dreamer.snapshots=4"
    )
    kept = embedded_settings(settings_of(cfg))
    assert "snapshots" not in kept
    assert kept["dreamer"]["snapshots"] == 4

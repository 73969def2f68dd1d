"""Every setting x values that make no sense: refused in a line whose remedy works, or taken.

See test_main_errors for the exit code and the output of the whole command line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from helpers.clips import counted
from helpers.sampling import every
from helpers.stages import CONF, READ
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from PIL import Image

from pipeline.config.arguments import prepare
from pipeline.config.hydra_config import (
    CONSTANT_GROUPS,
    SCHEDULABLE_GROUPS,
    error_line,
    top_level_defaults,
)
from pipeline.config.instantiate import ScheduledConfig, build
from pipeline.config.settings import (
    GeneralSettings,
    feather_of,
    overlap_of,
    parse_flag,
    schedule_start_of,
)
from pipeline.errors import UserError
from pipeline.schedule import VARIABLES

VALUES = (
    "null", "true", "false", "-1", "0", "1e308", "-1e308", "1e-320", "99999999999999999999",
    "1e999", "nan", "inf", "[]", "[1,2]", "[true]", "[null]", "[[1]]", "{}", "{a:1}", "abc", "''",
    "a:b", "éü", "~x", "(1", "%09999999999d", "1/0", "9**9**9", "2**63", "t", "1e300*t",
)  # fmt: skip
FEEDING = ("input", "frames", "start")
MOMENT = {**dict.fromkeys(VARIABLES, 0.0), "rate": 25.0}
REMEDY = re.compile(r"; set ([\w.]+)=(\S+)$")
CHOICES = [
    (group, path.stem)
    for group in (*CONSTANT_GROUPS, *SCHEDULABLE_GROUPS)
    for path in sorted(CONF.glob(f"{group}/*.yaml"))
    if (group, path.stem) not in (("flow", "raft"), ("source", "still"))  # weights, and files
]
GROUPS = [path.name for path in CONF.iterdir()]
FACE = ("seed", "precision", "compile", "tile", "tile_memory", "segment_frames", "save_seconds",
        "overwrite", "plan", "profile", "snapshots", "loop", "loop_seconds",
        "schedule_start", "mask_invert", "mask_feather",
        "limits", *(f"limits.{name}" for name in top_level_defaults()["limits"]))  # fmt: skip


@cache
def composed(*words: str) -> Any:
    """The settings that these words lead to."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose("config", overrides=prepare(words, GROUPS))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return counted(tmp_path_factory.mktemp("every") / "clip.mp4", frames=3)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("every") / "picture.png"
    Image.new("RGB", (64, 48)).save(path)
    return path


def with_value(settings: Any, key: str, value: str) -> dict[str, Any]:
    """The settings with this value as the command line takes it, resolved."""
    word = prepare([f"{key}={value}"], GROUPS)[0]
    changed = deepcopy(settings)
    OmegaConf.update(changed, key, OverridesParser.create().parse_overrides([word])[0].value())
    plain: Any = OmegaConf.to_container(changed, resolve=True)
    return dict(plain)


def built(settings: dict[str, Any], group: str, defaults: dict[str, Any]) -> None:
    """Build a group of parts as a render does; of a source, ask for its shape too."""
    if group in SCHEDULABLE_GROUPS:
        ScheduledConfig.of(
            settings[group], group, READ, trusted=["pipeline"], defaults=defaults
        ).at(MOMENT)
        return
    part = build(settings[group], group, trusted=["pipeline"], defaults=defaults)
    if group == "source":
        _ = part.clip


def faced(settings: dict[str, Any]) -> None:
    """Read the settings that belong to no group as a render does."""
    GeneralSettings.of(settings, top_level_defaults(), torch.device("cpu"))
    overlap_of(settings["loop"], settings["loop_seconds"], Fraction(25))
    schedule_start_of(settings["schedule_start"], Fraction(25))
    parse_flag("mask_invert", settings["mask_invert"])
    feather_of(settings["mask_feather"])


def tried(key: str, value: str, use: Callable[[str, str], None], *, depth: int = 0) -> bool:
    """Whether the value is taken. What refuses it is one line, whose remedy is taken."""
    try:
        use(key, value)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        line = error_line(error)
        assert line.isprintable(), (key, value, line)
        assert "; " in line, (key, value, line)
        named = re.match(r"[\w., ]+", line)
        assert named, (key, value, line)
        names = named[0].split(", ")
        known = any(key.endswith(name) or name.startswith(key) for name in names)
        # a setting that another key feeds is called by that
        assert known or names[0] in FEEDING, (key, value, line)
        remedy = REMEDY.search(line)
        if remedy and key.endswith(remedy[1].rpartition(".")[2]) and depth == 0:
            assert tried(key, remedy[2], use, depth=1), (key, value, line)
        return False
    return True


def keys(group: str, choice: str) -> Iterator[str]:
    held = yaml.safe_load((CONF / group / f"{choice}.yaml").read_text("utf-8"))
    yield from (f"{group}.{key}" for key in held if key not in ("_target_", "limits"))


@pytest.mark.parametrize(
    ("group", "choice", "values"),
    [
        *(pytest.param(*one, VALUES[::4], id="-".join(one) + "-some") for one in CHOICES[::4]),
        *(
            pytest.param(*one, VALUES, id="-".join(one) + "-all", marks=pytest.mark.slow)
            for one in CHOICES
        ),
    ],
)
def test_a_setting_of_a_part_is_refused_in_a_line_or_taken(
    group: str, choice: str, values: Sequence[str], clip: Path, picture: Path
) -> None:
    input_ = picture if choice in ("feedback", "images") else clip
    base = composed(f"input={input_}", f"{group}={choice}")
    defaults = yaml.safe_load((CONF / group / f"{choice}.yaml").read_text("utf-8"))

    def use(key: str, value: str) -> None:
        built(with_value(base, key, value), group, defaults)

    counts = Counter(tried(key, value, use) for key in keys(group, choice) for value in values)
    assert counts[False] >= counts[True] / 4 or not counts


@pytest.mark.parametrize("key", every(5, FACE))
def test_a_setting_of_the_render_is_refused_in_a_line_or_taken(key: str) -> None:
    base = composed("input=clip.mp4")
    counts = Counter(
        tried(key, value, lambda key, value: faced(with_value(base, key, value)))
        for value in VALUES
    )
    assert counts[False] > counts[True]


@pytest.mark.parametrize(
    "key",
    every(5, ["start", "end", "frames", "width", "height", "aspect", "fit", "fit_centre", "crop"]),
)
def test_a_setting_of_the_input_is_refused_in_a_line_or_taken(key: str, clip: Path) -> None:
    base = composed(f"input={clip}")
    defaults = yaml.safe_load((CONF / "source" / "video.yaml").read_text("utf-8"))
    counts = Counter(
        tried(key, value,
              lambda key, value: built(with_value(base, key, value), "source", defaults))
        for value in VALUES
    )  # fmt: skip
    assert counts[False] > counts[True]

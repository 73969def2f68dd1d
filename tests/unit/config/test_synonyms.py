"""Words of other programs: each names a setting or a choice that exists."""

from __future__ import annotations

import pytest
import torchvision.models
from omegaconf import OmegaConf

from pipeline.config.compose import compose_settings
from pipeline.config.conf_dir import config_dir
from pipeline.config.documentation import choice_names
from pipeline.config.hydra_config import _known
from pipeline.config.synonyms import CHOICES, SETTINGS, near_choice, near_setting
from pipeline.errors import UserError

KNOWN = _known()


@pytest.mark.parametrize("key", sorted(set(SETTINGS.values())))
def test_every_meaning_is_a_setting_or_a_group(key: str) -> None:
    group, _, rest = key.partition(".")
    choices = [
        OmegaConf.load(config_dir() / group / f"{name}.yaml") for name in choice_names(group)
    ]
    nested = [rest for choice in choices if OmegaConf.select(choice, rest) is not None]
    assert key in KNOWN or nested
    assert key not in SETTINGS


@pytest.mark.parametrize("word", SETTINGS)
def test_no_word_is_a_setting_itself(word: str) -> None:
    assert word not in KNOWN


@pytest.mark.parametrize("group", CHOICES)
def test_every_meaning_is_a_choice_with_its_settings(group: str) -> None:
    known = choice_names(group)
    torchvisions = torchvision.models.list_models(module=torchvision.models)
    for word, meaning in CHOICES[group].items():
        name, *settings = meaning.split(" ")
        assert name in known
        assert word not in known
        for setting in settings:
            key, _, value = setting.partition("=")
            assert f"{group}={name}" in KNOWN[key]
            assert key != "model.name" or value in torchvisions


@pytest.mark.parametrize(
    ("word", "end"),
    [
        ("fps", "did you mean rate?"),
        ("lr", "did you mean dreamer.step_size?"),
        ("dream_scale", "did you mean dream_width?"),
        ("iterations", "did you mean dreamer.iterations?"),
        ("tv", "did you mean dreamer.total_variation?"),
        ("lap_n", "did you mean dreamer.pyramid?"),
        ("angle", "did you mean camera.degrees_per_second, with camera=drift or camera="),
        ("camera.angle", "did you mean camera.degrees_per_second, with camera=drift or camera="),
        ("dreamer.LR", "did you mean dreamer.step_size?"),
        ("codec", "did you mean encoder?"),
        ("crf", "did you mean encoder.options.crf?"),
        ("persistence", "did you mean warp.persistence?"),  # its group is missing
        ("flow.lr", "did you mean flow"),  # not a setting of another group
        ("xyzzy", "--help all lists all settings"),
    ],
)
def test_a_word_of_the_field_is_answered_with_our_setting(word: str, end: str) -> None:
    assert near_setting(word, KNOWN).startswith(end)


@pytest.mark.parametrize(
    ("word", "known", "end"),
    [
        ("output_file", ["seed", "encoder"], "--help all lists all settings"),
        ("crf", ["seed", "encoder"], "did you mean encoder.options.crf?"),
        ("dreamer.lr", ["dreamer.step_size"], "did you mean dreamer.step_size?"),
        ("dreamer.tv", ["dreamer.octaves"], "did you mean dreamer.octaves?"),
    ],
)
def test_only_a_setting_that_may_be_set_here_is_meant(
    word: str, known: list[str], end: str
) -> None:
    assert near_setting(word, known) == end


@pytest.mark.parametrize(
    ("argument", "end"),
    [
        ("encoder=x264", "did you mean encoder=h264?"),
        ("encoder=h265", "did you mean encoder=hevc?"),
        ("encoder=libx265", "did you mean encoder=hevc?"),
        ("model=vgg19", "did you mean model=torchvision model.name=vgg19?"),
        ("model=VGG19", "did you mean model=torchvision model.name=vgg19?"),
        ("flow=false", "did you mean flow=none?"),
        ("camera=rotate", "did you mean camera=spiral?"),
        ("look=furr", "did you mean fur?"),
        ("look=xyzzy", "set look=CHOICE"),
        ("fps=25", "did you mean rate?"),
        ("+dreamer.lr=1", "did you mean dreamer.step_size?"),
        ("+lr=1", "did you mean dreamer.step_size?"),
    ],
)
def test_the_command_line_answers_so(argument: str, end: str) -> None:
    from pipeline.config.compose import check

    with pytest.raises(UserError) as caught:
        check(*compose_settings("input=clip.mp4", argument))
    assert str(caught.value).endswith(end)


def test_the_meaning_works_when_obeyed() -> None:
    words = near_choice("model", "vgg19", ()).removeprefix("did you mean ").removesuffix("?")
    cfg, choices = compose_settings("input=clip.mp4", *words.split(" "))
    assert (choices["model"], cfg.model.name) == ("torchvision", "vgg19")

"""Classes and looks that fade into one another: objective.label="0s: tabby, 4s: volcano"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from pipeline.config.documentation import default_choice
from pipeline.config.from_result import format_value
from pipeline.config.hydra_config import yaml_of
from pipeline.config.look_model import MODEL, look_content, overrides_of
from pipeline.errors import UserError, printable
from pipeline.schedule.keyframes import TIME, WAYS

KEYS = re.compile(r"\s*[\d.]+\s*s?\s*:")
"""Start of a value that consists of names at given times."""
KEY = re.compile(TIME.pattern + "(?P<name>.+)")
RENEWAL = "warp.renewal_per_second"
"""Setting by which the motifs of a class leave when another one follows. Those of a look stay: the
next look turns them into its own."""
RENEWED = 3
"""Exponent of the share of a dream that a fade leaves, exp(-RENEWED): 5 %."""
SWITCH = 1
"""Seconds in which the dream is replaced where a name follows another without a fade."""
OBJECTIVE = "override /objective"
"""Key of the entry in a look's defaults list that chooses its objective."""


@dataclass(frozen=True)
class Named:
    """A class or a look at a given time."""

    time: str
    """As written: 4s, or the index of a frame."""
    name: str
    """Its name."""
    way: str
    """How it fades into the next one; empty: linearly."""

    @property
    def seconds(self) -> str:
        """The time in seconds, as an expression of schedules."""
        return self.time.removesuffix("s") if self.time.endswith("s") else f"{self.time} / rate"


@dataclass(frozen=True)
class Term:
    """An objective with a weight that changes over time."""

    choice: str
    """Its name."""
    settings: Mapping[str, Any]
    """Its settings."""
    dreamer: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the dreamer that belong to it."""
    model: str = ""
    """Network that it is made for; empty: any."""


def with_fades(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with classes and looks that change over time as weighted objectives.

    Raises UserError for a value that cannot be read, and for what cannot be combined with it.
    """
    fading = [word for word in arguments if _is_fade(word)]
    if not fading:
        return list(arguments)
    key, _, value = fading[0].partition("=")
    given = dict(word.lstrip("+").partition("=")[::2] for word in arguments if word not in fading)
    if len(fading) > 1 or given.get("objective", "label") != "label":
        raise UserError(
            f"{key}: must be the only objective if it changes over time, got another one too; "
            "leave one of them out"
        )
    keys = _parse(key, value)
    names = list(dict.fromkeys(one.name for one in keys))
    terms = {name: _label(name) if key == "objective.label" else _look(name) for name in names}
    kept = [word for word in arguments if word not in (*fading, "objective=label")]
    if key == "objective.label":
        kept.append("quality/objective=label_${dreamer}")  # what one class would change too
        if RENEWAL not in given:
            kept.append(f"{RENEWAL}={_renewal(keys)}")
    return [*kept, *_model_words(key, terms, given), *_words(keys, terms)]


def _is_fade(word: str) -> bool:
    key, _, value = word.partition("=")
    return key in ("objective.label", "look") and bool(KEYS.match(value))


def _parse(key: str, text: str) -> list[Named]:
    """Return the names with their times. Raises UserError."""
    keys = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = KEY.fullmatch(part)
        if match is None:
            raise UserError(
                f"{key}: must consist of names at given times, got {printable(part)!r}; write them "
                f"like {key}='0s: NAME, 4s: OTHER'"
            )
        name, _, way = match["name"].rpartition(" ")
        if way not in WAYS:
            name, way = match["name"], ""
        keys.append(Named(match["time"] + match["unit"], name.strip(), way))
    return keys


def _label(name: str) -> Term:
    return Term("label", {"label": name})


def _look(name: str) -> Term:
    """Return the objective of a look. Raises UserError for a look that does not exist."""
    content = look_content(name)
    if not content:
        raise UserError(
            f"look: must consist of looks at given times, got {printable(name)!r}; dreamreel list "
            "looks lists them"
        )
    defaults = overrides_of(content)
    choice = defaults.get(OBJECTIVE, default_choice("objective"))
    settings = content.get("objective", {})
    if "layers" not in settings and choice == default_choice("objective"):
        settings = {"layers": yaml_of("objective", choice)["layers"], **settings}
    model = defaults.get(MODEL, default_choice("model")) if "objective" in content else ""
    return Term(str(choice), settings, content.get("dreamer", {}), str(model))


def _model_words(key: str, terms: Mapping[str, Term], given: Mapping[str, str]) -> list[str]:
    """Return the choice of the network that the terms are made for. Raises UserError."""
    models = dict.fromkeys(term.model for term in terms.values() if term.model)
    if len(models) > 1 or (models and given.get("model", next(iter(models))) not in models):
        got = ", ".join([*models, *([f"model={given['model']}"] if "model" in given else [])])
        raise UserError(
            f"{key}: must consist of looks that are made for the same network as the chosen one, "
            f"got {printable(got)}; leave one of them out"
        )
    return [] if "model" in given else [f"model={model}" for model in models]


def _words(keys: Sequence[Named], terms: Mapping[str, Term]) -> list[str]:
    """Return the overrides for the terms with their weights, and for the dreamer."""
    words = ["objective=weighted"]
    for number, (name, term) in enumerate(terms.items(), 1):
        identifier = _identifier(name, number)
        place = f"objective.terms.{identifier}"
        words.append(f"+objective@{place}={term.choice}")
        for setting, value in term.settings.items():
            words.append(f"{place}.{setting}={format_value(value, f'{place}.{setting}')}")
        weights = _schedule(keys, [float(key.name == name) for key in keys])
        words.append(f"+objective.weights.{identifier}={weights}")
    changed = dict.fromkeys(setting for term in terms.values() for setting in term.dreamer)
    usual = yaml_of("dreamer", default_choice("dreamer"))
    for setting in changed:
        values = [terms[key.name].dreamer.get(setting, usual[setting]) for key in keys]
        words.append(f"dreamer.{setting}={_schedule(keys, values)}")
    return words


def _renewal(keys: Sequence[Named]) -> str:
    """Return keyframes that renew the dream while a name fades into the next one, or after it."""
    rates, switched = [], False
    for key, following in zip_longest(keys, keys[1:]):
        changes = following is not None and following.name != key.name
        if changes and key.way != "hold":
            # rising, so that most of it is replaced while the next name weighs more
            since = f"(frame / rate - {key.seconds})"
            whole = f"({following.seconds} - {key.seconds})"
            rates.append(f"({2 * RENEWED} * {since} / {whole} / {whole})")
        elif switched:
            after = f"frame / rate - {key.seconds}"
            rates.append(f"({RENEWED} / {SWITCH} if {after} < {SWITCH} else 0)")
        else:
            rates.append("0")
        switched = changes and key.way == "hold"
    return ", ".join(f"{key.time}: {rate} hold" for key, rate in zip(keys, rates, strict=True))


def _schedule(keys: Sequence[Named], values: Sequence[float]) -> str:
    """Return keyframes with these values."""
    return ", ".join(
        f"{key.time}: {value:g} {key.way}".strip() for key, value in zip(keys, values, strict=True)
    )


def _identifier(name: str, number: int) -> str:
    """Return a name for a term that is valid as a key and differs from the others."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', name).strip('_')}_{number}"

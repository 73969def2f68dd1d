"""Label objective: the score of one class, before the softmax.

Simonyan, Vedaldi, Zisserman 2014, "Deep inside convolutional networks": the softmax can be raised
by making other classes less likely, the unnormalised score cannot.
"""

from __future__ import annotations

import difflib
import re
from functools import cache

from pydantic.dataclasses import dataclass

from pipeline.errors import UserError, printable
from pipeline.frame import Guide
from pipeline.model import Model
from pipeline.objective.channel import Channel
from pipeline.objective.weighted import WeightedSum


@dataclass(frozen=True)
class Label:
    """The score of a class, which is a channel of a class-score layer."""

    label: int | str
    """Name of the class, with spaces, "_" or "-", in any case; or its number, from 0."""

    def bind(self, model: Model, guide: Guide | None = None) -> Channel | WeightedSum:
        """Return the channel of this class in each class-score layer that has it.

        Raises UserError for a class that the model does not have.
        """
        channels: dict[str, Channel] = {}
        unknown: list[UserError] = []
        for layer, classes in model.scores.items():
            try:
                channels[layer] = Channel((layer,), (self._number(model, layer, classes),))
            except UserError as error:
                unknown.append(error)
        if unknown and not channels:
            raise unknown[0]
        if not channels:
            raise UserError(
                f"objective.label: must be asked of a network that tells classes apart, got "
                f"{printable(self.label)!r} for one that does not; choose another model or "
                "objective"
            )
        first, *others = channels.values()
        return WeightedSum(channels, dict.fromkeys(channels, 1.0)) if others else first

    def _number(self, model: Model, layer: str, classes: tuple[str, ...]) -> int:
        if isinstance(self.label, str) and not self.label.isdecimal():
            return class_number(self.label, classes)
        number, count = int(self.label), model.channels(layer)
        if not 0 <= number < count:
            raise UserError(
                f"objective.label: must be a class from 0 to {count - 1}, got {number}; "
                "a name will do too"
            )
        return number


@cache  # called at every frame, and compares a thousand names
def class_number(name: str, classes: tuple[str, ...]) -> int:
    """Return the number of the class of this name, or raise UserError with similar names."""
    normalised = [_normalise(known) for known in classes]
    wanted = _normalise(name)
    matches = [number for number, known in enumerate(normalised) if known == wanted]
    if len(matches) == 1:
        return matches[0]
    if matches:
        numbers = " and ".join(map(str, matches))
        raise UserError(
            f"objective.label: must be one class, got {printable(name)!r}, which is the name of "
            f"{numbers}; say the number"
        )
    containing = [
        known for known in normalised if wanted and re.search(rf"\b{re.escape(wanted)}\b", known)
    ]
    near = [*containing, *difflib.get_close_matches(wanted, normalised, n=6, cutoff=0.6)]
    suggestions = ", ".join(list(dict.fromkeys(near))[:6])
    fix = f"near ones are {suggestions}" if suggestions else "a number will do too"
    rule = "one of the model's classes" if classes else "a number for a model without names"
    raise UserError(f"objective.label: must be {rule}, got {printable(name)!r}; {fix}")


def _normalise(name: str) -> str:
    """Return the name normalised for comparison: tiger_cat, Tiger cat and tiger-cat are equal."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()

"""Label objective: the score of one class, before the softmax.

Simonyan, Vedaldi, Zisserman 2014, "Deep inside convolutional networks": the softmax can be raised
by making other classes less likely, the unnormalised score cannot.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Sequence
from functools import cache

from pydantic.dataclasses import dataclass

from pipeline.errors import UserError, printable
from pipeline.frame import Guide
from pipeline.model import Model
from pipeline.objective.channel import Channel
from pipeline.objective.weighted import WeightedSum

NUMBER = "set objective.label=0, for example"
"""The remedy for a model without class names."""
MOST = 8
"""Maximum number of similar classes in an error."""
EXAMPLES = {
    "dog": ("golden retriever", "beagle", "Yorkshire terrier", "German shepherd", "pug", "collie"),
    "cat": ("tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat", "lynx"),
    "bird": ("robin", "jay", "peacock", "macaw", "toucan", "flamingo"),
    "fish": ("goldfish", "anemone fish", "lionfish", "rock beauty", "tench", "great white shark"),
    "horse": ("sorrel", "zebra"),
    "cow": ("ox", "water buffalo", "bison"),
    "sheep": ("ram", "bighorn"),
    "pig": ("hog", "wild boar", "warthog"),
    "monkey": ("macaque", "baboon", "capuchin", "marmoset"),
    "ape": ("gorilla", "orangutan", "chimpanzee", "gibbon"),
    "rabbit": ("wood rabbit", "hare", "Angora"),
    "insect": ("bee", "ladybug", "dragonfly", "monarch", "grasshopper", "ant"),
    "butterfly": ("monarch", "admiral", "ringlet", "cabbage butterfly", "sulphur butterfly"),
    "snake": ("Indian cobra", "green mamba", "boa constrictor", "king snake"),
    "lizard": ("common iguana", "American chameleon", "agama", "green lizard", "Komodo dragon"),
    "turtle": ("loggerhead", "leatherback turtle", "box turtle", "terrapin"),
    "spider": ("tarantula", "garden spider", "black widow", "wolf spider"),
    "car": ("sports car", "convertible", "limousine", "cab", "jeep", "racer"),
    "ship": ("liner", "schooner", "container ship", "aircraft carrier"),
    "boat": ("speedboat", "lifeboat", "canoe", "gondola", "yawl"),
    "airplane": ("airliner", "warplane"),
    "train": ("steam locomotive", "electric locomotive", "bullet train"),
    "building": ("castle", "palace", "church", "mosque", "monastery"),
    "flower": ("daisy", "yellow lady's slipper"),
    "fruit": ("strawberry", "orange", "lemon", "pineapple", "banana", "pomegranate"),
    "mountain": ("alp", "volcano", "cliff"),
    "beach": ("seashore", "sandbar"),
}
"""Common name -> classes of ImageNet of that kind, few of which contain the name (their hypernym in
WordNet, Miller 1995)."""


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
                f"objective.label: must be used with a model that has classes, got "
                f"{printable(self.label)!r} for a model without; set model=efficientnet_lite0, or "
                "another objective"
            )
        first, *others = channels.values()
        return WeightedSum(channels, dict.fromkeys(channels, 1.0)) if others else first

    def _number(self, model: Model, layer: str, classes: tuple[str, ...]) -> int:
        if isinstance(self.label, str) and not self.label.isdecimal():
            return class_number(self.label, classes)
        number, count = int(self.label), model.channels(layer)
        if not 0 <= number < count:
            fix = f"{_list_command([], classes)} lists all" if classes else NUMBER
            raise UserError(
                f"objective.label: must be a class name or a number from 0 to {count - 1}, got "
                f"{number}; {fix}"
            )
        return number


@cache  # called at every frame, and compares a thousand names
def class_number(name: str, classes: tuple[str, ...]) -> int:
    """Return the number of the class of this name, or raise UserError with similar names."""
    normalised = [normalise(known) for known in classes]
    wanted = normalise(name)
    matches = [number for number, known in enumerate(normalised) if known == wanted]
    if len(matches) == 1:
        return matches[0]
    if matches:
        numbers = " and ".join(map(str, matches))
        raise UserError(
            f"objective.label: must be one class, got {printable(name)!r}, which is the name of "
            f"{numbers}; set objective.label={matches[0]}, for example"
        )
    rule = "one of the model's classes" if classes else "a number for a model without class names"
    similar = similar_classes(name, classes)
    fixes = [f"similar ones are {', '.join(similar)}"] if similar else []
    fixes.append(_list_hint(name, classes) if classes else NUMBER)
    raise UserError(f"objective.label: must be {rule}, got {printable(name)!r}; {'; '.join(fixes)}")


def similar_classes(name: str, classes: Sequence[str]) -> list[str]:
    """Return up to MOST classes that this name may mean.

    These are examples of a common name, then classes that contain the name as a word; if there are
    none, classes with a similar spelling.
    """
    by_normalised = {normalise(known): known for known in classes}
    wanted = normalise(name)
    kind = wanted if wanted in EXAMPLES else wanted.removesuffix("s")
    examples = filter(by_normalised.get, map(normalise, EXAMPLES.get(kind, ())))
    word = re.compile(rf"\b{re.escape(kind)}s?\b")
    containing = (known for known in by_normalised if kind and word.search(known))
    found = list(dict.fromkeys([*examples, *containing]))
    found = found or difflib.get_close_matches(wanted, by_normalised, n=MOST, cutoff=0.6)
    return [by_normalised[known] for known in found[:MOST]]


def _list_hint(name: str, classes: tuple[str, ...]) -> str:
    """Return a hint at the command that lists the classes: those that contain the name, if any."""
    words = name.split()
    filtered = words and any(name.casefold() in known.casefold() for known in classes)
    command = _list_command(words if filtered else [], classes)
    return f"{command} lists {'more' if filtered else 'all'}"


def _list_command(words: Sequence[str], classes: tuple[str, ...]) -> str:
    """Return the command that lists these classes of a model, those that contain all words."""
    from torchvision.models import ResNet50_Weights  # only errors need it

    command = shlex.join(["dreamreel", "list", "labels", *words])
    # without settings it lists those of the default model
    is_default = classes == tuple(ResNet50_Weights.DEFAULT.meta["categories"])
    return command if is_default else f"{command}, with the same model settings,"


def normalise(name: str) -> str:
    """Return the name normalised for comparison: tiger_cat, Tiger cat and tiger-cat are equal."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()

"""`dreamreel list`: looks and other choices, layers and class names, a line each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.cli.exit_codes import print_text
from pipeline.cli.help import table
from pipeline.cli.parser import Parser
from pipeline.cli.threads import choose_threads
from pipeline.config import own_presets
from pipeline.config.documentation import PRESETS, STAGES, choices
from pipeline.errors import UserError, did_you_mean, printable

if TYPE_CHECKING:
    from pipeline.model import Model

IRREGULAR = {"anchors": "anchors", "cuts": "cuts", "qualities": "quality"}
"""Name of a list that is not that of its group with an s -> the group."""
LISTS = {
    **{f"{group}s": group for group in (*STAGES, *PRESETS) if group not in IRREGULAR.values()},
    **IRREGULAR,
}
"""Name of a list -> the group whose choices it contains."""
OF_MODEL = ("layers", "labels")
"""Lists that depend on the model."""


def main(arguments: Sequence[str]) -> None:
    """Print the list. Raises UserError."""
    parsed = parser().parse_intermixed_args(arguments)
    words = [word for word in parsed.words if "=" not in word]
    settings = [word for word in parsed.words if "=" in word]
    if parsed.what in OF_MODEL:
        _print_of_model(parsed.what, words, settings, every=parsed.all)
    elif settings:
        raise UserError(
            f"{printable(settings[0])}: must be left out, got it for {parsed.what}; only layers "
            "and labels depend on the model"
        )
    else:
        print_text(_choices(_group(parsed.what), words))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = Parser(
        prog="dreamreel list",
        description="List looks and other choices, the layers of a network or its class names.",
        epilog="dreamreel list looks; dreamreel list labels cat; dreamreel list layers model=vgg16",
    )
    known = ", ".join((*LISTS, *OF_MODEL))
    result.add_argument("what", metavar="WHAT", help=f"one of {known}")
    result.add_argument(
        "words",
        nargs="*",
        metavar="WORD|KEY=VALUE",
        help="show only lines with this word; model=... for layers and labels",
    )
    result.add_argument(
        "--all", action="store_true", help="layers: every operation, not only the blocks"
    )
    return result


def _group(what: str) -> str:
    """Return the group that is listed; its singular works too. Raises UserError."""
    if what in LISTS:
        return LISTS[what]
    if what in LISTS.values():
        return what
    known = [*LISTS, *OF_MODEL]
    raise UserError(
        f"list: must be one of {', '.join(known)}, got {printable(what)!r}; "
        f"{did_you_mean(what, known, 'choose one of these')}"
    )


def _choices(group: str, words: Sequence[str]) -> str:
    rows = [(f"{group}={one.name}", one.summary) for one in choices(group)]
    rows += [(f"{group}={name}", f"{text} (yours)") for name, text in own_presets.summaries(group)]
    return table(_matching(rows, words))


def _print_of_model(
    what: str, words: Sequence[str], settings: Sequence[str], *, every: bool
) -> None:
    """Print the layers or the class names of the model that the settings choose."""
    choose_threads()
    # torch takes seconds to import
    from pipeline.cli import layers
    from pipeline.config.compose import compose_stage

    model = compose_stage("model", *settings)
    if what == "layers":
        layers.print_layers(model, every=every)
        return
    print_text(table(_matching(_labels(model), words)))


def _labels(model: Model) -> list[tuple[str, ...]]:
    """Return a row with the number and the name of each class.

    If several networks have different classes, their layers come first. Raises UserError if there
    are no names.
    """
    layers_by_classes: dict[tuple[str, ...], list[str]] = {}
    for layer, classes in model.scores.items():
        if classes:
            layers_by_classes.setdefault(classes, []).append(layer)
    if not model.scores:
        raise UserError("model: must have classes, got none; set model=efficientnet_lite0")
    if not layers_by_classes:
        raise UserError(
            "model: must know the names of its classes, got none; set model.labels=FILE, or "
            "model.models.NAME.labels=FILE for one of several networks"
        )
    rows = [
        (", ".join(layers), str(number), label)
        for classes, layers in layers_by_classes.items()
        for number, label in enumerate(classes)
    ]
    return [row if len(layers_by_classes) > 1 else row[1:] for row in rows]


def _matching(rows: Sequence[tuple[str, ...]], words: Sequence[str]) -> Sequence[tuple[str, ...]]:
    """Return the rows with all of these words. Raises UserError if there is none."""
    found = [row for row in rows if all(w.lower() in " ".join(row).lower() for w in words)]
    if not found:
        raise UserError(
            f"list: must match a line, got {printable(' '.join(words))!r}; list all without it"
        )
    return found

"""The sentences of a sheet: what the figures say, and what they cannot tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.explain.attribution import Evidence
from pipeline.explain.explanation import ClassEvidence, Explanation

FEW = 0.01
"""Probability below which a class counts as not seen."""
TITLE = "What the network sees"
HOW = (
    "Heat maps are Grad-CAM (Selvaraju et al. 2017) at the last layer with a map, checked by "
    "covering a tenth of the picture (Petsiuk et al. 2018). Drawings of channels are feature "
    "visualisations (Olah et al. 2017)."
)
LIMITS = (
    "A heat map shows where the score of a class comes from, not why: it cannot tell whether the "
    "shape, the colour or the background counted. It is as coarse as the last map, here {cells} "
    "points, and a map can look convincing even if the network has learnt nothing (Adebayo et al. "
    "2018)."
)
CONTROL = (
    "The control is the same network with the weights of each layer in random order. Where its map "
    "looks like that of the trained network, the map shows the picture and not what was learnt."
)
KINDS = (
    "Each picture is the same one, dreamt with one layer, from low to high. As a rule of thumb, "
    "low layers, whose points see a small part of the picture, draw textures, middle ones parts, "
    "and high ones objects."
)


def sentences(explanation: Explanation) -> list[str]:
    """Return what the figures say, a sentence for each claim."""
    height, width = explanation.picture.shape[:2]
    result = [
        _leading("Before dreaming", explanation.before),
        _leading(f"After {explanation.steps} gradient steps", explanation.after),
    ]
    for one in explanation.classes:
        result.append(_changed(one, explanation.steps, (height, width)))
        result += _checked(one)
    return result


def place(peak: tuple[int, int], size: tuple[int, int]) -> str:
    """Return in words where a point lies. peak: column and row. size: height and width."""
    height, width = size
    across = ("left", "middle", "right")[min(2, 3 * peak[0] // width)]
    down = ("upper", "middle", "lower")[min(2, 3 * peak[1] // height)]
    if across == down:
        return "the middle"
    if down == "middle":
        return f"the {across} side"
    if across == "middle":
        return f"the {'top' if down == 'upper' else 'bottom'}"
    return f"the {down} {across}"


def per_cent(share: float) -> str:
    """Return a share in per cent: "61 %", "under 1 %"."""
    return "under 1 %" if share < FEW else f"{share:.0%}".replace("%", " %")


def _leading(when: str, classes: Mapping[str, float]) -> str:
    (name, share), *others = classes.items()
    if share < FEW:
        none = "the network finds none of its classes"
        return f"{when} {none}: \u201c{name}\u201d leads, {per_cent(share)}."
    rest = [f"{other} {per_cent(part)}" for other, part in others[:2] if part >= FEW]
    return f"{when} the network takes it for: {', '.join([f'{name} {per_cent(share)}', *rest])}."


def _changed(one: ClassEvidence, steps: int, size: tuple[int, int]) -> str:
    return (
        f"Before dreaming the network gave \u201c{one.name}\u201d {_share(one.picture, size)}; "
        f"after {steps} steps {_share(one.dream, size)}."
    )


def _share(evidence: Evidence, size: tuple[int, int]) -> str:
    share = per_cent(evidence.probability)
    if evidence.probability < FEW:
        return share
    return f"{share}, mostly for {place(evidence.peak, size)}"


def _checked(one: ClassEvidence) -> Iterator[str]:
    """Yield what the deletion check says, of the picture or dream that has more of the class."""
    in_dream = one.dream.probability >= one.picture.probability
    evidence: Evidence = one.dream if in_dream else one.picture
    if evidence.probability < FEW:
        return
    yield (
        f"With the tenth covered that the map marks most, \u201c{one.name}\u201d is at "
        f"{per_cent(evidence.covered)} in the {'dream' if in_dream else 'picture'} instead of "
        f"{per_cent(evidence.probability)}; with a random tenth covered, at "
        f"{per_cent(evidence.covered_randomly)}."
    )

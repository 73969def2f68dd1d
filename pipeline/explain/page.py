"""The sheet as a page: one HTML file without scripts and without requests to other files."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import cv2
from markupsafe import Markup

from pipeline.explain import words
from pipeline.explain.explanation import Explanation, Growth
from pipeline.explain.overlay import overlay
from pipeline.explain.sheet import LINES
from pipeline.frame import Picture
from pipeline.report.page_template import page_template

HERE = Path(__file__).parent / "browser"
CURVE = (320, 160)
"""Width and height of the curves, in units of their drawing."""


def page(explanation: Explanation, name: str) -> str:
    """Return the page. name: title of the picture."""
    style = (HERE / "page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return str(
        page_template(HERE).render(
            name=name,
            style=Markup(style),
            style_digest=digest,
            words=words,
            sentences=words.sentences(explanation),
            limits=words.LIMITS.format(cells=explanation.cells),
            picture=_data(explanation.picture),
            dream=_data(explanation.dream),
            explanation=explanation,
            bars=_bars(explanation),
            classes=_classes(explanation),
            layers=[
                (one.layer.name, one.layer.kind, one.layer.field, _data(one.dream))
                for one in explanation.layers
            ],
            channels=[
                (
                    one.number,
                    _data(one.drawing),
                    _data(overlay(explanation.picture, one.heat)),
                )
                for one in explanation.channels
            ],
            curves=_curves(explanation.growth),
            octaves=[
                f"{CURVE[0] * step / explanation.steps:.1f}" for step in explanation.growth.octaves
            ],
            steps=[(step, _data(one)) for step, one in explanation.growth.pictures.items()],
            curve=CURVE,
        )
    )


def _bars(explanation: Explanation) -> list[tuple[str, float, float]]:
    """Return name and per cent in the picture and in the dream of each leading class."""
    names = dict.fromkeys([*explanation.after, *explanation.before])
    before, after = explanation.before, explanation.after
    return [(name, 100 * before.get(name, 0), 100 * after.get(name, 0)) for name in names]


def _classes(explanation: Explanation) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return each class with its heat maps: title, share and picture."""
    result = []
    for one in explanation.classes:
        maps = [
            ("picture", explanation.picture, one.picture),
            ("dream", explanation.dream, one.dream),
        ]
        if one.control is not None:
            maps.append(("control", explanation.picture, one.control))
        result.append(
            (
                one.name,
                [
                    (title, words.per_cent(evidence.probability),
                     _data(overlay(picture, evidence.heat)))
                    for title, picture, evidence in maps
                ],
            )
        )  # fmt: skip
    return result


def _curves(growth: Growth) -> list[tuple[str, str, str]]:
    """Return name, colour and points of the curve of each class."""
    width, height = CURVE
    result = []
    for colour, (name, shares) in zip(LINES, growth.probabilities.items(), strict=False):
        step = width / max(1, len(shares) - 1)
        points = " ".join(
            f"{k * step:.1f},{height * (1 - share):.1f}" for k, share in enumerate(shares)
        )
        result.append((name, colour, points))
    return result


def _data(picture: Picture) -> str:
    """Return the picture as a data URI."""
    encoded, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
                                 [cv2.IMWRITE_JPEG_QUALITY, 90])  # fmt: skip
    assert encoded
    content: Any = data
    return "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode("ascii")

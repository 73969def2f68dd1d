"""SWEEP/index.html: all jobs of a sweep on one page, which polls for updates while it is live.

The page contains all its data except videos and posters. While the sweep runs, the same data is
also in gallery/live.js, which the page loads as a script every few seconds: a page opened from the
disk may not fetch() a file next to it, but may load it as a script. The Content-Security-Policy of
the page allows only our own script, by its digest, and the scripts that it adds ('strict-dynamic'),
which a Trusted Types policy restricts to the address of live.js.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from pipeline.gallery.cards import Card, cards, plan_of, printable_text
from pipeline.gallery.media import Kind, Media, is_plain
from pipeline.gallery.results import write_if_changed, write_results
from pipeline.gallery.thumbnails import copy, delete_stale, folder_of_pictures, poster
from pipeline.report.page_template import page_template
from pipeline.sweep.plan import JobState, Plan

PAGE, LIVE, MOSAIC = "index.html", "live.js", "mosaic.mp4"
HERE = Path(__file__).parent / "browser"
SCRIPTS = (
    *("words.js", "clock.js", "screen.js", "card.js", "choice.js", "layout.js", "large.js"),
    "page.js",
)
"""Scripts of the page, in the order of their dependencies."""


@dataclass(frozen=True)
class CardMedia:
    """Files that show a card. None: there is none; an empty file counts as none, too."""

    card: Card
    """The card."""
    file: Path | None
    """Result of the job itself."""
    video: Path | None
    """Video that browsers play."""
    poster: Path | None
    """Still picture of the result."""


def write(sweep: Path, *, live: bool | None = None) -> Path:
    """Write the page and the results of the sweep in that folder, and return the page's path.

    Files that would stay the same are not written.

    live: whether the page will be updated again. None: it will if a job is running. Raises
    UserError if the folder holds no sweep, or cannot be written.
    """
    plan = plan_of(sweep)
    folder = folder_of_pictures(sweep)
    every = [card_media(card, folder) for card in cards(sweep, plan)]
    delete_stale(
        folder, {path for one in every for path in (one.video, one.poster) if path is not None}
    )
    if live is None:
        live = any(one.card.state is JobState.RUNNING for one in every)
    data = page_data(sweep, plan, every, live=live)
    write_if_changed(folder / LIVE, f"dreamreelGallery({htmlsafe_json_dumps(data)});\n")
    write_if_changed(sweep / PAGE, _page(data))
    write_results(sweep, plan, [one.card for one in every])
    return sweep / PAGE


def card_media(card: Card, folder: Path) -> CardMedia:
    """Return the files that show the card; posters and copies missing in the folder are made."""
    media = card.media
    if media is None:
        return CardMedia(card, None, None, None)
    video = None
    if media.kind is Kind.VIDEO:
        video = media.path
    elif media.kind is not Kind.PICTURE:
        video = copy(media, card.figures.rate, folder)
    file = None if media.kind is Kind.FRAMES else media.path
    return CardMedia(card, file, video, poster(media, card.figures.seconds, folder))


def page_data(sweep: Path, plan: Plan, every: Sequence[CardMedia], *, live: bool) -> dict[str, Any]:
    """Return the data of the page; each distinct recipe line is stored once and given by index."""
    lines: dict[str, int] = {}
    mosaic = sweep / MOSAIC
    return {
        "title": printable_text(sweep.resolve().name),
        "live": live,
        "keys": [printable_text(key) for key in plan.keys],
        "mosaic": f"./{MOSAIC}?v={mosaic.lstat().st_mtime_ns:x}" if is_plain(mosaic) else None,
        "cards": [_card_data(sweep, one, lines) for one in every],
        "lines": list(lines),
    }


def _card_data(sweep: Path, one: CardMedia, lines: dict[str, int]) -> dict[str, Any]:
    """Return the data of a card. lines: recipe line -> index; new lines are added."""
    card, figures = one.card, one.card.figures
    return {
        "name": card.name,
        "state": card.state,
        "line": card.line,
        "settings": card.settings,
        "file": _address(sweep, one.file, card.media),
        "device": card.device,
        "video": _address(sweep, one.video, card.media),
        "poster": _address(sweep, one.poster, None),
        "source": None if card.source is None else _address(sweep, card.source.path, card.source),
        "frames": figures.frames,
        "seconds": figures.seconds,
        "rate": None if figures.rate is None else round(float(figures.rate), 3),
        "width": figures.width,
        "height": figures.height,
        "gain": figures.gain,
        "flicker": figures.flicker,
        "pace": figures.seconds_per_frame,
        "classes": figures.classes,
        "explained": _address(sweep, card.explained, None),
        "done": figures.done,
        "left": figures.left,
        "again": card.again,
        "whole": card.whole,
        "recipe": [lines.setdefault(line, len(lines)) for line in card.recipe],
    }


def _address(sweep: Path, path: Path | None, media: Media | None) -> str | None:
    """Return the URL of the file relative to the page; None if there is no file.

    It starts with "./" so that no name is taken for a scheme.
    """
    if path is None or not is_plain(path):
        return None
    address = f"./{quote(bytes(path.relative_to(sweep)))}"
    return address if media is None else f"{address}?v={media.version}"


def _page(data: Mapping[str, Any]) -> str:
    style, script, template = _assets()
    return str(
        template.render(
            data=data,
            json=htmlsafe_json_dumps(data),
            style=Markup(style),
            script=Markup(script),
            style_digest=_digest(style),
            script_digest=_digest(script),
        )
    )


@cache
def _assets() -> tuple[str, str, Any]:
    """Return style sheet, script and template of the page."""
    body = "\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS)
    script = f"'use strict';\n(() => {{\n{body}\n}})();\n"
    return (
        (HERE / "page.css").read_text("utf-8"),
        script,
        page_template(HERE),
    )


def _digest(text: str) -> str:
    """Return the digest by which a Content-Security-Policy allows an inline element."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")

"""SWEEP/index.html: all jobs of a sweep on one page, which asks for news while it is live.

The page holds all it shows but for the videos and posters. While the sweep runs, the same data
also lies in gallery/live.js, and the page takes it in as a script every few seconds: fetch() of a
file beside it is refused to a page that was opened from the disk, a script is not. The policy of
the page (Content-Security-Policy) lets only our own script run, by its digest, and what that script
adds ('strict-dynamic'), which a Trusted Types policy holds to the one address of live.js.
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

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from pipeline.gallery.cards import Card, cards, plan_of, printable_text
from pipeline.gallery.media import Kind, Media, is_plain
from pipeline.gallery.thumbnails import copy, folder_of_pictures, poster, tidy
from pipeline.storage.work_dir import write_text as write_text
from pipeline.sweep.plan import JobState, Plan

PAGE, LIVE, MOSAIC = "index.html", "live.js", "mosaic.mp4"
HERE = Path(__file__).parent / "browser"
SCRIPTS = ("words.js", "clock.js", "screen.js", "card.js", "choice.js", "large.js", "page.js")
"""In the order in which they lean on one another."""


@dataclass(frozen=True)
class CardMedia:
    """Paths of what shows a card, None = there is none; an empty file is none either."""

    card: Card
    """The card that it belongs to."""
    file: Path | None
    """The file itself."""
    video: Path | None
    """A video that browsers play."""
    poster: Path | None
    """The picture that stands for it."""


def write(sweep: Path, *, live: bool | None = None) -> Path:
    """Return the page of the sweep in that folder, written again where anything changed.

    live: whether somebody will go on writing it; None = somebody may, as long as a job runs. Raises
    UserError if the folder holds no sweep, or cannot be written.
    """
    plan = plan_of(sweep)
    folder = folder_of_pictures(sweep)
    every = [card_media(card, folder) for card in cards(sweep, plan)]
    tidy(folder, {path for one in every for path in (one.video, one.poster) if path is not None})
    if live is None:
        live = any(one.card.state is JobState.RUNNING for one in every)
    data = page_data(sweep, plan, every, live=live)
    _renew(folder / LIVE, f"dreamreelGallery({htmlsafe_json_dumps(data)});\n")
    _renew(sweep / PAGE, _page(data))
    return sweep / PAGE


def card_media(card: Card, folder: Path) -> CardMedia:
    """Return what there is to look at of the card's job; what is missing in the folder is made."""
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
    """Return the page's data. A line of the recipes is said once, and meant by its number."""
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
    """Return a card, as the page reads it."""
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
        "frames": figures.frames,
        "seconds": figures.seconds,
        "rate": None if figures.rate is None else round(float(figures.rate), 3),
        "width": figures.width,
        "height": figures.height,
        "gain": figures.gain,
        "flicker": figures.flicker,
        "pace": figures.seconds_per_frame,
        "done": figures.done,
        "left": figures.left,
        "again": card.again,
        "whole": card.whole,
        "recipe": [lines.setdefault(line, len(lines)) for line in card.recipe],
    }


def _address(sweep: Path, path: Path | None, media: Media | None) -> str | None:
    """Of the file, from the page; begun so that no name is taken for a scheme."""
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
    """Style, script and template of every page."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(HERE),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    body = "\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS)
    script = f"'use strict';\n(() => {{\n{body}\n}})();\n"
    return (
        (HERE / "page.css").read_text("utf-8"),
        script,
        environment.get_template("page.html.jinja"),
    )


def _digest(text: str) -> str:
    """Return as a Content-Security-Policy names what may stand in the page."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _renew(path: Path, text: str) -> None:
    """Write the file, unless it says so already. Raises UserError if it cannot be."""
    if is_plain(path) and path.read_bytes() == text.encode():
        return
    write_text(path, text)

"""A page in a browser, and a plain server of pages, for the tests of the gallery."""

from __future__ import annotations

import http.server
import threading
from functools import partial
from pathlib import Path

from playwright.sync_api import Page


class Visit:
    """A page with all that it said and asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(dialog.message))
        page.on("request", lambda request: self.asked.append(request.url))

    def names(self) -> list[str]:
        """The jobs' names in the order in which they stand."""
        return list(self.page.eval_on_selector_all(".card", "all => all.map(c => c.dataset.name)"))


class Plain(http.server.SimpleHTTPRequestHandler):
    """`python -m http.server`, without its log."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


class served:  # noqa: N801
    """The address under which the folder is served as long as the block goes on."""

    def __init__(self, folder: Path) -> None:
        handler = partial(Plain, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

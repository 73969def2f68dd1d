"""README and docs: every command line works, every link exists, the prose is short and plain."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import skimage.data
from helpers.messages import messages
from helpers.sampling import every
from hydra.core.override_parser.overrides_parser import OverridesParser

from pipeline.cli.commands import COMMANDS
from pipeline.cli.help import help_of
from pipeline.cli.shorthand import expand
from pipeline.config.arguments import hydra_arguments
from pipeline.config.compose import check, compose_settings
from pipeline.config.hydra_flags import split_options

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if path.name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md") or path.parent != ROOT
)
GENERATED = ROOT / "docs" / "reference" / "settings.md"
LONGEST_PARAGRAPH = 5
"""Lines of 100 columns."""
DIALECT = (
    r"\banew\b",
    r"\bmends?\b",
    r"\bgoes on\b",
    r"\bgo on\b",
    r"\bbegun again\b",
    r"\bheld against\b",
    r"\bsay [a-z_.]+=",
    r"\bslopes?\b(?! of)",
    r"\ba fault of ours\b",
    r"\bwhich is none\b",
    r"\bare none\b",
    r"\btake it away\b",
    r"\blook whether\b",
    r"\bas it comes\b",
    r"\bwhoever\b",
    r"\bthat which\b",
    r"\bas ever\b",
    r"\bof ours\b",
    r"\bnone is there\b",
    r"\b(?:frames|pictures) a second\b",
    r"\bbeside\b",
    r"\bbehind\b",
    r"\bthe old way\b",
    r"\bcome to nothing\b",
    r"\bsomebody else's\b",
    r"\bin vain\b",
    r"\bfor it (?:is|has|was)\b",
    r"\bgone on with\b",
    r"\btells no\b",
    r"(?<!there )\bis no (?:file|video|picture|setting|option|number)\b",
    r"\bsay so\b",
    r"\bas told\b",
)
"""Words and phrases of the earlier texts, a literal translation, that must not come back."""


def command_lines() -> Iterator[tuple[str, str]]:
    """Every `dreamreel ...` line in the shell blocks of the pages, with its page."""
    for page in PAGES:
        for block in re.findall(r"```(?:sh|bash|shell)\n(.*?)```", page.read_text("utf-8"), re.S):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line.strip(), comments=True)
                if words and words[0] == "dreamreel":
                    yield page.relative_to(ROOT).as_posix(), shlex.join(words[1:])


LINES = sorted({line: page for page, line in command_lines()}.items())


def composed(words: list[str]) -> None:
    """Compose these settings, each sweep by its first value, and check them. Raises UserError."""
    _, settings = split_options(hydra_arguments(expand(words)))
    first = []
    for text in settings:
        (override,) = OverridesParser.create().parse_overrides([text])
        if override.is_sweep_override():
            value = next(iter(override.sweep_string_iterator()))
            first.append(f"{override.get_key_element()}={value}")
        elif not text.startswith("hydra"):
            first.append(text)
    check(*compose_settings(*first))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder with the folders of pictures and the file of moves that the pages name."""
    for name in ("photos", "frames", "masks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0001.png").touch()
    (tmp_path / "moves.json").write_text('{"rendered_frames": [{"zoom": 1.02}]}')
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("line", "page"), every(4, LINES))
def test_a_command_line_of_the_documentation_is_valid(line: str, page: str) -> None:
    words = shlex.split(line)
    if words[:1] and words[0] in COMMANDS:
        module = importlib.import_module(f"pipeline.cli.{COMMANDS[words[0]]}")
        parsed = module.parser().parse_intermixed_args(words[1:])
        settings = getattr(parsed, "settings", [])
        if settings:
            composed(settings)
        return
    if "--help" in words:
        help_of([word for word in words if not word.startswith("-")])
        return
    if not words or {"--version", "--info", "-sc"} & {*words}:
        return
    if "--config-dir" in words:
        at = words.index("--config-dir")
        del words[at : at + 2]
        words = [word for word in words if not word.startswith("look=")]
    if any(word.startswith(("from=", "look=mine")) for word in words):
        words = [word for word in words if not word.startswith(("from=", "look=mine"))]
        words.append("input=clip.mp4")
    composed(words)


def test_the_documentation_has_a_hundred_command_lines() -> None:
    assert len(LINES) >= 100


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and mkdocs make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    plain = (re.sub(r"[`*\[\]]|\(.*?\)", "", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        assert linked.is_relative_to(ROOT), target
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), target


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs and list items of Markdown, without code, tables and headings."""
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.S | re.M)
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if line.strip()]
        lines = [line for line in lines if not line.lstrip().startswith(("|", "#", "!["))]
        for item in re.split(r"\n(?=\s*(?:[-*]|\d+\.) )", "\n".join(lines)):
            if item.strip():
                yield item


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p != GENERATED], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_no_paragraph_is_longer_than_five_lines(page: Path) -> None:
    for paragraph in paragraphs(page.read_text("utf-8")):
        columns = len(" ".join(paragraph.split()))
        assert len(paragraph.splitlines()) <= LONGEST_PARAGRAPH, paragraph
        assert columns <= LONGEST_PARAGRAPH * 100, paragraph


def test_the_readme_fits_two_screens() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 130


def test_the_glossary_has_at_most_fifteen_words() -> None:
    table = (ROOT / "docs/reference/glossary.md").read_text("utf-8").split("\n## ")[1]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert 5 <= len(rows) - 1 <= 15


def test_the_pictures_stay_under_eight_megabytes() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "docs/media").iterdir()) < 8e6


def test_every_page_is_in_the_navigation() -> None:
    nav = (ROOT / "mkdocs.yml").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f": {page.relative_to(ROOT / 'docs').as_posix()}" in nav


def test_the_reference_of_settings_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "settings_reference.py"), "--check"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def texts() -> Iterator[tuple[str, str]]:
    """Every text that a user reads: pages, comments of settings, help, messages."""
    for page in PAGES:
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
            yield f"{page.relative_to(ROOT)}:{number}", line
    for path in sorted((ROOT / "conf").rglob("*.yaml")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{number}", line.partition("#")[2]
    yield from (("--help", line) for line in help_of(["all"]).splitlines())
    yield from (("--help", line) for line in help_of([]).splitlines())
    yield from messages()


def test_the_words_of_the_old_texts_do_not_come_back() -> None:
    found = [
        f"{place}: {word}: {text.strip()}"
        for place, text in texts()
        for word in DIALECT
        if re.search(word, text, re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # pictures that are shown
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photograph = cv2.resize(skimage.data.coffee(), (320, 212), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "photo.jpg"), photograph[..., ::-1])
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "docs/notebooks/first_dream.ipynb").read_text("utf-8"))
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        assert not cell.get("outputs"), "committed without outputs"
        if cell["cell_type"] == "code":
            exec(compile(cell["source"], "first_dream.ipynb", "exec"), names)
    assert {"dream.png", "blocks.4.png", "blocks.7.png", "blocks.11.png"} <= {
        path.name for path in tmp_path.iterdir()
    }

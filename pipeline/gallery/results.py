"""SWEEP/results.csv and SWEEP/results.json: a row for each job, for spreadsheets and scripts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.errors import UserError, did_you_mean, printable
from pipeline.gallery.cards import Card, cards, plan_of, printable_text
from pipeline.gallery.media import is_plain
from pipeline.storage.work_dir import write_text
from pipeline.sweep.plan import Plan

CSV, JSON = "results.csv", "results.json"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which a spreadsheet takes a text for a formula."""


@dataclass(frozen=True)
class Result:
    """The result of a job of a sweep. None: unknown, or not done yet."""

    job: str
    """Name of the job, which is that of its folder."""
    status: str
    """State of the job, a JobState."""
    settings: Mapping[str, object]
    """Values of the settings in which the jobs differ, without those that the job does not set."""
    gain: float | None
    """Mean gain."""
    flicker: float | None
    """Mean flicker."""
    seconds: float | None
    """Seconds from the start of the job to its end."""
    seconds_per_frame: float | None
    """Seconds of computation per frame."""
    rendered: int | None
    """Number of frames rendered so far."""
    size: str | None
    """Width and height of the result, such as 640x360."""
    path: str | None
    """Path of the finished result, relative to the folder of the sweep."""
    message: str
    """Summary of the result, or the reason of the failure."""

    @staticmethod
    def of(card: Card, keys: Sequence[str]) -> Result:
        """Return the result of a job. keys: settings in which the jobs differ."""
        figures, pairs = card.figures, zip(keys, card.settings, strict=True)
        known = figures.width is not None and figures.height is not None
        return Result(
            job=card.name,
            status=card.state.value,
            settings={key: _parse(text) for key, text in pairs if text is not None},
            gain=figures.gain,
            flicker=figures.flicker,
            seconds=card.seconds,
            seconds_per_frame=figures.seconds_per_frame,
            rendered=figures.done,
            size=f"{figures.width}x{figures.height}" if known else None,
            path=card.path,
            message=card.line,
        )

    def row(self, keys: Sequence[str]) -> dict[str, object]:
        """Return the values by the names of their columns; those of the settings come second."""
        values = asdict(self)
        settings = values.pop("settings")
        return {
            "job": values.pop("job"),
            "status": values.pop("status"),
            **{key: settings.get(key) for key in keys},
            **values,
        }


def read_results(sweep: Path) -> tuple[list[str], list[Result]]:
    """Return the settings in which the jobs differ, and the result of each job, in their order.

    Raises UserError if the folder holds no sweep.
    """
    plan = plan_of(sweep)
    return _results(plan, cards(sweep, plan))


def write_results(sweep: Path, plan: Plan, of_jobs: Sequence[Card]) -> None:
    """Write both files to the folder of the sweep. Raises UserError if they cannot be written."""
    keys, results = _results(plan, of_jobs)
    write_if_changed(sweep / CSV, as_csv(keys, results))
    write_if_changed(sweep / JSON, as_json(keys, results))


def _results(plan: Plan, of_jobs: Iterable[Card]) -> tuple[list[str], list[Result]]:
    keys = list(map(printable_text, plan.keys))
    return keys, [Result.of(card, keys) for card in of_jobs]


def as_csv(keys: Sequence[str], results: Sequence[Result]) -> str:
    """Return the results as comma-separated values with a header.

    A text that a spreadsheet would take for a formula has an apostrophe in front.
    """
    file = io.StringIO()
    names = list(results[0].row(keys)) if results else []
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    for result in results:
        writer.writerow({name: _cell(value) for name, value in result.row(keys).items()})
    return file.getvalue()


def as_json(keys: Sequence[str], results: Sequence[Result]) -> str:
    """Return the results as JSON: {"settings": [NAME, ...], "jobs": [{...}, ...]}."""
    content = {"settings": list(keys), "jobs": [asdict(result) for result in results]}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def sort_results(
    keys: Sequence[str], results: Sequence[Result], column: str, *, reverse: bool = False
) -> list[Result]:
    """Return the results sorted by a column: numbers before texts, and unknown values last.

    Raises UserError if there is no such column.
    """
    names = list(results[0].row(keys)) if results else []
    if column not in names:
        raise UserError(
            f"--sort: must be one of {', '.join(names)}, got {printable(column)!r}; "
            f"{did_you_mean(column, names, 'choose one of these')}"
        )
    pairs = [(result.row(keys)[column], result) for result in results]
    known = [pair for pair in pairs if pair[0] is not None]
    unknown = [result for value, result in pairs if value is None]

    def order(pair: tuple[object, Result]) -> tuple[bool, float, str]:
        value, _ = pair
        number = value if isinstance(value, int | float) else 0.0
        return not isinstance(value, int | float), number, str(value)

    return [*(result for _, result in sorted(known, key=order, reverse=reverse)), *unknown]


def write_if_changed(path: Path, text: str) -> None:
    """Write the file unless it already has this content. Raises UserError if it cannot."""
    if is_plain(path) and path.read_bytes() == text.encode():
        return
    write_text(path, text)


def _parse(text: str) -> object:
    """Return the number, the truth value or the list that a setting's text stands for."""
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def _cell(value: object) -> object:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    if isinstance(value, bool | list | dict):
        return json.dumps(value)
    return value

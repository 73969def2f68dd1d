"""Several stills as the user sees them: each dreamt on its own, into one folder, by one network.

Each is a render of its own, of one frame: what is wrong with one leaves the others alone.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from pipeline.beside import Beside
from pipeline.errors import UserError, shown
from pipeline.gradient import Gradient
from pipeline.job import Outcome, Parts, comment, dreamt, facts, say_what_must_fit
from pipeline.loop import looped
from pipeline.notes import kept_log, write
from pipeline.progress import asked_to_stop, shown_progress
from pipeline.recording import Recording, folder_of, remove
from pipeline.report import Report
from pipeline.source import Several, Source

log = logging.getLogger(__name__)

SUFFIX = ".png"
"""Of every result: it has room for all that a still may hold."""


def names(files: Iterable[Path]) -> dict[Path, str]:
    """What each file's dream is called: its stem, or all of its name where stems are alike.

    No two are called alike, not even where small and capital letters are the same.
    """
    files = list(files)
    alike = Counter(file.stem.casefold() for file in files)
    taken: set[str] = set()
    called = {}
    for file in files:
        name = file.stem if alike[file.stem.casefold()] == 1 else file.name
        while name.casefold() in taken:
            name += "_"
        taken.add(name.casefold())
        called[file] = name + SUFFIX
    return called


def check_output(output: Path, stills: Several, *, overwrite: bool) -> None:
    """Nothing, if all results may be written into that folder without loss. Raises UserError."""
    called = names(stills.files)
    home = next(iter(called)).parent
    if output.suffix:
        raise UserError(
            f"output: must be a folder for pictures that are dreamt each on its own, got "
            f"{shown(output)}; say output={shown(output.stem)}"
        )
    if not output.parent.is_dir():
        raise UserError(f"output: its folder must exist, got {shown(output.parent)}; make it first")
    if os.path.lexists(output) and not output.is_dir():
        raise UserError(f"output: must be a folder, got the file {shown(output)}; name another")
    if output.is_dir() and output.samefile(home):
        raise UserError(f"output: must not be the input, got {shown(output)}; name another folder")
    for name in (folder_of(output).name, *called.values()):
        if len(name.encode()) > 255:
            raise UserError(
                f"output: no name in it must be longer than 255 bytes, got {shown(name)}; "
                "rename the picture"
            )
    there = next((name for name in called.values() if os.path.lexists(output / name)), None)
    if there is not None and not overwrite:
        raise UserError(
            f"output: must not hold {shown(there)} yet, got {shown(output / there)}; "
            "name another folder or say overwrite=true"
        )


def run(
    parts: Parts,
    stills: Several,
    *,
    beside: Callable[[Source], Beside],
    output: Path,
    overwrite: bool,
    overlap: int,
    seed: int,
    device: torch.device,
    settings: str,
) -> Outcome:
    """Dream every picture into the folder `output`; what cannot be read is said and left out.

    parts: of the first still. beside: what goes beside a still. The other arguments are those of
    job.run, and so is what is left beside the output; report.json has the figures of each picture.
    Raises UserError, and KeyboardInterrupt after the picture during which the user pressed Ctrl-C.
    """
    looped(parts.clip, overlap)  # refused: a still has no end that could join its start
    # what is wrong for all of them is said once, and before anything is made
    guide = parts.beside.first_guide()
    _ = Gradient(parts.model, parts.moments(0).objective.of(parts.model, guide)).smallest_side
    album = _Album(
        parts, beside, output, folder_of(output), overwrite, seed, device, comment(settings)
    )
    with _folders(album), kept_log(album.work):
        write(album.work / "recipe.yaml", settings)
        try:
            _add_all(album, stills)
        except KeyboardInterrupt as stopped:
            raise KeyboardInterrupt(album.kept) from stopped
        if not album.figures:
            raise UserError(
                f"input: must hold a picture that can be dreamt, got none at "
                f"{shown(stills.files[0].parent)}; the lines above say why"
            )
        figures = {"pictures": album.figures, "left_out": album.left_out}
        figures |= facts(parts.model, seed)
        write(album.work / "report.json", json.dumps(figures, indent=2) + "\n")
    return Outcome(output, figures)


def _add_all(album: _Album, stills: Several) -> None:
    """Dream every picture, showing progress."""
    called = names(stills.files)
    with (
        asked_to_stop() as stop,
        shown_progress(len(called), "picture", album.work) as progress,
    ):
        for file, still in stills.each():
            album.add(file, still, called[file])
            progress(album.gain)
            if stop:
                raise KeyboardInterrupt


def summary(outcome: Outcome) -> str:
    """One line: where the pictures lie and what they cost."""
    figures: Any = outcome.figures
    pictures, left_out = figures["pictures"].values(), figures["left_out"]
    seconds = [picture["seconds_per_frame"]["total"] for picture in pictures]
    gains = [picture["gain"]["mean"] for picture in pictures if picture["gain"] is not None]
    parts = [f"{len(seconds)} pictures", f"{statistics.fmean(seconds):.2f} s a picture"]
    parts.append(f"{sum(seconds):.0f} s in all")
    if gains:
        parts.append(f"gain {statistics.fmean(gains):.2f}")
    if left_out:
        parts.append(f"{len(left_out)} left out")
    return f"{shown(outcome.output)}: {', '.join(parts)}"


@dataclass
class _Album:
    """The folder as it fills. figures: by file name, of each picture that is done. left_out: why,
    by file name. gain: of the newest picture.
    """

    parts: Parts
    beside: Callable[[Source], Beside]
    output: Path
    work: Path
    overwrite: bool
    seed: int
    device: torch.device
    tags: dict[str, str]
    figures: dict[str, object] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    gain: float | None = None

    @property
    def kept(self) -> str:
        """The line for whoever stopped it; empty if nothing is done yet."""
        if not self.figures:
            return ""
        return (
            f"stopped; {len(self.figures)} pictures are done, in {shown(self.output)}; "
            "the same command with overwrite=true starts anew"
        )

    def add(self, file: Path, still: Source, name: str) -> None:
        """Dream this still to a file of that name, or say why it is left out."""
        try:
            parts = replace(self.parts, source=still, clip=still.clip, beside=self.beside(still))
            say_what_must_fit(parts, self.device)
        except UserError as error:
            log.warning("%s; left out", error)
            self.left_out[file.name] = str(error)
            return
        report = Report(parts.clip, self.device)
        recording = Recording(self.output / name, parts.encoder, parts.clip, self.tags,
                              overwrite=self.overwrite, folder=self.work)  # fmt: skip
        frames = dreamt(parts, recording, report, overlap=0, seed=self.seed, device=self.device)
        with recording, closing(frames):
            for _ in frames:
                pass
        self.figures[file.name] = {"output": name} | report.figures()
        self.gain = report.gain


@contextmanager
def _folders(album: _Album) -> Iterator[None]:
    """The folder of the results and the one beside it; gone again if nothing came of it.

    After a fault of ours the log that tells of it stays. Raises UserError.
    """
    made = [folder for folder in (album.output, album.work) if not folder.exists()]
    ours = False
    try:
        _make(made)
        yield
    except Exception as error:
        ours = not isinstance(error, UserError)
        raise
    finally:
        for folder in made:
            if not album.figures and not (ours and folder == album.work):
                remove(folder)


def _make(folders: Iterable[Path]) -> None:
    """Make the folders. Raises UserError."""
    for folder in folders:
        try:
            folder.mkdir()
        except OSError as error:
            raise UserError(
                f"output: {shown(folder)} must be writable, got {error.strerror!r}; "
                "choose another folder"
            ) from error

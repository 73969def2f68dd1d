"""Several stills as the user sees them: each dreamt on its own, into one folder, by one network.

Each is a render of its own, of one frame: what is wrong with one leaves the others alone.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.errors import UserError, printable
from pipeline.gradient import Gradient
from pipeline.jobs.job import Job, RenderResult, check_fit, report_facts
from pipeline.recording.fingerprint import MADE_OF, FileContents, contents
from pipeline.recording.output import is_complete, remove
from pipeline.recording.recording import FIGURES
from pipeline.report import frame_metrics as written
from pipeline.report.frame_metrics import Row
from pipeline.report.progress import progress_bar, stop_requests
from pipeline.source import Source, StillCollection
from pipeline.storage.atomic import TEMPORARY
from pipeline.storage.lock import locked
from pipeline.storage.work_dir import log_to, read_json, work_dir, write_text

log = logging.getLogger(__name__)

SUFFIX = ".png"
"""Of every result: it has room for all that a still may hold."""


def names(files: Iterable[Path]) -> dict[Path, str]:
    """Return what each file's dream is called: its stem, or all of its name where stems are alike.

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


def check_stills_output(output: Path, stills: StillCollection, *, overwrite: bool) -> None:
    """Check that all results may be written into that folder without loss. Raises UserError."""
    called = names(stills.files)
    home = next(iter(called)).parent
    if output.suffix:
        raise UserError(
            f"output: must be a folder for pictures that are dreamt each on its own, got "
            f"{printable(output)}; set output={printable(output.stem)}"
        )
    if not output.parent.is_dir():
        raise UserError(
            f"output: its folder must exist, got {printable(output.parent)}; make it first"
        )
    if os.path.lexists(output) and not output.is_dir():
        raise UserError(f"output: must be a folder, got the file {printable(output)}; name another")
    if output.is_dir() and output.samefile(home):
        raise UserError(
            f"output: must not be the input, got {printable(output)}; name another folder"
        )
    for name in (work_dir(output).name, *called.values()):
        if len(name.encode()) > 255:
            raise UserError(
                f"output: no name in it must be longer than 255 bytes, got {printable(name)}; "
                "rename the picture"
            )
    work = work_dir(output)
    done = {row["figures"]["output"] for row in written.read_rows(work / FIGURES)}
    for name in called.values():
        there = os.path.lexists(output / name)
        ours = name in done or is_complete(work / name, output / name)
        if there and not ours and not overwrite:
            raise UserError(
                f"output: must not hold {printable(name)} yet, got {printable(output / name)}; "
                "name another folder or set overwrite=true"
            )


def run_stills(job: Job) -> RenderResult:
    """Dream each of the job's stills into the folder `output`; leave out what cannot be read.

    It leaves the same files beside the output as `job.run`; report.json has the figures of each
    picture. Of an earlier run of the very same that did not come to its end the pictures stay.
    Raises UserError, and KeyboardInterrupt after the picture during which the user pressed Ctrl-C,
    with the line that says how to go on.
    """
    assert job.stills is not None
    pipeline = job.pipeline
    pipeline.loop.clip(pipeline.clip)  # refused: a still has no end that could join its start
    # what is wrong for all of them is said once, and before anything is made
    objective = pipeline.stages_at(0).objective
    bound = objective.bind(pipeline.model, pipeline.auxiliary.first_guide())
    _ = Gradient(pipeline.model, bound).smallest_side
    album = _Album(job, work_dir(job.output))
    rows, report = album.work / FIGURES, album.work / "report.json"
    with _folders(album), locked(album.work), log_to(album.work):
        held = read_json(report)
        if held and rows.exists() and not (album.work / MADE_OF).exists():
            # an earlier run was over but for this
            remove(rows)
            return RenderResult(job.output, held)
        album.go_on()
        write_text(album.work / "recipe.yaml", job.settings)
        try:
            _add_all(album, job.stills)
        except KeyboardInterrupt as stopped:
            raise KeyboardInterrupt(album.stopped_line) from stopped
        if not album.figures:
            raise UserError(
                f"input: must hold a picture that can be dreamt, got none at "
                f"{printable(job.stills.files[0].parent)}; the lines above say why"
            )
        figures: dict[str, object] = {"pictures": album.figures, "left_out": album.left_out}
        figures |= report_facts(pipeline.model, job.seed)
        write_text(report, json.dumps(figures, indent=2) + "\n")
        remove(album.work / MADE_OF)
    remove(rows)  # the last of all, behind the lock too: until then the same command tidies up
    return RenderResult(job.output, figures)


def _add_all(album: _Album, stills: StillCollection) -> None:
    """Dream every picture, showing progress."""
    called = names(stills.files)
    with (
        stop_requests() as stop,
        progress_bar(len(called), "picture", album.work) as progress,
    ):
        for file, still in stills.each():
            album.add(file, still, called[file])
            progress(album.gain)
            if stop and len(album.figures) + len(album.left_out) < len(called):
                raise KeyboardInterrupt


def stills_summary(outcome: RenderResult) -> str:
    """Return one line: where the pictures lie and what they cost."""
    figures: Any = outcome.figures
    pictures, left_out = figures["pictures"].values(), figures["left_out"]
    seconds = [picture["seconds_per_frame"]["total"] for picture in pictures]
    gains = [picture["gain"]["mean"] for picture in pictures if picture["gain"] is not None]
    phrases = [f"{len(seconds)} pictures", f"{statistics.fmean(seconds):.2f} s a picture"]
    phrases.append(f"{sum(seconds):.0f} s in all")
    if gains:
        phrases.append(f"gain {statistics.fmean(gains):.2f}")
    if left_out:
        phrases.append(f"{len(left_out)} left out")
    return f"{printable(outcome.output)}: {', '.join(phrases)}"


@dataclass
class _Album:
    """The folder as it fills."""

    job: Job
    work: Path
    """The work folder."""
    figures: dict[str, Row] = field(default_factory=dict)
    """File name -> the figures of the picture, of those that are done."""
    left_out: dict[str, str] = field(default_factory=dict)
    """File name -> why."""
    gain: float | None = None
    """Of the newest picture."""
    _earlier: dict[str, Row] = field(default_factory=dict)

    @property
    def stopped_line(self) -> str:
        """The line for whoever stopped it; empty if nothing is done yet."""
        if not self.figures:
            return ""
        return (
            f"stopped; {len(self.figures)} pictures are done, in {printable(self.job.output)}; "
            "the same command resumes"
        )

    def go_on(self) -> None:
        """Find what an earlier run of the very same has done. Raises UserError."""
        rows, made_of = self.work / FIGURES, self.work / MADE_OF
        for temporary in self.work.glob(f"*{TEMPORARY}"):
            remove(temporary)  # of those who were killed: the folder is ours
        if not self.job.fingerprint.can_resume(made_of, overwrite=self.job.overwrite):
            rows.unlink(missing_ok=True)
            self.job.fingerprint.write(made_of)
        self._earlier = {row["input"]: row for row in written.read_rows(rows)}

    def add(self, file: Path, still: Source, name: str) -> None:
        """Dream this still to a file of that name, or say why it is left out."""
        try:
            pipeline = replace(self.job.pipeline, source=still, clip=still.clip)
            if self.job.auxiliary_of is not None:
                pipeline = replace(pipeline, auxiliary=self.job.auxiliary_of(still))
            job = replace(self.job, pipeline=pipeline, stills=None)
            check_fit(job)
        except UserError as error:
            log.warning("%s; left out", error)
            self.left_out[file.name] = str(error)
            return
        held = contents("input", file)
        earlier = self._earlier.get(file.name)
        if earlier is not None and (self.job.output / name).exists():
            if earlier["sha256"] != held.sha256 and not self.job.overwrite:
                raise UserError(
                    f"input: must stay as it was, got other contents in {printable(file)}, which "
                    "is "
                    "dreamt already; put the first ones back, or set overwrite=true"
                )
            if earlier["sha256"] == held.sha256:
                self.figures[file.name] = earlier["figures"]
                remove(self.work / name)
                return
        self._dream(job, held, name)

    def _dream(self, job: Job, held: FileContents, name: str) -> None:
        """Let the dream of a picture lie in the output by that name, and note its figures."""
        facts = {**job.fingerprint.facts, "contents of input": held.sha256}
        job = replace(
            job,
            output=job.output / name,
            work_dir=self.work / name,
            fingerprint=replace(job.fingerprint, facts=facts, inputs=[held]),
        )
        recording = job.recording()
        with recording:
            report = job.report(recording)
            if not recording.is_complete:
                with closing(job.frames(recording, report)) as frames:
                    for _ in frames:
                        pass
            figures = {"output": name} | report.figures()
            # noted before anything goes that would tell the next run of it
            index = 1 + max((row["index"] for row in self._earlier.values()), default=-1)
            row = {"index": index + len(self.figures), "input": held.path.name}
            row |= {"sha256": held.sha256, "figures": figures}
            written.append_row(self.work / FIGURES, row)
        remove(recording.folder)
        self.figures[held.path.name], self.gain = figures, report.gain


@contextmanager
def _folders(album: _Album) -> Iterator[None]:
    """The folder of the results and the one beside it; gone again if nothing came of it.

    After an internal error the log that tells of it stays. Raises UserError.
    """
    made = [folder for folder in (album.job.output, album.work) if not folder.exists()]
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
                f"output: {printable(folder)} must be writable, got {error.strerror!r}; "
                "choose another folder"
            ) from error

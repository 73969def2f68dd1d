"""Several stills in one run: each is dreamt separately, with the same network, into one folder.

Each is a separate render of one frame: an error in one does not affect the others.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.errors import UserError, printable
from pipeline.gradient import Gradient
from pipeline.jobs.job import Job, RenderResult, check_fit, report_facts
from pipeline.recording.fingerprint import MADE_OF, FileContents, contents
from pipeline.recording.output import is_complete, remove
from pipeline.recording.work_files import FIGURES
from pipeline.report import frame_metrics as metrics
from pipeline.report.frame_metrics import Row
from pipeline.report.progress import progress_bar, stop_requests
from pipeline.source import Source, StillCollection
from pipeline.storage.atomic import TEMPORARY
from pipeline.storage.lock import locked
from pipeline.storage.work_dir import log_to, read_json, work_dir, write_text

log = logging.getLogger(__name__)

SUFFIX = ".png"
"""Suffix of every result: PNG can store everything that a still may contain."""


def names(files: Iterable[Path]) -> dict[Path, str]:
    """Return the name of each file's result: its stem, or its full name if others have that stem.

    All names are different, even where case is ignored.
    """
    files = list(files)
    stem_counts = Counter(file.stem.casefold() for file in files)
    used: set[str] = set()
    result_names = {}
    for file in files:
        name = file.stem if stem_counts[file.stem.casefold()] == 1 else file.name
        while name.casefold() in used:
            name += "_"
        used.add(name.casefold())
        result_names[file] = name + SUFFIX
    return result_names


def check_stills_output(output: Path, stills: StillCollection, *, overwrite: bool) -> None:
    """Raise UserError if results cannot be written to the folder, or files would be lost."""
    result_names = names(stills.files)
    input_folder = next(iter(result_names)).parent
    if output.suffix:
        raise UserError(
            f"output: must be a folder if each picture is dreamt separately, got "
            f"{printable(output)}; set output={printable(output.with_suffix(''))}"
        )
    if not output.parent.is_dir():
        raise UserError(
            f"output: its folder must exist, got {printable(output.parent)}; create it first"
        )
    if os.path.lexists(output) and not output.is_dir():
        raise UserError(
            f"output: must be a folder, got the file {printable(output)}; choose another name"
        )
    if output.is_dir() and output.samefile(input_folder):
        raise UserError(
            f"output: must not be the input, got {printable(output)}; choose another folder"
        )
    for name in (work_dir(output).name, *result_names.values()):
        if len(name.encode()) > 255:
            raise UserError(
                f"output: must contain names of at most 255 bytes, got {printable(name)}; "
                "rename the input"
            )
    work = work_dir(output)
    done = {row["figures"]["output"] for row in metrics.read_rows(work / FIGURES)}
    for name in result_names.values():
        present = os.path.lexists(output / name)
        keep = name in done or is_complete(work / name, output / name)
        if present and not keep and not overwrite:
            raise UserError(
                f"output: must not contain {printable(name)} yet, got {printable(output / name)}; "
                "choose another folder, or set overwrite=true"
            )


def run_stills(job: Job) -> RenderResult:
    """Dream each of the job's stills into the folder `output`; leave out those that cannot be read.

    Leaves the same files in the work folder as `job.run`; report.json has the metrics of each
    picture. The pictures of an interrupted run with the same fingerprint are kept. Raises
    UserError, and KeyboardInterrupt after the picture during which the user pressed Ctrl-C, with
    the line that says how to resume.
    """
    assert job.stills is not None
    pipeline = job.pipeline
    pipeline.loop.clip(pipeline.clip)  # raises UserError for a loop: a still is too short
    # errors that concern all stills are raised once, and before anything is created
    objective = pipeline.stages_at(0).objective
    bound = objective.bind(pipeline.model, pipeline.auxiliary.first_guide())
    _ = Gradient(pipeline.model, bound).smallest_side
    stills_run = _StillsRun(job, work_dir(job.output))
    rows, report = stills_run.work / FIGURES, stills_run.work / "report.json"
    with _output_folders(stills_run), locked(stills_run.work), log_to(stills_run.work):
        content = read_json(report)
        if content and rows.exists() and not (stills_run.work / MADE_OF).exists():
            # an earlier run was killed right before this last step
            remove(rows)
            return RenderResult(job.output, content)
        stills_run.load_earlier()
        write_text(stills_run.work / "recipe.yaml", job.settings)
        for line in job.description:
            log.info("%s", line)
        try:
            _add_all(stills_run, job.stills)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(stills_run.stopped_line) from interrupt
        if not stills_run.figures:
            raise UserError(
                f"input: must contain a picture that can be dreamt, got none in "
                f"{printable(job.stills.files[0].parent)}; fix what the lines above name"
            )
        figures: dict[str, object] = {
            "pictures": stills_run.figures,
            "left_out": stills_run.left_out,
        }
        figures |= report_facts(pipeline.model, job.seed)
        write_text(report, json.dumps(figures, indent=2) + "\n")
        remove(stills_run.work / MADE_OF)
    remove(rows)  # last, after the lock is released: until then the same command cleans up
    return RenderResult(job.output, figures)


def _add_all(stills_run: _StillsRun, stills: StillCollection) -> None:
    """Dream every picture and show the progress. Raises KeyboardInterrupt on a stop request."""
    result_names = names(stills.files)
    with (
        stop_requests() as stop,
        progress_bar(len(result_names), "picture", stills_run.work) as progress,
    ):
        for file, still in stills.each():
            stills_run.add(file, still, result_names[file])
            progress(stills_run.gain)
            if stop and len(stills_run.figures) + len(stills_run.left_out) < len(result_names):
                raise KeyboardInterrupt


@dataclass
class _StillsRun:
    """State of a run over several stills."""

    job: Job
    work: Path
    """Work folder of the run."""
    figures: dict[str, Row] = field(default_factory=dict)
    """File name of a finished picture -> its metrics."""
    left_out: dict[str, str] = field(default_factory=dict)
    """File name of a picture that was left out -> the reason."""
    gain: float | None = None
    """Gain of the newest picture. None: not measured."""
    _earlier: dict[str, Row] = field(default_factory=dict)

    @property
    def stopped_line(self) -> str:
        """Line that is printed when the user stopped the run; empty if no picture is done."""
        if not self.figures:
            return ""
        return (
            f"stopped; the {len(self.figures)} finished pictures are in "
            f"{printable(self.job.output)}; run the same command again to resume"
        )

    def load_earlier(self) -> None:
        """Load the pictures that an earlier run with the same fingerprint has done.

        Raises UserError.
        """
        rows, made_of = self.work / FIGURES, self.work / MADE_OF
        for temporary in self.work.glob(f"*{TEMPORARY}"):
            remove(temporary)  # left by killed processes: this one holds the lock
        if not self.job.fingerprint.can_resume(made_of, overwrite=self.job.overwrite):
            rows.unlink(missing_ok=True)
            self.job.fingerprint.write(made_of)
        self._earlier = {row["input"]: row for row in metrics.read_rows(rows)}

    def add(self, file: Path, still: Source, name: str) -> None:
        """Dream a still to a file with this name, or log why it is left out. Raises UserError."""
        try:
            pipeline = replace(self.job.pipeline, source=still, clip=still.clip)
            if self.job.auxiliary_of is not None:
                pipeline = replace(pipeline, auxiliary=self.job.auxiliary_of(still))
            job = replace(self.job, pipeline=pipeline, stills=None)
            check_fit(job)
        except UserError as error:
            log.warning("%s; skipped", error)
            self.left_out[file.name] = str(error)
            return
        content = contents("input", file)
        earlier = self._earlier.get(file.name)
        if earlier is not None and (self.job.output / name).exists():
            if earlier["sha256"] != content.sha256 and not self.job.overwrite:
                raise UserError(
                    "input: must not change after it was dreamt, got other contents in "
                    f"{printable(file)}; restore the original file, or set overwrite=true"
                )
            if earlier["sha256"] == content.sha256:
                self.figures[file.name] = earlier["figures"]
                remove(self.work / name)
                return
        self._dream(job, content, name)

    def _dream(self, job: Job, content: FileContents, name: str) -> None:
        """Dream a picture to a file with this name in the output folder, and record its metrics."""
        facts = {**job.fingerprint.facts, "contents of input": content.sha256}
        job = replace(
            job,
            output=job.output / name,
            work_dir=self.work / name,
            fingerprint=replace(job.fingerprint, facts=facts, inputs=[content]),
        )
        recording = job.recording()
        with recording:
            report = job.report(recording)
            if not recording.is_complete:
                with closing(job.frames(recording, report)) as frames:
                    for _ in frames:
                        pass
            figures = {"output": name} | report.figures()
            # recorded before the files from which the next run would know of it are removed
            index = 1 + max((row["index"] for row in self._earlier.values()), default=-1)
            row = {"index": index + len(self.figures), "input": content.path.name}
            row |= {"sha256": content.sha256, "figures": figures}
            metrics.append_row(self.work / FIGURES, row)
        remove(recording.folder)
        self.figures[content.path.name], self.gain = figures, report.gain


@contextmanager
def _output_folders(stills_run: _StillsRun) -> Iterator[None]:
    """Create the missing output and work folders; remove them again if no picture is done.

    After an internal error the work folder is kept, for its log. Raises UserError.
    """
    created = [folder for folder in (stills_run.job.output, stills_run.work) if not folder.exists()]
    keep = False
    try:
        _make_folders(created)
        yield
    except Exception as error:
        keep = not isinstance(error, UserError)
        raise
    finally:
        for folder in created:
            if not stills_run.figures and not (keep and folder == stills_run.work):
                remove(folder)


def _make_folders(folders: Iterable[Path]) -> None:
    """Create the folders. Raises UserError."""
    for folder in folders:
        try:
            folder.mkdir()
        except OSError as error:
            raise UserError(
                f"output: {printable(folder)} must be writable, got {error.strerror!r}; "
                "choose another folder"
            ) from error

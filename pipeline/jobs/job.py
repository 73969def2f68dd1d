"""One render as the user sees it: where it goes, how far it is, what it came to."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.auxiliary.inputs import AuxiliaryInputs
from pipeline.encoder import Encoder
from pipeline.errors import UserError, printable
from pipeline.frame import Clip
from pipeline.frame_range import FrameRange
from pipeline.gradient import Gradient
from pipeline.jobs import shots
from pipeline.model import Model
from pipeline.objective import needs_guide
from pipeline.recording.fingerprint import Fingerprint, version_of, versions
from pipeline.recording.recorder import Recorder
from pipeline.recording.recording import FIGURES, Recording, Saving
from pipeline.recording.seams import Seam, measure_seams, write_edge
from pipeline.render import Pipeline, RenderedFrame, render
from pipeline.report import frame_metrics
from pipeline.report.profile import TRACE, profile_trace
from pipeline.report.progress import progress_bar, stop_requests
from pipeline.report.report import Report
from pipeline.runtime.oom import oom_as_user_error
from pipeline.source import Source, StillCollection
from pipeline.storage.work_dir import log_to, read_json, write_text

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A render that can be run: its pipeline, and everything around it."""

    pipeline: Pipeline
    """The stages."""
    encoder: Encoder
    """Writes the pictures."""
    output: Path
    """The file or folder to make."""
    overwrite: bool
    """Whether what is there may be replaced."""
    seed: int
    """Of all randomness."""
    device: torch.device
    """Where the network runs."""
    saving: Saving
    """How often the render is saved."""
    settings: str
    """The resolved configuration as yaml."""
    embedded_settings: str
    """That part of it which makes the pictures, as yaml; it goes into the result."""
    fingerprint: Fingerprint
    """Everything that the bytes of the result depend on."""
    work_dir: Path | None = None
    """Where to work, None = beside the output."""
    frame_range: FrameRange | None = None
    """Of the whole, that alone is asked for, None = all."""
    shots: Path | None = None
    """The folder in which the parts of the whole lie, None = it is rendered."""
    profile: bool = False
    """Whether to write a timeline of it."""
    plan: bool = False
    """Whether to say what it will take, and render nothing."""
    stills: StillCollection | None = None
    """Pictures that are each dreamt on their own; the pipeline is that of the first."""
    auxiliary_of: Callable[[Source], AuxiliaryInputs] | None = None
    """What gives each of them its mask and guide."""

    def recording(self) -> Recording:
        """Return what the pictures go to."""
        return Recording(
            self.output,
            self.encoder,
            self.clip,
            comment(self.embedded_settings),
            overwrite=self.overwrite,
            fingerprint=self.fingerprint,
            saving=self.saving,
            device=self.device,
            folder=self.work_dir,
            frame_range=self.frame_range,
        )

    @property
    def clip(self) -> Clip:
        """The shape of what comes out. Raises UserError for a loop that is too long for it."""
        clip = self.pipeline.loop.clip(self.pipeline.clip)
        return clip if self.frame_range is None else self.frame_range.clip(clip)

    def frames(self, recorder: Recorder, report: Report) -> Generator[RenderedFrame, None, None]:
        """Yield every frame once it is dreamt, recorded and reported. Raises UserError."""
        pipeline, first = self.pipeline, 0
        if self.frame_range is not None:
            first = self.frame_range.first
            pipeline = replace(
                pipeline, cuts=self.frame_range.within(pipeline.cuts, pipeline.source)
            )
        frames = render(pipeline, recorder, seed=self.seed, device=self.device)
        with oom_as_user_error(), closing(frames):
            for frame in frames:
                if frame.frame.index >= first:
                    report.add(frame)
                yield frame

    def run(self) -> Generator[RenderedFrame, None, None]:
        """Render, and yield every frame once it is recorded; the output is complete at the end.

        Leaves recipe.yaml, render.log and report.json beside it. An interrupted render of the very
        same settings is resumed: its frames are not yielded again. Raises UserError.
        """
        if self.plan or self.shots is not None or self.stills is not None:
            raise UserError(
                "input: must be one video or picture for a job that yields its frames, got several "
                "pictures, shots or a plan; run it by the command dreamreel"
            )
        recording = self.recording()
        with recording, log_to(recording.folder):
            report = self.report(recording)
            if not recording.is_complete:
                write_recipe(self, recording)
                check_fit(self)
                yield from self.frames(recording, report)
            write_report(self, recording, report)

    def report(self, recording: Recording) -> Report:
        """Return what gathers the figures of this recording."""
        file = recording.folder / FIGURES
        return Report(self.pipeline.source, self.device, file, recording.state)


@dataclass(frozen=True)
class RenderResult:
    """The result of a job: the file, and the metrics of its report.json."""

    output: Path
    """The file or folder that was made."""
    figures: Mapping[str, object]
    """The content of report.json."""
    stop: bool = False
    """Whether the user pressed Ctrl-C when there was nothing left to stop."""


def run(job: Job) -> RenderResult:
    """Render to the output, showing progress.

    Leaves what `Job.run` leaves. Raises UserError, and KeyboardInterrupt after the frame during
    which the user pressed Ctrl-C, with the line that says how to go on.
    """
    recording = job.recording()
    with stop_requests() as stop, recording, log_to(recording.folder):
        report, seams = job.report(recording), list[Seam]()
        if not recording.is_complete:
            write_recipe(job, recording)
            if job.shots is None:
                _render(job, recording, report, stop)
            else:
                seams = _join(job.shots, job, recording)
        figures = write_report(job, recording, report, seams)
    return RenderResult(job.output, figures, bool(stop))


def write_recipe(job: Job, recording: Recording) -> None:
    """Write what a render leaves beside its output at its beginning. Raises UserError."""
    (recording.folder / "report.json").unlink(missing_ok=True)  # of an output that is replaced
    write_text(recording.folder / "recipe.yaml", job.settings)


def write_report(
    job: Job, recording: Recording, report: Report, seams: Sequence[Seam] = ()
) -> Mapping[str, object]:
    """Write report.json, if it is not there yet, and return what it says. Raises UserError."""
    path = recording.folder / "report.json"
    if held := read_json(path):
        return held
    figures = report.figures() | {"loop_frames": job.pipeline.loop.overlap, "seams": seams}
    figures["frames"] = recording.count  # of a loop fewer than were dreamt
    figures |= report_facts(job.pipeline.model, job.seed)
    write_text(path, json.dumps(figures, indent=2) + "\n")
    return figures


def _render(job: Job, recording: Recording, report: Report, stop: Sequence[int]) -> None:
    """Dream and record every frame. Raises KeyboardInterrupt when asked to stop, and UserError."""
    check_fit(job)
    span, count, begin = job.frame_range, job.pipeline.clip.count, 0
    if span is not None:
        count, begin = span.last - span.begin, span.begin
    frames = job.frames(recording, report)
    done = progress_bar(count, "frame", recording.folder, recording.state.index - begin)
    trace = recording.folder / TRACE if job.profile else None
    with profile_trace(trace) as note, done as progress, closing(frames):
        for frame in frames:
            note(frame.frame.index, frame.spans)
            after = frame.frame.index + 1
            if span is not None and after in (span.first, span.last):
                write_edge(_layer(frame), after, recording.folder)
            progress(report.gain)
            if stop and after - begin != count:
                raise KeyboardInterrupt(recording.stop())


def _layer(rendered: RenderedFrame) -> Tensor:
    """Return what the dream adds to the picture, (1, 3, H, W)."""
    picture = rendered.canvas.picture
    return rendered.image if picture is None else rendered.image - picture


def _join(folder: Path, job: Job, recording: Recording) -> list[Seam]:
    """Complete the output from the parts that others have rendered; return the seams between them.

    Raises UserError.
    """
    found = shots.read_shots(folder)
    works = shots.finished_work_dirs(folder, found, job.fingerprint)
    rows = [row for work in works for row in frame_metrics.read_rows(work / FIGURES)]
    shots.check_cuts(found, [row["index"] for row in rows if row["cut"]])
    seams = measure_seams(works, found.parts)
    recording.adopt(shots.segments(works, found))
    for row in rows:
        frame_metrics.append_row(recording.folder / FIGURES, row)
    recording.finish(())
    return seams


def comment(embedded_settings: str) -> dict[str, str]:
    """Return the tags of a result: what made it. embedded_settings: as yaml."""
    return {"comment": f"dreamreel {version_of('dreamreel')}\n{embedded_settings}"}


def report_facts(model: Model, seed: int) -> dict[str, object]:
    """Return what report.json says beside its figures: what the result can be made from again."""
    return {"seed": seed, "versions": versions(), "weights_sha256": model.weights_sha256}


@oom_as_user_error()
def check_fit(job: Job) -> None:
    """Log what the dreamer must do otherwise than it was told, for pictures of this size.

    Raises UserError where nothing fits, or nobody looks at the guide.
    """
    pipeline, device = job.pipeline, job.device
    model, clip, stages = pipeline.model.to(device), pipeline.clip, pipeline.stages_at(0)
    guide = pipeline.auxiliary.first_guide()
    objective = stages.objective.bind(model, guide)
    side = Gradient(model, objective).smallest_side
    if guide is not None and not needs_guide(stages.objective, model):
        raise UserError(
            "guide: must be given for an objective that looks at it, got one for another; "
            "set objective=guide, or norm+guide"
        )
    if pipeline.tile_budget is not None:
        need = pipeline.tile_budget.need(model, objective.layers, device)
        pipeline.tile_budget.log_tiling(need, clip.height, clip.width)
    fitting = stages.dreamer.fit(clip.height, clip.width, side)
    for name, asked in vars(stages.dreamer).items():
        if (done := getattr(fitting, name)) != asked:
            log.warning(
                "dreamer.%s: %s instead of %s, for %dx%d pixels and layers that need %d",
                name,
                done,
                asked,
                clip.width,
                clip.height,
                side,
            )


def summary(outcome: RenderResult) -> str:
    """Return one line: where the video lies and what it cost."""
    figures = outcome.figures
    spent: Any = figures["seconds_per_frame"]
    gain: Any = figures["gain"]
    frames: Any = figures["frames"]
    dreamt: Any = frames + figures.get("loop_frames", 0)
    phrases = [f"{frames} frame{'' if frames == 1 else 's'}", f"{spent['total']:.2f} s a frame"]
    phrases.append(f"{spent['total'] * dreamt:.0f} s in all")
    if gain is not None:
        phrases.append(f"gain {gain['mean']:.2f}")
    if figures["flicker"] is not None:
        phrases.append(f"flicker {figures['flicker']}")
    drift: Any = figures.get("drift")  # an earlier version's report has none
    if drift:
        worst = max(drift, key=lambda shot: abs(math.log(float(shot["ratio"]))))
        phrases.append(
            f"{worst['band']} detail {worst['ratio']} times as strong at the end of the "
            f"shot from frame {worst['frame']}"
        )
    seams: Any = figures.get("seams")  # an earlier version's report has none
    if seams:
        worst = max(seams, key=lambda seam: float(seam["difference"]))
        phrases.append(f"seams {len(seams)}, the worst {worst['difference']} at {worst['frame']}")
    return f"{printable(outcome.output)}: {', '.join(phrases)}"

"""A render with its output, progress, report and summary."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pipeline.auxiliary.inputs import AuxiliaryInputs
from pipeline.encoder import Encoder
from pipeline.errors import UserError
from pipeline.frame import Clip
from pipeline.frame_range import FrameRange
from pipeline.gradient import Gradient
from pipeline.jobs import shots
from pipeline.model import Model
from pipeline.objective import needs_guide
from pipeline.recording.fingerprint import Fingerprint, version_of, versions
from pipeline.recording.mirror import mirrored_clip
from pipeline.recording.output import SOURCE_PICTURE, SOURCE_VIDEO
from pipeline.recording.recorder import Recorder
from pipeline.recording.recording import Recording, Saving
from pipeline.recording.seams import Seam, measure_seams, write_edge
from pipeline.recording.work_files import FIGURES
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
    """A render that can be run: its pipeline and everything else it needs."""

    pipeline: Pipeline
    """Stages of the render."""
    encoder: Encoder
    """Encoder that writes the result."""
    output: Path
    """File or folder to create."""
    overwrite: bool
    """Whether an existing output may be replaced."""
    seed: int
    """Seed of all random numbers."""
    device: torch.device
    """Device of the network."""
    saving: Saving
    """Settings for how the render is saved."""
    settings: str
    """Resolved configuration, as YAML."""
    embedded_settings: str
    """The settings that determine the pictures, as YAML, which is written into the result."""
    fingerprint: Fingerprint
    """All facts that the bytes of the result depend on."""
    work_dir: Path | None = None
    """Work folder. None: the default, next to the output."""
    frame_range: FrameRange | None = None
    """Frames of the video to render. None: all."""
    mirrored: bool = False
    """Whether the result plays forwards and then backwards."""
    snapshots: frozenset[int] = frozenset()
    """Pictures of the result that are also written as files, counted from 1."""
    shots: Path | None = None
    """Folder with the frame ranges to join. None: render the video."""
    profile: bool = False
    """Whether to write a timeline of the stages."""
    plan: bool = False
    """Whether to only estimate the cost of the render."""
    stills: StillCollection | None = None
    """Pictures that are dreamt separately; `pipeline` is for the first. None: a single render."""
    auxiliary_of: Callable[[Source], AuxiliaryInputs] | None = None
    """Function from the source of a still to its mask and guide. None: those of the pipeline."""

    film: bool = False
    """Whether to make a second video, of what the network sees in the result."""
    description: tuple[str, ...] = ()
    """Lines that say what the job is about to do."""

    def recording(self) -> Recording:
        """Return the recording of this job, ready to be entered."""
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
            mirrored=self.mirrored,
            snapshots=self.snapshots,
        )

    @property
    def clip(self) -> Clip:
        """Shape of the result. Raises UserError if the loop is too long for the source."""
        clip = self.pipeline.loop.clip(self.pipeline.clip)
        if self.mirrored:
            return mirrored_clip(clip)
        return clip if self.frame_range is None else self.frame_range.clip(clip)

    def frames(
        self, recorder: Recorder, report: Report, on_ahead: Callable[[], object] = lambda: None
    ) -> Generator[RenderedFrame, None, None]:
        """Render; yield every frame once it is recorded, and reported unless it is warm-up.

        on_ahead: called after each frame that is dreamt backwards. Raises UserError.
        """
        pipeline, first = self.pipeline, 0
        if self.frame_range is not None:
            first = self.frame_range.first
            pipeline = replace(
                pipeline, cuts=self.frame_range.within(pipeline.cuts, pipeline.source)
            )
        frames = render(pipeline, recorder, seed=self.seed, device=self.device, on_ahead=on_ahead)
        with oom_as_user_error(), closing(frames):
            for frame in frames:
                if frame.frame.index >= first:
                    report.add(frame)
                yield frame

    def run(self) -> Generator[RenderedFrame, None, None]:
        """Render, and yield every frame once it is recorded; the output is complete at the end.

        Leaves recipe.yaml, render.log and report.json in the work folder. An interrupted render
        with the same fingerprint is resumed: its frames are not yielded again. Raises UserError.
        """
        if self.plan or self.shots is not None or self.stills is not None:
            raise UserError(
                "input: must be a single video or picture for Job.run, got several pictures, shots "
                "or a plan; run it with the command dreamreel"
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
        """Return the report for this recording, with the frames that it already has."""
        file = recording.folder / FIGURES
        return Report(
            self.pipeline.source,
            self.device,
            file,
            recording.state,
            dream_size=self.pipeline.dream_size,
        )


@dataclass(frozen=True)
class RenderResult:
    """The result of a job: the file, and the metrics of its report.json."""

    output: Path
    """File or folder that was created."""
    figures: Mapping[str, object]
    """Content of report.json."""
    stop: bool = False
    """Whether the user pressed Ctrl-C when there was nothing left to stop."""


def run(job: Job) -> RenderResult:
    """Render to the output and show the progress.

    Leaves the same files as `Job.run`. Raises UserError, and KeyboardInterrupt after the frame
    during which the user pressed Ctrl-C, with the line that says how to resume.
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
    """Write recipe.yaml to the work folder and remove the files of an output that will be replaced.

    Raises UserError.
    """
    for name in ("report.json", SOURCE_VIDEO, SOURCE_PICTURE):
        (recording.folder / name).unlink(missing_ok=True)
    write_text(recording.folder / "recipe.yaml", job.settings)


def write_report(
    job: Job, recording: Recording, report: Report, seams: Sequence[Seam] = ()
) -> Mapping[str, object]:
    """Write report.json, unless it exists, and return its content. Raises UserError."""
    if missing := recording.missing_snapshots():
        log.warning(
            "snapshots: %s not written, because an earlier run recorded these frames; set another "
            "output",
            ", ".join(map(str, missing)),
        )
    path = recording.folder / "report.json"
    if existing := read_json(path):
        return existing
    figures = report.figures() | {"loop_frames": job.pipeline.loop.overlap, "seams": seams}
    # a loop has other numbers of pictures than of dreams
    figures |= {"dreamt_frames": figures["frames"], "frames": recording.count}
    figures |= report_facts(job.pipeline.model, job.seed)
    write_text(path, json.dumps(figures, indent=2) + "\n")
    return figures


def _render(job: Job, recording: Recording, report: Report, stop: Sequence[int]) -> None:
    """Render and record every frame. Raises UserError, and KeyboardInterrupt on a stop request."""
    check_fit(job)
    for line in job.description:
        log.info("%s", line)
    span, count, begin = job.frame_range, job.pipeline.clip.count, 0
    if span is not None:
        count, begin = span.last - span.begin, span.begin
    done = progress_bar(count, "frame", recording.folder, recording.state.index - begin)
    trace = recording.folder / TRACE if job.profile else None
    with profile_trace(trace) as note, done as progress:

        def on_ahead() -> None:
            progress.ahead()
            if stop:
                raise KeyboardInterrupt(recording.stop())

        with closing(job.frames(recording, report, on_ahead)) as frames:
            for frame in frames:
                note(frame.frame.index, frame.spans)
                after = frame.frame.index + 1
                if span is not None and after in (span.first, span.last):
                    write_edge(_dream_layer(frame), after, recording.folder)
                progress(report.gain)
                if stop and after - begin != count:
                    raise KeyboardInterrupt(recording.stop())


def _dream_layer(rendered: RenderedFrame) -> Tensor:
    """Return the dream layer, (1, 3, H, W); without a source picture, the whole dream."""
    picture = rendered.canvas.picture
    return rendered.image if picture is None else rendered.image - picture


def _join(folder: Path, job: Job, recording: Recording) -> list[Seam]:
    """Complete the output from frame ranges that other jobs have rendered; return their seams.

    Raises UserError.
    """
    video_shots = shots.read_shots(folder)
    work_dirs = shots.finished_work_dirs(folder, video_shots, job.fingerprint)
    rows = [row for work in work_dirs for row in frame_metrics.read_rows(work / FIGURES)]
    shots.check_cuts(video_shots, [row["index"] for row in rows if row["cut"]])
    seams = measure_seams(work_dirs, video_shots.ranges)
    recording.adopt(shots.segments(work_dirs, video_shots))
    for row in rows:
        frame_metrics.append_row(recording.folder / FIGURES, row)
    recording.finish(())
    return seams


def comment(embedded_settings: str) -> dict[str, str]:
    """Return the metadata of a result: version and settings. embedded_settings: as YAML."""
    return {"comment": f"dreamreel {version_of('dreamreel')}\n{embedded_settings}"}


def report_facts(model: Model, seed: int) -> dict[str, object]:
    """Return the entries of report.json that are needed to reproduce the result."""
    return {
        "seed": seed,
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "weights_sha256": model.weights_sha256,
    }


@oom_as_user_error()
def check_fit(job: Job) -> None:
    """Log which settings of tiles and dreamer are changed for pictures of this size.

    Raises UserError if nothing fits, or if there is a guide that the objective does not use.
    """
    pipeline, device = job.pipeline, job.device
    model, clip, stages = pipeline.model.to(device), pipeline.dream_clip, pipeline.stages_at(0)
    guide = pipeline.auxiliary.first_guide()
    objective = stages.objective.bind(model, guide)
    side = Gradient(model, objective).smallest_side
    if guide is not None and not needs_guide(stages.objective, model):
        raise UserError(
            "guide: must be used with an objective that needs it, got another objective; "
            "set objective=guide or objective=norm+guide, or guide=null"
        )
    if pipeline.tile_budget is not None:
        need = pipeline.tile_budget.need(model, objective.layers, device)
        pipeline.tile_budget.log_tiling(need, clip.height, clip.width)
    fitting = stages.dreamer.fit(clip.height, clip.width, side)
    for name, requested in vars(stages.dreamer).items():
        if (done := getattr(fitting, name, requested)) != requested:
            log.warning(
                "dreamer.%s: %s instead of %s, because the picture has %dx%d pixels and the layers "
                "need at least %d",
                name,
                done,
                requested,
                clip.width,
                clip.height,
                side,
            )

"""One render as the user sees it: where it goes, how far it is, what it came to."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.auxiliary.inputs import NO_INPUTS, AuxiliaryInputs
from pipeline.cuts import Cuts
from pipeline.encoder import Encoder
from pipeline.errors import UserError, shown
from pipeline.flow import Flow
from pipeline.frame import Clip
from pipeline.frame_range import FrameRange
from pipeline.gradient import Gradient
from pipeline.gradient.tile_budget import TileBudget
from pipeline.jobs import shots
from pipeline.model import Model
from pipeline.objective import needs_guide
from pipeline.recording.fingerprint import Fingerprint, version_of, versions
from pipeline.recording.output import check_room
from pipeline.recording.recorder import Recorder
from pipeline.recording.recording import FIGURES, Recording, Saving
from pipeline.recording.seams import Seam, keep, measured
from pipeline.render import RenderedFrame, render
from pipeline.report import frame_metrics
from pipeline.report.profile import TRACE, profiled
from pipeline.report.progress import asked_to_stop, shown_progress
from pipeline.report.report import Report
from pipeline.runtime.oom import told
from pipeline.seamless_loop import Loop, looped
from pipeline.source import Source
from pipeline.stages import Stages
from pipeline.storage.work_dir import log_to, read_json, work_dir, write

log = logging.getLogger(__name__)

SINGLE = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
"""Suffixes of outputs that are one picture."""


@dataclass(frozen=True)
class Pipeline:
    """All parts of a render.

    clip: the source's, with the sound that goes with it. moments: the parts that may change, at
    the frame of that index. beside: the mask and the guide. room: how much of a picture the network
    may hold at once, None = all.
    """

    source: Source
    clip: Clip
    cuts: Cuts
    flow: Flow
    moments: Callable[[int], Stages]
    model: Model
    encoder: Encoder
    beside: AuxiliaryInputs = NO_INPUTS
    room: TileBudget | None = None


@dataclass(frozen=True)
class RenderRequest:
    """What is asked for, beside the parts.

    overlap: frames that end and start share, 0 = the end joins nothing. settings: the resolved
    configuration as yaml. told: that part of it which makes the pictures; it goes into the result.
    made_of: what every byte of the result depends on. folder: where to work, None = beside the
    output. part: of the whole, that alone is asked for, None = all. shots: the folder in which the
    parts of the whole lie, None = it is rendered. profile: whether to write a timeline of it.
    """

    output: Path
    overwrite: bool
    overlap: int
    seed: int
    device: torch.device
    saving: Saving
    settings: str
    told: str
    made_of: Fingerprint
    folder: Path | None = None
    part: FrameRange | None = None
    shots: Path | None = None
    profile: bool = False

    def recording(self, parts: Pipeline) -> Recording:
        """What the pictures go to."""
        return Recording(
            self.output, parts.encoder, self.clip(parts), comment(self.told),
            overwrite=self.overwrite, made_of=self.made_of, saving=self.saving,
            device=self.device, folder=self.folder, part=self.part,
        )  # fmt: skip

    def clip(self, parts: Pipeline) -> Clip:
        """The shape of what comes out."""
        clip = looped(parts.clip, self.overlap)
        return clip if self.part is None else self.part.clip(clip)


@dataclass(frozen=True)
class RenderResult:
    """What a job came to: the file, and the figures of its report.json.

    stop: whether the user pressed Ctrl-C when there was nothing left to stop.
    """

    output: Path
    figures: Mapping[str, object]
    stop: bool = False


def run(parts: Pipeline, order: RenderRequest) -> RenderResult:
    """Render to the output, showing progress.

    Leaves recipe.yaml, render.log and report.json beside it. An earlier render of the very same
    that did not come to its end is gone on with. Raises UserError, and KeyboardInterrupt after the
    frame during which the user pressed Ctrl-C, with the line that says how to go on.
    """
    recording = order.recording(parts)
    folder = recording.folder
    with asked_to_stop() as stop, recording, log_to(folder):
        report = Report(parts.source, order.device, folder / FIGURES, recording.state)
        seams: list[Seam] = []
        held = read_json(folder / "report.json") if recording.is_complete else {}
        if held:
            return RenderResult(order.output, held)
        if not recording.is_complete:
            (folder / "report.json").unlink(missing_ok=True)  # of an output that is replaced
            write(folder / "recipe.yaml", order.settings)
            if order.shots is None:
                _render(parts, order, recording, report, stop)
            else:
                seams = _join(order.shots, order, recording)
        told = report.figures() | {"loop_frames": order.overlap, "seams": seams}
        told["frames"] = recording.count  # of a loop fewer than were dreamt
        told |= facts(parts.model, order.seed)
        write(folder / "report.json", json.dumps(told, indent=2) + "\n")
    return RenderResult(order.output, told, bool(stop))


def _render(
    parts: Pipeline, order: RenderRequest, recording: Recording, report: Report, stop: Sequence[int]
) -> None:
    """Dream and record every frame. Raises KeyboardInterrupt when asked to stop, and UserError."""
    say_what_must_fit(parts, order.device)
    part, count, begin = order.part, parts.clip.count, 0
    if part is not None:
        count, begin = part.last - part.begin, part.begin
    frames = dreamt(parts, order, recording, report)
    done = shown_progress(count, "frame", recording.folder, recording.state.index - begin)
    trace = recording.folder / TRACE if order.profile else None
    with profiled(trace) as note, done as progress, closing(frames):
        for frame in frames:
            note(frame.frame.index, frame.spans)
            behind = frame.frame.index + 1
            if part is not None and behind in (part.first, part.last):
                keep(_layer(frame), behind, recording.folder)
            progress(report.gain)
            if stop and behind - begin != count:
                raise KeyboardInterrupt(recording.stop())


def _layer(dreamt: RenderedFrame) -> Tensor:
    """What the dream adds to the picture, (1, 3, H, W)."""
    picture = dreamt.canvas.picture
    return dreamt.image if picture is None else dreamt.image - picture


def _join(folder: Path, order: RenderRequest, recording: Recording) -> list[Seam]:
    """Complete the output from the parts that others have rendered; the seams between them.

    Raises UserError.
    """
    found = shots.read(folder)
    works = shots.done(folder, found, order.made_of)
    rows = [row for work in works for row in frame_metrics.read(work / FIGURES)]
    shots.check(found, [row["index"] for row in rows if row["cut"]])
    seams = measured(works, found.parts)
    recording.adopt(shots.segments(works, found))
    for row in rows:
        frame_metrics.write(recording.folder / FIGURES, row)
    recording.finish(())
    return seams


def dreamt(
    parts: Pipeline, order: RenderRequest, recording: Recorder, report: Report
) -> Generator[RenderedFrame, None, None]:
    """Yield every frame once it is dreamt, recorded and reported. Raises UserError."""
    cuts = parts.cuts if order.part is None else order.part.within(parts.cuts, parts.source)
    frames = render(
        parts.source, cuts, parts.flow, parts.moments, parts.model.to(order.device),
        recording, loop=Loop(order.overlap, parts.clip.count), beside=parts.beside,
        seed=order.seed, device=order.device, room=parts.room,
    )  # fmt: skip
    with told(), closing(frames):
        for frame in frames:
            if order.part is None or frame.frame.index >= order.part.first:
                report.add(frame)
            yield frame


def comment(told: str) -> dict[str, str]:
    """The tags of a result: what made it. told: the settings as yaml."""
    return {"comment": f"dreamreel {version_of('dreamreel')}\n{told}"}


def facts(model: Model, seed: int) -> dict[str, object]:
    """What a report.json says beside its figures: what the result can be made from again."""
    return {"seed": seed, "versions": versions(), "weights_sha256": model.weights_sha256}


@told()
def say_what_must_fit(parts: Pipeline, device: torch.device) -> None:
    """Log what the dreamer must do otherwise than it was told, for pictures of this size.

    Raises UserError where nothing fits, or nobody looks at the guide.
    """
    first, clip, guide = parts.moments(0), parts.clip, parts.beside.first_guide()
    aim = first.objective.of(parts.model, guide)
    side = Gradient(parts.model, aim).smallest_side
    if guide is not None and not needs_guide(first.objective, parts.model):
        raise UserError(
            "guide: must be given for an objective that looks at it, got one for another; "
            "say objective=guide, or norm+guide"
        )
    if parts.room is not None:
        need = parts.room.need(parts.model, aim.layers, device)
        parts.room.say(need, clip.height, clip.width)
    fitting = first.dreamer.fit(clip.height, clip.width, side)
    for name, asked in vars(first.dreamer).items():
        if (done := getattr(fitting, name)) != asked:
            log.warning("dreamer.%s: %s instead of %s, for %dx%d pixels and layers that need %d",
                        name, done, asked, clip.width, clip.height, side)  # fmt: skip


def summary(outcome: RenderResult) -> str:
    """One line: where the video lies and what it cost."""
    figures = outcome.figures
    spent: Any = figures["seconds_per_frame"]
    gain: Any = figures["gain"]
    frames: Any = figures["frames"]
    dreamt: Any = frames + figures.get("loop_frames", 0)
    parts = [f"{frames} frame{'' if frames == 1 else 's'}", f"{spent['total']:.2f} s a frame"]
    parts.append(f"{spent['total'] * dreamt:.0f} s in all")
    if gain is not None:
        parts.append(f"gain {gain['mean']:.2f}")
    if figures["flicker"] is not None:
        parts.append(f"flicker {figures['flicker']}")
    drift: Any = figures.get("drift")  # an earlier version's report has none
    if drift:
        worst = max(drift, key=lambda shot: abs(math.log(float(shot["ratio"]))))
        parts.append(f"{worst['band']} detail {worst['ratio']} times as strong at the end of the "
                     f"shot from frame {worst['frame']}")  # fmt: skip
    seams: Any = figures.get("seams")  # an earlier version's report has none
    if seams:
        worst = max(seams, key=lambda seam: float(seam["difference"]))
        parts.append(f"seams {len(seams)}, the worst {worst['difference']} at {worst['frame']}")
    return f"{shown(outcome.output)}: {', '.join(parts)}"


def default_output(
    name: Path | None,
    encoder: Encoder,
    clip: Clip,
    folder: Path | None,
    *,
    several: bool = False,
) -> Path:
    """Where to write when the user did not say: dream.SUFFIX in a sweep's folder, else by input.

    name: of the input; None = there is none. several: for stills, each a file in a folder.
    """
    single = clip.count == 1 and ".png" in encoder.suffixes
    suffix = "" if several else ".png" if single else encoder.suffixes[0]
    if folder is not None or name is None:
        return (folder or Path()) / f"dream{suffix}"
    # a folder's dots are no suffix, and "." has a name only where it lies
    stem = name.resolve().name if name.is_dir() else re.sub(r"%0?\d*d", "", name.stem)
    stem = stem.strip("_-. ") or "dream"
    if not suffix:  # a folder, which must not look as if it had one
        return Path(f"{stem.replace('.', '-')}-dream")
    return Path(f"{stem}.dream{suffix}")


def check_output(output: Path, sources: Mapping[str, Path], *, overwrite: bool) -> None:
    """Nothing, if the output may be written without loss of what is read. Raises UserError.

    sources: the files that are read, by the setting that names them.
    """
    if output.is_symlink() and output.is_dir():
        raise UserError(
            f"output: must not be a link to a folder, got {shown(output)}; name a file, or the "
            "folder itself"
        )
    for key, source in sources.items():
        if work_dir(output).resolve() in source.resolve().parents:
            raise UserError(
                f"{key}: must not be a file of the render itself, got {shown(source)}; move it "
                f"out of {shown(work_dir(output))}, or name another output"
            )
        if output.exists() and _holds(output, source):
            raise UserError(
                f"output: must not be the {key}, got {shown(output)}; name another file"
            )
    if len(work_dir(output).name.encode()) > 255:
        raise UserError(
            f"output: must leave room for the ending of its work folder, got a name of "
            f"{len(output.name.encode())} bytes; use at most 248"
        )
    check_room(output, work_dir(output), overwrite=overwrite)


def _holds(output: Path, source: Path) -> bool:
    """Whether writing the output anew would take the source away, or a picture of it."""
    if source.exists() and output.samefile(source):
        return True
    if output.is_dir():
        return output.resolve() in source.resolve().parents
    pictures = source if source.is_dir() else source.parent
    several = source.is_dir() or "%" in source.name
    return (
        several and output.suffix.lower() in SINGLE and output.resolve().parent.samefile(pictures)
    )

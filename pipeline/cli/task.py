"""One render as Hydra describes it, or one job of a sweep: its parts built, then rendered.

Importing this costs nothing: a worker of a sweep does so too, and --help and TAB never need torch.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.cli.arguments import check_name
from pipeline.cli.exit_codes import end, say
from pipeline.config.hydra_config import (
    CHANGING,
    FIXED,
    check_keys,
    choice_of,
    error_line,
    top_level_defaults,
    yaml_of,
)
from pipeline.errors import UserError, shown
from pipeline.sweep.job_status import RunningJob, run_job

if TYPE_CHECKING:
    from pipeline.config.instantiate import ScheduledConfig
    from pipeline.jobs.job import Pipeline, RenderRequest
    from pipeline.schedule import Schedule
    from pipeline.source import Several

log = logging.getLogger("pipeline")

ONE_BY_ONE = ".BasicLauncher"
"""How the name of the launcher ends that runs a job behind the other."""
RATE = Fraction(25)
"""Frames a second, where settings are tried without a video."""


def task(cfg: DictConfig) -> None:
    """Render what this configuration describes."""
    _warn_of_a_namesake(Path.cwd())
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.MULTIRUN:
        folder = Path(os.path.relpath(hydra.runtime.output_dir))
        # one after the other, the first line of each says whose the others are
        alone = str(hydra.launcher["_target_"]).endswith(ONE_BY_ONE)
        with _logged("" if alone else f"{folder.name}: "):
            log.info(f"job {folder.name}" if alone else "begins")
            _job(cfg, folder)
        return
    with _logged():
        try:
            _check_single(cfg, str(hydra.launcher["_target_"]))
            _rendered(cfg)
        except UserError as error:
            # raised on, Hydra would print two lines of its own before ours
            end(2, str(error))
        except Exception:
            end(1, f"a fault of ours, please report it:\n{traceback.format_exc()}")


def _check_single(cfg: DictConfig, launcher: str) -> None:
    """Nothing, if this says nothing that only a sweep has a use for. Raises UserError."""
    said = "sweep" if cfg.get("sweep") is not None else "hydra/launcher"
    if said == "sweep" or not launcher.endswith(ONE_BY_ONE):
        raise UserError(f"{said}: must go with a sweep, got a single render; say dreamreel -m ...")


def check(cfg: DictConfig) -> None:
    """Nothing, if the settings are right, whatever files and devices there are. Raises UserError.

    Of a sweep this is asked before its first job begins.
    """
    from pipeline.config.provenance import files
    from pipeline.config.settings import GeneralSettings, device_of, overlap_of, schedule_start_of
    from pipeline.schedule import SOUND, parse

    settings = _settings(cfg)
    files(settings)
    faced = GeneralSettings.of(settings, top_level_defaults(), device_of("cpu"))
    overlap_of(settings["loop"], settings["loop_seconds"], RATE)
    schedule_start_of(settings["schedule_start"], RATE)
    if settings["output"] is not None:
        _check_bare(Path(str(settings["output"])))
    for group in ("source", "cuts", "flow", "encoder"):
        _built(settings[group], group, faced.trusted)
    read = partial(parse, rate=float(RATE), count=None)
    silence, length = dict.fromkeys(SOUND, 0.0), {"count": 250.0, "duration": 10.0}
    for template in _templates(settings, read, faced.trusted).values():
        template.at({**length, "t": 0.0, "frame": 0, "rate": float(RATE), **silence})


def _job(cfg: DictConfig, folder: Path) -> None:
    """The job of a sweep in that folder. What becomes of it is noted there, however it ends.

    An error goes no further: it is said here, and the other jobs go on.
    """
    try:
        with run_job(folder) as job:
            job.line = _rendered(cfg, job)
    except UserError as error:
        log.error("%s", error)
    except Exception:
        log.error("a fault of ours, please report it:\n%s", traceback.format_exc())
    else:
        if job.stop:
            raise KeyboardInterrupt("stopped behind that job; the same command goes on")


def _rendered(cfg: DictConfig, job: RunningJob | None = None) -> str:
    """Render; what it came to. Raises UserError for all that the user can mend."""
    from pipeline.runtime.oom import told  # and with it torch

    try:
        with told():
            line = _render(cfg, job)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(error_line(error)) from error
    say(line)
    return line


def _settings(cfg: DictConfig) -> dict[str, Any]:
    """All settings, resolved. Raises UserError."""
    check_keys(cfg)
    settings: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    return dict(settings)


def _render(cfg: DictConfig, job: RunningJob | None) -> str:
    """One render; its summary. What is wrong is found out before it costs."""
    settings = _settings(cfg)

    from pipeline.config.auxiliary_inputs import auxiliary_inputs_of
    from pipeline.config.provenance import files, told
    from pipeline.config.settings import GeneralSettings, device_of, overlap_of, schedule_start_of
    from pipeline.config.timeline import timeline
    from pipeline.ffmpeg.audio_features import hear, with_audio
    from pipeline.frame_range import FrameRange
    from pipeline.jobs import stills as album
    from pipeline.jobs.job import Pipeline, RenderRequest, run, summary
    from pipeline.model.network.cuda_graphs import with_cuda_graphs
    from pipeline.model.network.precision import with_precision
    from pipeline.recording.fingerprint import contents, fingerprint
    from pipeline.runtime.determinism import use_deterministic_kernels
    from pipeline.runtime.malloc import keep_freed_memory
    from pipeline.runtime.memory_limit import hold_ourselves
    from pipeline.schedule import parse
    from pipeline.source import Several

    device = device_of(settings["device"])
    faced = GeneralSettings.of(settings, top_level_defaults(), device)
    trusted, named = faced.trusted, files(settings)
    if device.type == "cpu":  # others reserve addresses without end, and say themselves what fails
        hold_ourselves(faced.limits.bytes)
    # what lies in a sweep's own folder may be done anew
    overwrite = faced.overwrite or job is not None or faced.plan
    parts = {group: _built(settings[group], group, trusted) for group in FIXED}
    clip = parts["source"].clip
    if settings["audio"] is not None:
        clip = with_audio(clip, Path(str(settings["audio"])), faced.limits)
    beside = partial(
        auxiliary_inputs_of, settings, yaml=partial(yaml_of, "source"), trusted=trusted
    )
    first = schedule_start_of(settings["schedule_start"], clip.rate)
    read = partial(
        parse, rate=float(clip.rate), count=None if clip.count is None else first + clip.count
    )
    moments = timeline(
        _templates(settings, read, trusted), clip, partial(hear, limits=faced.limits), first=first
    )
    stills = parts["source"] if isinstance(parts["source"], Several) else None
    folder = None if job is None else job.folder
    output = _output(settings, parts, named, folder, overwrite=overwrite)
    keep_freed_memory()
    use_deterministic_kernels(device)
    model = with_precision(_built(settings["model"], "model", trusted), faced.precision, device)
    whole = Pipeline(
        **parts,
        clip=clip,
        moments=moments,
        beside=beside(parts["source"]),
        model=with_cuda_graphs(model, faced.compile, device),
        room=faced.room,
    )
    # of several stills each is held against itself
    apart = () if stills is None else ("input",)
    picture = told(settings)
    inputs = [contents(key, path) for key, path in named.items() if key not in apart]
    overlap = overlap_of(settings["loop"], settings["loop_seconds"], clip.rate)
    order = RenderRequest(
        output=output,
        overwrite=overwrite,
        overlap=overlap,
        seed=faced.seed,
        device=device,
        saving=faced.saving,
        settings=OmegaConf.to_yaml(cfg, resolve=True, sort_keys=False),
        told=yaml.safe_dump(picture, allow_unicode=True, sort_keys=False),
        made_of=fingerprint(
            picture, inputs,
            weights=whole.model.weights_sha256, device=device, trusted=trusted,
        ),
        part=FrameRange.of(settings["part"], overlap),
        shots=None if settings["shots"] is None else Path(str(settings["shots"])),
        profile=faced.profile,
    )  # fmt: skip
    if faced.plan:
        return _planned(whole, order, stills, folder)
    if job is not None and job.is_done(output, order.made_of.facts):
        return f"{job.line} (was done)"
    if stills is None:
        outcome = run(whole, order)
        if job is not None:
            job.stop = outcome.stop
        return summary(outcome)
    return album.summary(album.run(whole, stills, order, beside=beside))


def _planned(
    parts: Pipeline, order: RenderRequest, stills: Several | None, folder: Path | None
) -> str:
    """What a render would take, in a line. folder: of a sweep's job, which sums them up."""
    from pipeline.jobs.estimate import estimate, of_all

    found = estimate(parts, order) if stills is None else of_all(stills, parts, order)
    if folder is not None:
        found.write(folder)
    return found.line(order.output)


def _output(
    settings: dict[str, Any],
    parts: dict[str, Any],
    files: dict[str, Path],
    folder: Path | None,
    *,
    overwrite: bool,
) -> Path:
    """Where to write; nothing that is read may be lost by it. Raises UserError.

    folder: of a sweep's job, where it must be; None = it is none.
    """
    from pipeline.jobs import job
    from pipeline.jobs import stills as album
    from pipeline.source import Several

    source, encoder = parts["source"], parts["encoder"]
    several = isinstance(source, Several)
    if settings["output"] is None:
        input_ = files.get("input")
        output = job.default_output(input_, encoder, source.clip, folder, several=several)
    else:
        output = Path(str(settings["output"]))
        check_name(output, encoder.suffixes, choice_of("encoder"))
        if folder is not None:
            _check_bare(output)
            output = folder / output
    if several:
        album.check_output(output, source, overwrite=overwrite)
    else:
        job.check_output(output, files, overwrite=overwrite)
    return output


def _check_bare(output: Path) -> None:
    """Nothing, if this may be the output of each job of a sweep. Raises UserError."""
    if output.name != str(output):
        raise UserError(
            f"output: must be a name without a folder in a sweep, got {shown(output)}; each job "
            f"has a folder of its own: say output={shown(output.name)}"
        )


def _built(settings: Any, group: str, trusted: list[str]) -> Any:
    """The part that these settings of a group describe. Raises UserError naming the key."""
    from pipeline.config.instantiate import build

    return build(settings, group, trusted=trusted, defaults=_defaults(group))


def _templates(
    settings: dict[str, Any], read: Callable[[str], Schedule], trusted: list[str]
) -> dict[str, ScheduledConfig]:
    """By group, what each part that may change is made from. Raises UserError naming the key."""
    from pipeline.config.instantiate import ScheduledConfig

    return {
        group: ScheduledConfig.of(
            settings[group], group, read, trusted=trusted, defaults=_defaults(group)
        )
        for group in CHANGING
    }


def _defaults(group: str) -> dict[str, Any]:
    """What the yaml of the group's choice gives."""
    return yaml_of(group, choice_of(group))


def _warn_of_a_namesake(folder: Path) -> None:
    """Say so if another `pipeline` lies in the current folder: workers would import that one."""
    ours = Path(__file__).resolve().parent.parent
    for other in (folder / "pipeline.py", folder / "pipeline"):
        if other.exists() and other.resolve() != ours:
            print(f"warning: {shown(other)} has our package's name; run elsewhere", file=sys.stderr)


@contextmanager
def _logged(whose: str = "") -> Iterator[None]:
    """Lines of the log on stderr while a job runs. whose: what each begins with."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(f"{whose.replace('%', '%%')}%(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)

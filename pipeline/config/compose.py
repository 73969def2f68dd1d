"""The composition root: settings -> a job with all its stages. Nothing else assembles a render."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import hydra
import torch
import yaml
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from pipeline.config import untrusted
from pipeline.config.arguments import check_suffix, hydra_arguments
from pipeline.config.auxiliary_inputs import auxiliary_inputs_of
from pipeline.config.conf_dir import config_dir
from pipeline.config.hydra_config import (
    CONSTANT_GROUPS,
    SCHEDULABLE_GROUPS,
    check_keys,
    choice_of,
    error_line,
    top_level_defaults,
    yaml_of,
)
from pipeline.config.instantiate import ScheduledConfig, build
from pipeline.config.provenance import embedded_settings, files
from pipeline.config.settings import (
    GeneralSettings,
    overlap_of,
    parse_packages,
    schedule_start_of,
    select_device,
)
from pipeline.config.timeline import timeline
from pipeline.encoder import Encoder
from pipeline.errors import UserError, printable
from pipeline.ffmpeg.audio_features import analyse_audio, with_audio
from pipeline.frame_range import FrameRange
from pipeline.jobs import stills
from pipeline.jobs.description import describe
from pipeline.jobs.job import Job
from pipeline.jobs.output_path import check_output, default_output
from pipeline.model.network.cuda_graphs import with_cuda_graphs
from pipeline.model.network.precision import resolve_precision, with_precision
from pipeline.recording.fingerprint import contents, fingerprint, recorded_threads
from pipeline.render import Pipeline
from pipeline.runtime.determinism import use_deterministic_kernels
from pipeline.runtime.malloc import keep_freed_memory
from pipeline.runtime.memory_limit import limit_this_process
from pipeline.runtime.threads import is_automatic
from pipeline.schedule import VARIABLES, Schedule, parse
from pipeline.seamless_loop import SeamlessLoop
from pipeline.source import Source, StillCollection
from pipeline.storage.work_dir import work_dir

RATE = Fraction(25)
"""Frame rate, in frames per second, with which settings are checked without a video."""
TRIAL = {
    **dict.fromkeys(VARIABLES, 0.0),
    "rate": float(RATE),
    "count": 250.0,
    "duration": 10.0,
}
"""The variables of schedules at the first frame of such a check."""


def compose(*overrides: str) -> Job:
    """Return the job that these settings describe: `compose("input=clip.mp4", "look=lace").run()`.

    overrides: KEY=VALUE as on the command line; all other settings have their defaults from conf/.
    Everything is validated before any expensive work. As side effects, the process keeps freed
    memory, and uses deterministic kernels on a GPU. Raises UserError.
    """
    return compose_config(*compose_settings(*overrides))


def compose_settings(*overrides: str) -> tuple[DictConfig, dict[str, str]]:
    """Return the configuration with these settings, and the choice of each group by its name.

    Leaves Hydra's global state unchanged. Raises UserError.
    """
    try:
        words = hydra_arguments(overrides)
        for word in words:
            if word.startswith("-"):
                raise UserError(
                    f"{printable(word)}: must have the form KEY=VALUE, got an option; remove it"
                )
        with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
            cfg = hydra.compose("config", overrides=words, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(error_line(error)) from error
    finally:
        untrusted.unregister()
    choices: Any = OmegaConf.to_container(cfg.hydra.runtime.choices)
    with read_write(cfg), open_dict(cfg):
        del cfg["hydra"]
    return cfg, choices


def compose_stage(group: str, *overrides: str) -> Any:
    """Return a single stage as it is at the first frame: `compose_stage("model", "model=vgg19")`.

    group: the name of the stage, which is a folder in conf/. Raises UserError.
    """
    cfg, choices = compose_settings(*overrides)
    settings = settings_of(cfg)
    trusted = ["pipeline", *parse_packages(settings["trust"])]
    builder = _Builder(settings, choices, trusted)
    if group not in SCHEDULABLE_GROUPS:
        return builder.build(group)
    return builder.trial(group)


def settings_of(cfg: DictConfig) -> dict[str, Any]:
    """Return all settings, resolved. Raises UserError."""
    try:
        check_keys(cfg)
        settings: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(error_line(error)) from error
    return dict(settings)


def check(cfg: DictConfig, choices: Mapping[str, str]) -> None:
    """Raise UserError for invalid settings, without accessing input files or devices.

    A sweep calls this before its first job starts.
    """
    settings = settings_of(cfg)
    files(settings)
    general = GeneralSettings.of(settings, top_level_defaults(), select_device("cpu"))
    overlap_of(settings["loop"], settings["loop_seconds"], RATE)
    schedule_start_of(settings["schedule_start"], RATE)
    if settings["output"] is not None:
        _check_bare(Path(str(settings["output"])))
    builder = _Builder(settings, choices, general.trusted)
    for group in CONSTANT_GROUPS:
        builder.build(group)
    for group in SCHEDULABLE_GROUPS:
        builder.trial(group)


def compose_config(
    cfg: DictConfig,
    choices: Mapping[str, str],
    *,
    folder: Path | None = None,
    own_process: bool = False,
) -> Job:
    """Return the job that this configuration describes, validated before any expensive work.

    choices: group -> its choice. folder: the folder of a sweep's job, which must contain the
    output. None: not in a sweep. own_process: whether to limit the memory of this process to
    limits.memory, which is done on the CPU only. Raises UserError.
    """
    settings = settings_of(cfg)
    device = select_device(settings["device"])
    general = GeneralSettings.of(settings, top_level_defaults(), device)
    limits, tile_budget, input_files = general.limits, general.tile_budget, files(settings)
    if own_process and device.type == "cpu":  # GPU drivers reserve huge address ranges
        limit_this_process(limits.bytes)
        if tile_budget is not None:
            tile_budget = replace(tile_budget, process_bytes=limits.bytes)
    # the outputs in a sweep's folder are its own, and a plan writes no output
    overwrite = general.overwrite or folder is not None or general.plan
    builder = _Builder(settings, choices, general.trusted)
    source, cuts, flow, encoder = (builder.build(group) for group in CONSTANT_GROUPS)
    clip = source.clip
    if settings["audio"] is not None:
        clip = with_audio(clip, Path(str(settings["audio"])), limits)
    first = schedule_start_of(settings["schedule_start"], clip.rate)
    count = None if clip.count is None else first + clip.count
    read = partial(parse, rate=float(clip.rate), count=count)
    stages_at = timeline(
        {group: builder.scheduled(group, read) for group in SCHEDULABLE_GROUPS},
        clip,
        partial(analyse_audio, limits=limits),
        first=first,
    )
    output = _output(settings, source, encoder, choices, folder, overwrite=overwrite)
    if own_process and is_automatic(os.environ):
        # an unfinished render is resumed with its own number of threads, however busy the cores are
        torch.set_num_threads(recorded_threads(work_dir(output)) or torch.get_num_threads())
    keep_freed_memory()
    use_deterministic_kernels(device)
    model = with_precision(builder.build("model"), general.precision, device)
    model = with_cuda_graphs(model, general.compile, device)
    overlap = overlap_of(settings["loop"], settings["loop_seconds"], clip.rate)
    loop = SeamlessLoop(overlap, clip.count)
    auxiliary_of = partial(
        auxiliary_inputs_of, settings, yaml=partial(yaml_of, "source"), trusted=general.trusted
    )
    several = isinstance(source, StillCollection)
    embedded = embedded_settings(settings)
    # with several stills, the fingerprint of each contains its own input file
    excluded = ("input",) if several else ()
    return Job(
        pipeline=Pipeline(
            source=source,
            clip=clip,
            cuts=cuts,
            flow=flow,
            stages_at=loop.blend_camera(stages_at),
            model=model,
            auxiliary=auxiliary_of(source),
            tile_budget=tile_budget,
            loop=loop,
        ),
        encoder=encoder,
        output=output,
        overwrite=overwrite,
        seed=general.seed,
        device=device,
        saving=general.saving,
        settings=OmegaConf.to_yaml(cfg, resolve=True, sort_keys=False),
        embedded_settings=yaml.safe_dump(embedded, allow_unicode=True, sort_keys=False),
        fingerprint=fingerprint(
            embedded,
            [contents(key, path) for key, path in input_files.items() if key not in excluded],
            weights=model.weights_sha256,
            device=device,
            trusted=general.trusted,
        ),
        frame_range=FrameRange.of(settings["part"], overlap),
        shots=None if settings["shots"] is None else Path(str(settings["shots"])),
        profile=general.profile,
        plan=general.plan,
        stills=source if several else None,
        auxiliary_of=auxiliary_of if several else None,
        description=describe(
            input_=input_files.get("input"),
            output=output,
            clip=clip,
            choices=choices,
            objective=stages_at(0).objective,
            device=device,
            precision=resolve_precision(general.precision, device),
        ),
    )


@dataclass(frozen=True)
class _Builder:
    """Builds stages from these settings."""

    settings: Mapping[str, Any]
    choices: Mapping[str, str]
    trusted: list[str]

    def build(self, group: str) -> Any:
        """Return the stage of a group. Raises UserError."""
        defaults = self._defaults(group)
        return build(self.settings[group], group, trusted=self.trusted, defaults=defaults)

    def scheduled(self, group: str, read: Callable[[str], Schedule]) -> ScheduledConfig:
        """Return the template of a stage that may change over time. Raises UserError.

        read: parses a schedule.
        """
        return ScheduledConfig.of(
            self.settings[group],
            group,
            read,
            trusted=self.trusted,
            defaults=self._defaults(group),
        )

    def trial(self, group: str) -> Any:
        """Return a stage that may change over time, as it is at the first frame of TRIAL.

        Raises UserError.
        """
        return self.scheduled(group, partial(parse, rate=float(RATE), count=None)).at(TRIAL)

    def _defaults(self, group: str) -> dict[str, Any]:
        """Return the content of the yaml of the group's choice."""
        return yaml_of(group, choice_of(group, self.choices))


def _output(
    settings: Mapping[str, Any],
    source: Source | StillCollection,
    encoder: Encoder,
    choices: Mapping[str, str],
    folder: Path | None,
    *,
    overwrite: bool,
) -> Path:
    """Return the path of the output. Raises UserError, also if it would replace an input.

    folder: the folder of a sweep's job, which must contain the output. None: not in a sweep.
    """
    input_files, several = files(settings), isinstance(source, StillCollection)
    if settings["output"] is None:
        input_ = input_files.get("input")
        output = default_output(input_, encoder, source.clip, folder, several=several)
    else:
        output = Path(str(settings["output"]))
        check_suffix(output, encoder.suffixes, choice_of("encoder", choices))
        if folder is not None:
            _check_bare(output)
            output = folder / output
    if isinstance(source, StillCollection):
        stills.check_stills_output(output, source, overwrite=overwrite)
    else:
        check_output(output, input_files, overwrite=overwrite)
    return output


def _check_bare(output: Path) -> None:
    """Raise UserError if the output of a sweep's jobs is not a name without a folder."""
    if output.name != str(output):
        raise UserError(
            f"output: must be a file name without a folder in a sweep, got {printable(output)}, "
            f"because each job has its own folder; set output={printable(output.name)}"
        )

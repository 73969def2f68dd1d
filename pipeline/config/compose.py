"""The composition root: settings -> a job with all its stages. Nothing else assembles a render."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import hydra
import torch
import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from pipeline.config import untrusted
from pipeline.config.arguments import hydra_arguments
from pipeline.config.auxiliary_inputs import auxiliary_inputs_of
from pipeline.config.conf_dir import config_dir
from pipeline.config.hydra_config import (
    CONSTANT_GROUPS,
    SCHEDULABLE_GROUPS,
    check_keys,
    error_line,
    top_level_defaults,
    yaml_of,
)
from pipeline.config.look_model import check_look
from pipeline.config.output_path import check_bare_name, check_film, output_path_of
from pipeline.config.provenance import embedded_settings, files
from pipeline.config.settings import (
    PING_PONG,
    ExplainSettings,
    GeneralSettings,
    check_snapshots,
    overlap_of,
    parse_packages,
    schedule_start_of,
    select_device,
)
from pipeline.config.sounds import analyse_sounds, stems_of
from pipeline.config.stage_builder import RATE, StageBuilder
from pipeline.config.targets import TARGET
from pipeline.config.timeline import timeline
from pipeline.config.unused import WITHOUT_TIME, single_pass_reason, unused
from pipeline.errors import UserError, printable
from pipeline.ffmpeg.audio_features import with_audio
from pipeline.flow import Flow
from pipeline.frame import Clip
from pipeline.frame_range import FrameRange
from pipeline.jobs.description import describe
from pipeline.jobs.job import Job
from pipeline.model import timm, torchvision
from pipeline.model.network.cuda_graphs import with_cuda_graphs
from pipeline.model.network.precision import resolve_precision, with_precision
from pipeline.recording.fingerprint import contents, fingerprint, recorded_threads
from pipeline.render import Pipeline
from pipeline.runtime.determinism import use_deterministic_kernels
from pipeline.runtime.malloc import keep_freed_memory
from pipeline.runtime.memory_limit import limit_this_process
from pipeline.runtime.threads import is_automatic
from pipeline.schedule import parse
from pipeline.schedule.namespaces import namespaces
from pipeline.seamless_loop import SeamlessLoop
from pipeline.source import StillCollection
from pipeline.source.retimed import Retimed
from pipeline.storage.work_dir import work_dir

log = logging.getLogger(__name__)

CHECKED_BY_NAME = {
    "pipeline.model.torchvision.classifier": torchvision.check_layers,
    "pipeline.model.timm.named": timm.check_layers,
}
"""Target of a network with a name -> the check of its layers without its weights."""


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
    # the command line calls this within a run of Hydra's, of which there may be only one
    running = GlobalHydra.instance()
    outer, running.hydra = running.hydra, None
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
        running.hydra = outer
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
    builder = StageBuilder(settings, choices, trusted)
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
    check_look(settings, choices)
    stems_of(settings["stems"])
    files(settings)
    general = GeneralSettings.of(settings, top_level_defaults(), select_device("cpu"))
    overlap_of(settings["loop"], settings["loop_seconds"], RATE)
    schedule_start_of(settings["schedule_start"], RATE)
    if settings["output"] is not None:
        check_bare_name(Path(str(settings["output"])))
    builder = StageBuilder(settings, choices, general.trusted)
    for group in CONSTANT_GROUPS:
        builder.build(group)
    for group in SCHEDULABLE_GROUPS:
        builder.trial(group)


def _source(
    builder: StageBuilder, general: GeneralSettings, choices: Mapping[str, str], flow: Flow
) -> tuple[Any, Any]:
    """Return the source of the input, and that of the render, which may have another rate or speed.

    Raises UserError.
    """
    if (general.rate is None and general.speed == 1) or choices["source"] in WITHOUT_TIME:
        source = builder.build("source")
        return source, source
    limited = builder.settings["source"]
    frames = limited.get("frames")  # of the render, and not of the input
    unlimited = {**limited, "frames": None} if "frames" in limited else limited
    settings = {**builder.settings, "source": unlimited}
    source = replace(builder, settings=settings).build("source")
    rate = source.clip.rate if general.rate is None else general.rate
    sound: Any = general.sound
    return source, Retimed(source, rate, general.speed, frames, sound, flow, general.limits)


def _check_layers(model: Mapping[str, Any], objective: Mapping[str, Any]) -> None:
    """Raise UserError for a layer that the network lacks, if its weights would be downloaded first.

    model, objective: settings of these stages.
    """
    check = CHECKED_BY_NAME.get(model[TARGET])
    if check is not None and model["weights"] is None:
        check(str(model["name"]), _layers(objective))


def _layers(node: object) -> Iterator[str]:
    """Yield the names of layers in the settings of an objective, or of several."""
    if isinstance(node, Mapping):
        layers = node.get("layers", ())
        yield from map(str, [layers] if isinstance(layers, str) else layers)
        for value in node.values():
            yield from _layers(value)


def _with_sound(clip: Clip, sound: str, *, own: bool) -> Clip:
    """Return the clip with what the setting `sound` keeps. own: whether it is the input's sound."""
    if clip.tracks is None:
        return clip
    if sound == "drop" and own:
        return replace(clip, tracks=None)
    return replace(clip, tracks=replace(clip.tracks, copied=sound == "copy"))


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
    check_look(settings, choices)
    stems = stems_of(settings["stems"])
    device = select_device(settings["device"])
    general = GeneralSettings.of(settings, top_level_defaults(), device)
    limits, tile_budget, input_files = general.limits, general.tile_budget, files(settings)
    if own_process and device.type == "cpu":  # GPU drivers reserve huge address ranges
        limit_this_process(limits.bytes)
        if tile_budget is not None:
            tile_budget = replace(tile_budget, process_bytes=limits.bytes)
    # the outputs in a sweep's folder are its own, and a plan writes no output
    overwrite = general.overwrite or folder is not None or general.plan
    builder = StageBuilder(settings, choices, general.trusted)
    cuts, flow, anchors, encoder = (builder.build(group) for group in CONSTANT_GROUPS[1:])
    filmed, source = _source(builder, general, choices, flow)
    clip = source.clip
    if settings["audio"] is not None:
        clip = with_audio(clip, Path(str(settings["audio"])), limits)
    check_snapshots(general.snapshots, clip.count)
    first = schedule_start_of(settings["schedule_start"], clip.rate)
    count = None if clip.count is None else first + clip.count
    midi = input_files.get("midi")
    spaces = namespaces(stems, midi=midi is not None)
    read = partial(parse, rate=float(clip.rate), count=count, spaces=spaces)
    stages_at = timeline(
        {group: builder.scheduled(group, read) for group in SCHEDULABLE_GROUPS},
        clip,
        partial(analyse_sounds, stems=stems, midi=midi, limits=limits),
        first=first,
    )
    clip = _with_sound(clip, general.sound, own=settings["audio"] is None)
    output = output_path_of(settings, source, encoder, choices, folder, overwrite=overwrite)
    film = ExplainSettings.of(settings["explain"]).film and not general.plan
    if film:
        check_film(output, loop=settings["loop"], part=settings["part"], overwrite=overwrite)
    if own_process and is_automatic(os.environ):
        # an unfinished render is resumed with its own number of threads, however busy the cores are
        torch.set_num_threads(recorded_threads(work_dir(output)) or torch.get_num_threads())
    keep_freed_memory()
    use_deterministic_kernels(device)
    _check_layers(settings["model"], settings["objective"])
    model = with_precision(builder.build("model"), general.precision, device)
    model = with_cuda_graphs(model, general.compile, device)
    overlap = overlap_of(settings["loop"], settings["loop_seconds"], clip.rate)
    loop = SeamlessLoop(overlap, clip.count)
    frame_range = FrameRange.of(settings["part"], settings["loop"])
    if frame_range is not None and anchors.across_cuts:
        raise UserError(
            "anchors.across_cuts: must be false if only a part is rendered, got true; set "
            "anchors.across_cuts=false or part=null"
        )
    auxiliary_of = partial(
        auxiliary_inputs_of,
        settings,
        speed=float(general.speed),
        yaml=partial(yaml_of, "source"),
        trusted=general.trusted,
    )
    several = isinstance(source, StillCollection)
    single = several or clip.count == 1
    embedded = embedded_settings(settings)
    # with several stills, the fingerprint of each contains its own input file
    excluded = ("input",) if several else ()
    job = Job(
        pipeline=Pipeline(
            source=source,
            clip=clip,
            cuts=cuts,
            flow=flow,
            anchors=anchors,
            stages_at=loop.blend_camera(stages_at),
            model=model,
            auxiliary=auxiliary_of(filmed),
            tile_budget=tile_budget,
            loop=loop,
            dream_size=general.dream_size,
            mask_bars=general.mask_bars,
            passes=1 if single_pass_reason(choices, single=single) else general.passes,
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
        frame_range=frame_range,
        mirrored=settings["loop"] == PING_PONG,
        snapshots=general.snapshots,
        shots=None if settings["shots"] is None else Path(str(settings["shots"])),
        profile=general.profile,
        plan=general.plan,
        stills=source if several else None,
        auxiliary_of=auxiliary_of if several else None,
        film=film,
        description=describe(
            input_=input_files.get("input"),
            output=output,
            clip=clip,
            dream_size=general.dream_size.of(clip.height, clip.width),
            choices=choices,
            objective=stages_at(0).objective,
            device=device,
            precision=resolve_precision(general.precision, device),
        ),
    )
    # last, so that an error stays one line
    source_yaml = yaml_of("source", choices["source"])
    for message in unused(settings, choices, top_level_defaults(), source_yaml, single=single):
        log.warning("%s", message)
    return job

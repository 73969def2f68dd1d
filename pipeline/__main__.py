"""The command line: what Hydra makes of it, built and rendered."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from pipeline.arguments import check_name, prepared
from pipeline.configuration import (
    CHANGING,
    FIXED,
    check_keys,
    choice_of,
    config_dir,
    face_yaml,
    one_line,
    yaml_of,
)
from pipeline.errors import UserError, shown
from pipeline.presets import check_presets

log = logging.getLogger("pipeline")

STOPPED = {
    130: "stopped at once; the same command goes on from what was saved before, if there is any",
    129: "ended with its terminal; the same command goes on",
    143: "ended from outside; the same command goes on",
}
"""Exit code -> the line that goes with it."""


def main() -> None:
    """Run the command line and exit: 0 done, 1 our fault, 2 the user can mend it, 130 Ctrl-C."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us whole; we put them into one line
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when a GPU is first used
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # else nohup wants it to live on
        signal.signal(signal.SIGHUP, _terminated)
    OmegaConf.register_new_resolver("conf_folder", _conf_folder, replace=True)
    try:
        groups = [path.name for path in config_dir().iterdir()]
        sys.argv[1:] = prepared(sys.argv[1:], groups)
        check_presets(sys.argv[1:], [*groups, "experiment"], face_yaml())
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")(task)()
    except KeyboardInterrupt as stop:
        _end(130, str(stop) or None)
    except SystemExit as end:
        _end(end.code)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        _end(2, one_line(error))
    except YAMLError as error:  # what Hydra is stricter about: a key that is there twice
        reason = " ".join(shown(line.strip()) for line in str(error).splitlines())
        _end(2, f"--config-dir: must hold yaml that can be read, got: {reason[:300]}; mend it")
    except BrokenPipeError:
        _end(1)
    except Exception:
        _end(1, f"a fault of ours, please report it:\n{traceback.format_exc()}")


def task(cfg: DictConfig) -> None:
    """Render what this configuration describes."""
    _warn_of_a_namesake(Path.cwd())
    sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    from pipeline.shortage import told  # and with it torch, which --help and TAB do without

    with _logged():
        try:
            with told():
                _render(cfg, folder=Path(HydraConfig.get().runtime.output_dir) if sweep else None)
        except (UserError, HydraException, OmegaConfBaseException) as error:
            if sweep:
                raise
            # Raised on, Hydra would print two lines of its own before ours.
            _end(2, one_line(error))
        except Exception:
            if sweep:
                raise
            _end(1, f"a fault of ours, please report it:\n{traceback.format_exc()}")


def _end(code: Any, line: str | None = None) -> None:
    """Exit with this code, after the line that says why."""
    line = STOPPED.get(code) if line is None else line
    if line:
        with suppress(OSError):  # the terminal may be gone
            print(line, file=sys.stderr, flush=True)
    sys.exit(code)


def _terminated(number: int, frame: FrameType | None) -> None:
    """Leave in order: everything that is open is closed on the way out."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _render(cfg: DictConfig, folder: Path | None) -> None:
    """One render. folder: of this job in a sweep. What is wrong is found out before it costs."""
    check_keys(cfg)
    settings: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)

    from pipeline import album, face, job
    from pipeline.allowance import hold_ourselves
    from pipeline.determinism import same_bits
    from pipeline.files_beside import beside_of
    from pipeline.fingerprint import contents, fingerprint
    from pipeline.memory import keep_freed_memory
    from pipeline.parts import Template
    from pipeline.schedule import parse
    from pipeline.sound import hear, with_audio
    from pipeline.source import Several
    from pipeline.timeline import timeline
    from pipeline.told import files, told

    overwrite, seed = face.flag("overwrite", settings["overwrite"]), face.seed_of(settings["seed"])
    limits = face.limits_of(settings["limits"], face_yaml()["limits"])
    device, trusted = face.device_of(settings["device"]), face.packages(settings["trust"])
    trusted = ["pipeline", *trusted]
    if device.type == "cpu":  # others reserve addresses without end, and say themselves what fails
        hold_ourselves(limits.bytes)
    room = face.room_of(settings["tile"], settings["tile_memory"])
    saving = face.saving_of(settings["segment_frames"], settings["save_seconds"])
    parts = {group: _built(settings[group], group, trusted) for group in FIXED}
    clip = parts["source"].clip
    if settings["audio"] is not None:
        clip = with_audio(clip, Path(str(settings["audio"])), limits)
    beside = partial(beside_of, settings, yaml=partial(yaml_of, "source"), trusted=trusted)
    read = partial(parse, rate=float(clip.rate), count=clip.count)
    templates = {
        group: Template.of(settings[group], group, read, trusted=trusted, defaults=_defaults(group))
        for group in CHANGING
    }
    moments = timeline(templates, clip, partial(hear, limits=limits))
    stills = parts["source"] if isinstance(parts["source"], Several) else None
    named = files(settings)
    output = _output(settings, parts, named, folder, overwrite=overwrite)
    keep_freed_memory()
    same_bits(device)
    whole = job.Parts(
        **parts,
        clip=clip,
        moments=moments,
        beside=beside(parts["source"]),
        model=_built(settings["model"], "model", trusted).to(device),
        room=room,
    )
    # of several stills each is held against itself
    apart = () if stills is None else ("input",)
    picture = told(settings)
    inputs = [contents(key, path) for key, path in named.items() if key not in apart]
    order = job.Order(
        output=output,
        overwrite=overwrite,
        overlap=face.overlap_of(settings["loop"], settings["loop_seconds"], clip.rate),
        seed=seed,
        device=device,
        saving=saving,
        settings=OmegaConf.to_yaml(cfg, resolve=True, sort_keys=False),
        told=yaml.safe_dump(picture, allow_unicode=True, sort_keys=False),
        made_of=fingerprint(
            picture, inputs,
            weights=whole.model.weights_sha256, device=device, trusted=trusted,
        ),
    )  # fmt: skip
    if stills is None:
        print(job.summary(job.run(whole, order)))
    else:
        print(album.summary(album.run(whole, stills, order, beside=beside)))


def _output(
    settings: dict[str, Any],
    parts: dict[str, Any],
    files: dict[str, Path],
    folder: Path | None,
    *,
    overwrite: bool,
) -> Path:
    """Where to write; nothing that is read may be lost by it. Raises UserError."""
    from pipeline import album, job
    from pipeline.source import Several

    source, encoder = parts["source"], parts["encoder"]
    several = isinstance(source, Several)
    if settings["output"] is None:
        input_ = files.get("input")
        output = job.default_output(input_, encoder, source.clip, folder, several=several)
    else:
        output = Path(str(settings["output"]))
        check_name(output, encoder.suffixes, choice_of("encoder"))
    if several:
        album.check_output(output, source, overwrite=overwrite)
    else:
        job.check_output(output, files, overwrite=overwrite)
    return output


def _built(settings: Any, group: str, trusted: list[str]) -> Any:
    """The part that these settings of a group describe. Raises UserError naming the key."""
    from pipeline.parts import build

    return build(settings, group, trusted=trusted, defaults=_defaults(group))


def _defaults(group: str) -> dict[str, Any]:
    """What the yaml of the group's choice gives."""
    return yaml_of(group, choice_of(group))


def _conf_folder() -> str:
    """For the help, where a $ means something: where the yaml files lie."""
    return str(config_dir()).replace("$", "$$")


def _warn_of_a_namesake(folder: Path) -> None:
    """Say so if another `pipeline` lies in the current folder: workers would import that one."""
    ours = Path(__file__).resolve().parent
    for other in (folder / "pipeline.py", folder / "pipeline"):
        if other.exists() and other.resolve() != ours:
            print(f"warning: {shown(other)} has our package's name; run elsewhere", file=sys.stderr)


@contextmanager
def _logged() -> Iterator[None]:
    """Lines of the log on stderr while a job runs."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)


if __name__ == "__main__":
    main()

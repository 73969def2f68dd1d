"""The command line: the one file that knows Hydra."""

from __future__ import annotations

import difflib
import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.arguments import prepared
from pipeline.errors import UserError, shown

if TYPE_CHECKING:
    import torch

log = logging.getLogger("pipeline")

GROUPS = (
    # In this order they are built: what costs nothing to refuse comes before the network.
    "source", "cuts", "flow", "camera", "warp", "dreamer", "objective", "encoder", "model",
)  # fmt: skip


def config_dir() -> Path:
    """The folder of the yaml files: beside this module in a wheel, one level up in a checkout."""
    here = Path(__file__).resolve().parent
    return here / "conf" if (here / "conf").is_dir() else here.parent / "conf"


def main() -> None:
    """Run the command line and exit: 0 done, 1 our fault, 2 the user can mend it, 130 Ctrl-C."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us whole; we put them into one line
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.argv[1:] = prepared(sys.argv[1:])
    try:
        _warn_of_a_namesake(Path.cwd())
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")(task)()
    except KeyboardInterrupt:
        print("stopped; nothing was kept, the same command starts anew", file=sys.stderr)
        sys.exit(130)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        print(_one_line(error), file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)
    except Exception:
        log.critical("a fault of ours, please report it:\n%s", traceback.format_exc())
        sys.exit(1)


def task(cfg: DictConfig) -> None:
    """Render what this configuration describes."""
    with _logged():
        try:
            _render(cfg)
        except (UserError, HydraException, OmegaConfBaseException) as error:
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                raise
            # Raised on, Hydra would print two lines of its own before ours.
            print(_one_line(error), file=sys.stderr)
            sys.exit(2)


def _render(cfg: DictConfig) -> None:
    from pipeline import job

    settings = OmegaConf.to_yaml(cfg, resolve=True, sort_keys=False)
    _check_targets(OmegaConf.to_container(cfg, resolve=True), trusted=["pipeline", *cfg.trust])
    if cfg.input is None:
        raise UserError("input: must be given; say input=FILE, or --help for all settings")
    source = _built(cfg, "source")
    clip = source.clip
    others = {group: _built(cfg, group) for group in GROUPS[1:]}
    sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    folder = Path(HydraConfig.get().runtime.output_dir) if sweep else None
    output = (
        job.default_output(str(cfg.input), others["encoder"], clip, folder)
        if cfg.output is None
        else Path(str(cfg.output))
    )
    job.check_output(output, Path(str(cfg.input)))
    outcome = job.run(
        job.Parts(source=source, **others),
        output=output,
        overwrite=_flag(cfg, "overwrite"),
        seed=_seed(cfg),
        device=_device(str(cfg.device)),
        settings=settings,
    )
    print(job.summary(outcome))


def _built(cfg: DictConfig, group: str) -> Any:
    """The part that this group's settings describe. Raises UserError naming the key."""
    from pydantic import ValidationError

    try:
        return hydra.utils.instantiate(cfg[group], _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, ValidationError):
            raise UserError(_first_fault(group, cause)) from error
        if isinstance(cause, UserError):
            raise cause from error
        if isinstance(cause, (TypeError, ValueError)):
            raise UserError(f"{group}: {str(cause).splitlines()[0]}; see --help") from error
        raise


def _first_fault(group: str, error: Any) -> str:
    """Key, rule, value and remedy of the first fault that pydantic found."""
    fault = error.errors()[0]
    key = ".".join([group, *(str(place) for place in fault["loc"][:1])])
    rule = re.sub(r"^(Value error, |Input should )", "must ", fault["msg"])
    rule = re.sub(r"^must must", "must", rule)
    if fault["type"] == "unexpected_keyword_argument":
        return f"{key}: is no setting of this {group}, got {fault['input']!r}; leave it out"
    return f"{key}: {rule}, got {fault['input']!r}; see --help for what it means"


def _check_targets(node: Any, trusted: Sequence[str]) -> None:
    """Nothing, if every `_target_` is ours or trusted: a target is code. Raises UserError."""
    if isinstance(node, dict):
        target = node.get("_target_")
        if target is not None and str(target).split(".")[0] not in trusted:
            raise UserError(
                f"_target_: must be in {' or '.join(trusted)}, got {target!r}; "
                f"say trust=[{str(target).split('.')[0]}] if you trust that package"
            )
    children = node.values() if isinstance(node, dict) else node
    if isinstance(node, (dict, list)):
        for child in children:
            _check_targets(child, trusted)


def _flag(cfg: DictConfig, key: str) -> bool:
    value = cfg[key]
    if not isinstance(value, bool):
        raise UserError(f"{key}: must be true or false, got {value!r}; say {key}=true")
    return value


def _seed(cfg: DictConfig) -> int:
    value = cfg.seed
    if type(value) is not int or not 0 <= value < 2**63:
        raise UserError(f"seed: must be a whole number from 0 on, got {value!r}; say seed=0")
    return value


def _device(name: str) -> torch.device:
    """The device of this name; auto is the fastest that is there. Raises UserError."""
    import torch

    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    there[:0] = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if name == "auto":
        return torch.device(there[0])
    if (name != "cuda" and name not in there) or (name == "cuda" and "cuda:0" not in there):
        raise UserError(
            f"device: must be auto or one of {', '.join(there)}, got {name!r}; say auto"
        )
    return torch.device(name)


def _one_line(error: Exception) -> str:
    """The error as one line: key, rule, value, remedy."""
    if isinstance(error, UserError):
        return str(error)
    text = str(error)
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        near = difflib.get_close_matches(choice, error.options, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "choose one of these"
        return f"{group}: must be one of {', '.join(error.options)}, got {choice!r}; {hint}"
    if unknown := re.search(r"Could not override '([^']+)'", text):
        key = unknown[1]
        near = difflib.get_close_matches(key, list(_keys()), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "--help lists all"
        return f"{key}: is not a setting; {hint}"
    if isinstance(error, OverrideParseException):
        return f"{error.override!r}: must read KEY=VALUE, {text.splitlines()[0]}; put it in quotes"
    if isinstance(error, ConfigCompositionException):
        text = text.splitlines()[0]
    return re.sub(r"\s+", " ", text)


def _keys() -> Iterator[str]:
    """Every key that can be set, as one writes it on the command line."""
    folder = config_dir()
    for key in OmegaConf.load(folder / "config.yaml"):
        yield str(key)
    for path in folder.glob("*/*.yaml"):
        for key in OmegaConf.load(path):
            yield f"{path.parent.name}.{key!s}"


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

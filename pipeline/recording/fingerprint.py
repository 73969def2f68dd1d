"""Everything that a result depends on, by name: if none differs, every bit is the same."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from pipeline.errors import UserError, printable
from pipeline.ffmpeg import process
from pipeline.model.network.precision import has_bfloat16
from pipeline.storage.work_dir import parse_json, write_text

log = logging.getLogger(__name__)

MADE_OF = "made_of.json"
"""The name of the file with the facts, where a render works."""
PACKAGES = (
    *("dreamreel", "torch", "torchvision", "opencv-python", "imageio-ffmpeg", "numpy"),
    *("scenedetect", "simpleeval", "timm"),
)
"""Whose code a picture may go through."""
PROCESSORS = Path("/proc/cpuinfo")
"""Where Linux tells the name of a processor."""
LONGEST = 60
"""Letters of a value that is worth telling; a longer one is only called another."""
Marks = Mapping[Path, tuple[int, ...]]
"""By file, what the system tells of it: who replaces it, or writes into it, changes that."""


@dataclass(frozen=True)
class FileContents:
    """The contents of a setting's file, of all files of a folder, or of a numbered pattern."""

    key: str
    """The setting."""
    path: Path
    """Where it lies."""
    sha256: str
    """Of names and contents, in hex."""
    marks: Marks
    """File -> what the system tells of it."""

    def check(self) -> None:
        """Check that it still holds the same. Raises UserError."""
        try:
            if (
                file_marks(self.path) == self.marks
                or contents(self.key, self.path).sha256 == self.sha256
            ):
                return
        except OSError:
            pass  # gone is other contents too
        raise UserError(
            f"{self.key}: must stay as it is while it is rendered, got other contents in "
            f"{printable(self.path)}; put the first ones back and run the same command again"
        )


@dataclass(frozen=True)
class Fingerprint:
    """Everything that the bytes of a result depend on."""

    facts: Mapping[str, str] = field(default_factory=dict)
    """Name -> fact that the pictures depend on."""
    inputs: Sequence[FileContents] = ()
    """The files that they come from."""

    def differences(self, before: Mapping[str, str]) -> list[str]:
        """Return what is not as it was, each as one reads it: dreamer.step_size=0.02 (was 0.01)."""
        return [
            _difference(name, before.get(name), self.facts.get(name))
            for name in dict.fromkeys([*self.facts, *before])
            if before.get(name) != self.facts.get(name)
        ]

    def can_resume(self, path: Path, *, overwrite: bool) -> bool:
        """Return whether what an earlier render left is of the very same making, as the file at
        path says.

        path: as `write` left it. overwrite: whether the other may be replaced. Raises UserError
        with all that differs if it must not.
        """
        try:
            before: dict[str, str] = parse_json(path)
        except FileNotFoundError:
            return False
        except ValueError:
            before = {"made_of.json": "damaged"}
        differences = self.differences(before if isinstance(before, dict) else {})
        if differences and not overwrite:
            raise UserError(
                f"output: what {printable(path.parent)} holds must go on as it began, got "
                f"{', '.join(differences)}; take that back, or set overwrite=true to start over"
            )
        if differences:
            log.info("starts over, for %s", ", ".join(differences))
        return not differences

    def write(self, path: Path) -> None:
        """Write the facts to the file. Raises UserError if it cannot."""
        write_text(path, json.dumps(self.facts, indent=2) + "\n", durable=True)

    def check(self) -> None:
        """Check that the inputs still hold what they held. Raises UserError."""
        for held in self.inputs:
            held.check()


def fingerprint(
    settings: Mapping[str, object],
    inputs: Sequence[FileContents],
    *,
    weights: str,
    device: torch.device,
    trusted: Iterable[str],
) -> Fingerprint:
    """Return the fingerprint of a render here and now.

    settings: those that the pictures depend on. weights: sha256 of the network's. trusted: packages
    whose code may be called.
    """
    facts = dict(_flat(settings))
    facts |= {f"contents of {held.key}": held.sha256 for held in inputs}
    facts |= {"contents of the weights": weights, "device": device_name(device)}
    facts |= {"OMP_NUM_THREADS": str(torch.get_num_threads()), "ffmpeg": process.version()}
    facts |= {f"code of {package}": code(package) for package in trusted}
    # the build of torch too, which its distribution does not tell
    return Fingerprint(facts | versions() | {"torch": torch.__version__}, inputs)


def versions() -> dict[str, str]:
    """Return what computes, by name."""
    return {"python": platform.python_version()} | {name: version_of(name) for name in PACKAGES}


def version_of(package: str) -> str:
    """Return the version that is installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "uninstalled"


def contents(key: str, path: Path) -> FileContents:
    """Return what the file or files at path hold. Raises OSError."""
    seen, hasher = file_marks(path), hashlib.sha256()
    for file in seen:
        with file.open("rb") as stream:
            held = hashlib.file_digest(stream, "sha256").hexdigest()
        # a file's own name is no part of what it holds, unless it says in which order it comes
        hasher.update(f"{'' if len(seen) == 1 else repr(file.name)} {held}\n".encode())
    return FileContents(key, path, hasher.hexdigest(), seen)


def file_marks(path: Path) -> Marks:
    """Return the files that path means, in order, with their marks. Raises OSError."""
    return {file: _mark(file) for file in _files(path)}


def device_name(device: torch.device) -> str:
    """Return what computes: other processors of the same kind round otherwise."""
    if device.type == "cuda":
        return f"{device.type}: {torch.cuda.get_device_name(device)}"
    found = f"{device.type}: {_processor()}, {torch.backends.cpu.get_cpu_capability()}"
    return f"{found}, bfloat16" if has_bfloat16(device) else found


@cache
def code(package: str) -> str:
    """Return a sha256, in hex, of all Python files of the package."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return "missing"
    file = Path(found.origin)
    files = sorted(file.parent.rglob("*.py")) if found.submodule_search_locations else [file]
    hasher = hashlib.sha256()
    for one in files:
        hasher.update(f"{one.relative_to(file.parent)}\0".encode() + one.read_bytes() + b"\0")
    return hasher.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file() and file.name[0] != ".")
    if not path.exists() and "%" in path.name:
        alike = (file for file in path.parent.iterdir() if file.suffix == path.suffix)
        return sorted(file for file in alike if file.is_file())
    return [path]


def _mark(file: Path) -> tuple[int, ...]:
    facts = file.stat()
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _flat(settings: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value with the whole name of its setting."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", str(value)


def _difference(name: str, before: str | None, now: str | None) -> str:
    if before is None or now is None:
        return f"{printable(name)} ({'was not there' if before is None else 'is gone'})"
    if max(len(before), len(now)) > LONGEST:
        return f"other {printable(name)}" if " of " in name else f"another {printable(name)}"
    return f"{printable(name)}={printable(now)} (was {printable(before)})"


@cache
def _processor() -> str:
    """Return the name of the processor."""
    listing = PROCESSORS.read_text() if PROCESSORS.exists() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", listing, re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()

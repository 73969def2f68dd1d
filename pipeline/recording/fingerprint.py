"""The fingerprint of a render: the facts that its result depends on.

The results of renders with the same fingerprint are the same, bit for bit.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from pipeline.errors import UserError, printable
from pipeline.ffmpeg import process
from pipeline.model.network.precision import has_bfloat16
from pipeline.recording.differences import differences, listing
from pipeline.storage.work_dir import parse_json, write_text

log = logging.getLogger(__name__)

MADE_OF = "made_of.json"
"""Name of the file in the work folder that holds the facts."""
PACKAGES = (
    *("dreamreel", "torch", "torchvision", "opencv-python", "imageio-ffmpeg", "numpy"),
    *("scenedetect", "simpleeval", "timm", "librosa", "mido"),
)
"""Packages whose code may affect a picture."""
PROCESSORS = Path("/proc/cpuinfo")
"""File in which Linux describes the processors."""
THREADS = "OMP_NUM_THREADS"
"""Name of the fact with the number of threads: sums of other numbers of terms round differently."""
MACHINE = ("device", THREADS, "ffmpeg", "python")
"""Facts about the machine."""
Marks = Mapping[Path, tuple[int, ...]]
"""File -> device, inode, size and modification time, which change if it is replaced or written."""


@dataclass(frozen=True)
class FileContents:
    """Contents of the file, the folder or the numbered files that a setting names."""

    key: str
    """Name of the setting."""
    path: Path
    """Path of the file or folder, or the pattern."""
    sha256: str
    """SHA-256 of the contents in hex; if there are several files, of their names too."""
    marks: Marks
    """Marks of the files from before they were read."""

    def check(self) -> None:
        """Raise UserError if the contents have changed."""
        try:
            if (
                file_marks(self.path) == self.marks
                or contents(self.key, self.path).sha256 == self.sha256
            ):
                return
        except OSError:
            pass  # a missing file counts as changed
        raise UserError(
            f"{self.key}: must not change during the render, got other contents in "
            f"{printable(self.path)}; restore the original and run the same command again"
        )


@dataclass(frozen=True)
class Fingerprint:
    """All facts that the bytes of a result depend on."""

    facts: Mapping[str, str] = field(default_factory=dict)
    """Name -> fact, such as the value of a setting or the version of a package."""
    inputs: Sequence[FileContents] = ()
    """Contents of the files that the result is made from."""

    def differences(self, before: Mapping[str, str]) -> list[str]:
        """Return the changes since `before`, each as text: `dreamer.step_size=0.02 (was 0.01)`.

        The most telling ones come first.
        """
        return differences(before, self.facts, (*PACKAGES, *MACHINE))

    def can_resume(self, path: Path, *, overwrite: bool) -> bool:
        """Return whether there is an earlier render with the same fingerprint.

        path: file that `write` made for it. overwrite: whether one with another fingerprint may be
        replaced; if not, raises UserError with the most telling differences.
        """
        try:
            before = parse_json(path)
        except FileNotFoundError:
            return False
        except ValueError:
            before = None
        found = [f"a damaged {path.name}"]
        if isinstance(before, dict):
            found = self.differences({str(name): str(fact) for name, fact in before.items()})
        if found and not overwrite:
            raise UserError(
                f"output: the render in {printable(path.parent)} must be resumed with what it was "
                f"started with, got {listing(found)}; undo that, or set overwrite=true to "
                "start over"
            )
        if found:
            log.info("starting over because of %s", listing(found))
        return not found

    def write(self, path: Path) -> None:
        """Write the facts to a file. Raises UserError if it cannot be written."""
        write_text(path, json.dumps(self.facts, indent=2) + "\n", durable=True)

    def check(self) -> None:
        """Raise UserError if the contents of an input have changed."""
        for content in self.inputs:
            content.check()


def fingerprint(
    settings: Mapping[str, object],
    inputs: Sequence[FileContents],
    *,
    weights: str,
    device: torch.device,
    trusted: Iterable[str],
) -> Fingerprint:
    """Return the fingerprint of a render on this machine, with the installed packages.

    settings: those that the pictures depend on. weights: SHA-256 of the network's weights. trusted:
    additional packages whose code may be called.
    """
    facts = dict(_flatten(settings))
    facts |= {f"contents of {content.key}": content.sha256 for content in inputs}
    facts |= {"contents of the weights": weights, "device": device_name(device)}
    facts |= {THREADS: str(torch.get_num_threads()), "ffmpeg": process.version()}
    facts |= {f"code of {package}": code(package) for package in trusted}
    # with the build of torch, which the metadata of its package may lack
    return Fingerprint(facts | versions() | {"torch": torch.__version__}, inputs)


def recorded_threads(work: Path) -> int | None:
    """Return the number of threads of the unfinished render in this work folder; None: unknown."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return int(parse_json(work / MADE_OF)[THREADS])
    return None


def versions() -> dict[str, str]:
    """Return the versions of Python and of PACKAGES, by name."""
    return {"python": platform.python_version()} | {name: version_of(name) for name in PACKAGES}


def version_of(package: str) -> str:
    """Return the installed version of a package; "uninstalled" if there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "uninstalled"


def contents(key: str, path: Path) -> FileContents:
    """Return the contents of the file or files that `path` stands for. Raises OSError."""
    stats, hasher = file_marks(path), hashlib.sha256()
    for file in stats:
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        # the name of a single file does not matter, those of several files define their order
        hasher.update(f"{'' if len(stats) == 1 else repr(file.name)} {content}\n".encode())
    return FileContents(key, path, hasher.hexdigest(), stats)


def file_marks(path: Path) -> Marks:
    """Return the files that `path` stands for, in order, with their marks. Raises OSError."""
    return {file: _mark(file) for file in _files(path)}


def device_name(device: torch.device) -> str:
    """Return a description of the device: other models of the same type may round differently."""
    if device.type == "cuda":
        return f"{device.type}: {torch.cuda.get_device_name(device)}"
    spec = f"{device.type}: {processor()}, {torch.backends.cpu.get_cpu_capability()}"
    return f"{spec}, bfloat16" if has_bfloat16(device) else spec


@cache
def processor() -> str:
    """Return the name of the processor."""
    listing = PROCESSORS.read_text() if PROCESSORS.exists() else ""
    match = re.search(r"^model name\s*:\s*(.+)$", listing, re.MULTILINE)
    return match[1] if match else platform.processor() or platform.machine()


@cache
def code(package: str) -> str:
    """Return the SHA-256 in hex of all Python files of a package; "missing" if there is none."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return "missing"
    file = Path(spec.origin)
    files = sorted(file.parent.rglob("*.py")) if spec.submodule_search_locations else [file]
    hasher = hashlib.sha256()
    for module in files:
        hasher.update(f"{module.relative_to(file.parent)}\0".encode() + module.read_bytes() + b"\0")
    return hasher.hexdigest()


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file() and file.name[0] != ".")
    if not path.exists() and "%" in path.name:
        candidates = (file for file in path.parent.iterdir() if file.suffix == path.suffix)
        return sorted(file for file in candidates if file.is_file())
    return [path]


def _mark(file: Path) -> tuple[int, ...]:
    facts = file.stat()
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _flatten(settings: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the full name and the value of every setting."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", str(value)

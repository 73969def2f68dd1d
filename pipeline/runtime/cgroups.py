"""The control groups of this process on Linux, whose limits apply to it; see cgroups(7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def limit_files(
    root: Path, name: str, *, controller: str, version_1: str | None = None
) -> Iterator[Path]:
    """Yield the files with a limit of this process's groups; they may not exist.

    A process belongs to a group of each version, and the limits of all its parent groups apply too.
    root: root of the file system. name, version_1: name of the file in a group of version 2 and 1;
    None: groups of version 1 are skipped. controller: name of the controller in version 1.
    """
    groups = root / "proc/self/cgroup"
    for line in groups.read_text("utf-8").splitlines() if groups.is_file() else ():
        number, controllers, path = line.split(":", 2)
        home, file = root / "sys/fs/cgroup", name
        if number != "0":
            if version_1 is None or controller not in controllers.split(","):
                continue
            home, file = home / controller, version_1
        # in a container this may be a path on the host, of which only the group at the root exists
        group = home / path.lstrip("/")
        yield from (
            folder / file for folder in (group, *group.parents) if home in (folder, *folder.parents)
        )

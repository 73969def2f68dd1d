"""pipeline.storage.lock: one at a time, and whoever is killed locks nobody out."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.storage.lock import is_locked, locked

HOLDING = (
    "import sys, time; from pathlib import Path\n"
    "from pipeline.storage.lock import is_locked, locked\n"
)
HOLDING += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


def test_the_second_is_told_who_works_there(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UserError) as refused, locked(tmp_path):
        pass
    assert str(refused.value) == (
        f"output: only one render at a time may use {tmp_path}, got a second one while process "
        f"{os.getpid()} uses it; wait until that ends, or choose another output"
    )
    assert list(tmp_path.iterdir()) == []


def test_who_is_killed_leaves_the_way_free(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=f"process {holder.pid} uses it"), locked(tmp_path):
            pass
        assert is_locked(tmp_path)
        holder.kill()
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_of_many_at_once_there_is_never_more_than_one(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []
    taken = threading.Barrier(8)

    def work() -> None:
        taken.wait()
        for _ in range(50):
            try:
                with locked(tmp_path):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
            except UserError:
                continue

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    with locked(tmp_path):  # and when all are gone it is free
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lock: must be writable"), locked(tmp_path / "gone"):
        pass


def test_who_only_looks_keeps_nobody_out(tmp_path: Path) -> None:
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            is_locked(tmp_path)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(200):
            with locked(tmp_path):
                pass
    finally:
        over.set()
        looking.join()


def test_a_lock_whose_file_was_removed_by_hand_still_holds(tmp_path: Path) -> None:
    with locked(tmp_path):
        (tmp_path / "lock").unlink()
        with pytest.raises(UserError, match="only one render at a time may use"), locked(tmp_path):
            pass
    with locked(tmp_path):
        pass

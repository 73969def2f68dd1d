"""pipeline.runtime.threads: as many as nobody else needs, unless the user has said how many."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.runtime.threads import (
    CpuTimes,
    busy_cores,
    cpu_times,
    is_automatic,
    set_threads,
    thread_count,
    usable_cores,
)

START = CpuTimes(wall=100, used=50, own=1)


def later(busy: float, own: float = 0.5) -> CpuTimes:
    """A second after START, in which others kept so many cores busy."""
    return CpuTimes(wall=101, used=50 + busy + own, own=1 + own)


@pytest.mark.parametrize("busy", [0.0, 0.3, 1.0, 7.5])
def test_the_own_work_is_not_that_of_others(busy: float) -> None:
    assert busy_cores(START, later(busy)) == pytest.approx(busy)
    assert busy_cores(START, START) == 0


@pytest.mark.parametrize(
    ("cores", "busy", "count"),
    [(2, 0.0, 2), (2, 0.3, 2), (2, 1.0, 1), (2, 2.0, 1), (16, 3.2, 13), (1, 0.0, 1), (0.5, 0.0, 1)],
)
def test_a_core_that_others_use_gets_no_thread(cores: float, busy: float, count: int) -> None:
    assert thread_count(cores, busy) == count


def test_what_the_user_has_set_stays() -> None:
    environment = {"OMP_NUM_THREADS": "7", "GOMP_SPINCOUNT": "3"}
    set_threads(environment, START, later(1))
    assert environment == {"OMP_NUM_THREADS": "7", "GOMP_SPINCOUNT": "3"}
    assert not is_automatic(environment)


def test_the_number_is_set_for_openmp_and_known_as_ours() -> None:
    environment: dict[str, str] = {}
    set_threads(environment, START, later(1000))
    assert environment["OMP_NUM_THREADS"] == "1"
    assert is_automatic(environment)
    environment["OMP_NUM_THREADS"] = "4"  # by the user, in a shell that inherited ours
    assert not is_automatic(environment)


@pytest.mark.parametrize(("busy", "policy"), [(0.0, None), (0.1, None), (0.3, "passive")])
def test_threads_sleep_while_they_wait_where_others_need_the_cores(
    busy: float, policy: str | None
) -> None:
    environment: dict[str, str] = {}
    set_threads(environment, START, later(busy))
    assert environment.get("OMP_WAIT_POLICY") == policy


def test_without_times_all_cores_are_used() -> None:
    environment: dict[str, str] = {}
    set_threads(environment, None, None)
    assert int(environment["OMP_NUM_THREADS"]) == max(1, round(usable_cores()))


def test_a_moment_too_short_to_measure_counts_as_quiet() -> None:
    assert busy_cores(START, CpuTimes(wall=100.01, used=51, own=1)) == 0


def test_a_quota_of_the_group_counts(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/user/render\n")
    group = tmp_path / "sys/fs/cgroup/user"  # of the parent, whose limits apply too
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("50000 100000\n")
    assert usable_cores(tmp_path) == 0.5
    (group / "cpu.max").write_text("max 100000\n")
    assert usable_cores(tmp_path) >= 1


def test_a_system_without_proc_tells_nothing(tmp_path: Path) -> None:
    assert cpu_times(tmp_path / "stat") is None


def test_work_of_this_process_is_seen() -> None:
    start = cpu_times()
    if start is None:
        pytest.skip("this system has no /proc/stat")
    while sum(range(10_000)) and (end := cpu_times()) and end.own - start.own < 0.2:
        pass
    assert end is not None
    assert end.used - start.used >= 0.1

"""pipeline.sweep.plan: what jobs are called, and what is known of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.storage.lock import locked
from pipeline.sweep.plan import (
    JobState,
    Plan,
    Status,
    SweepJob,
    job_name,
    read_plan,
    status_of,
    write_status,
)

TWO = (("input='a b.mp4'", "look=eyes"), ("input='a b.mp4'", "look=fur"))


def test_a_job_is_called_by_what_is_its_own() -> None:
    plan = Plan.of(TWO)
    assert plan.keys == ("look",)
    assert [job.name for job in plan.jobs] == ["look=eyes", "look=fur"]
    assert plan.jobs[0].settings(plan.keys) == {"look": "eyes"}
    assert Plan.of([["look=eyes"]]).jobs[0].name == "only"
    inputs = Plan.of([["input='a.mp4'"], ["input='b/c.mp4'"]]).jobs
    assert inputs[0].name == "input=a.mp4"
    assert inputs[1].name.startswith("input=b-c.mp4-")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("input='a b'", "input='a/b'"),
        ("input='../../etc'", "input='..etc'"),
        (f"input={'x' * 300}a", f"input={'x' * 300}b"),
        ("objective.label='größe'", "objective.label='gröse'"),
        ("input='a\nb'", "input='a\tb'"),
    ],
)
def test_names_are_short_plain_and_never_the_same(one: str, other: str) -> None:
    names = [job_name([said], [said.partition("=")[0]]) for said in (one, other)]
    assert len(set(names)) == 2
    for name in names:
        assert len(name) <= 129
        assert name.isascii()
        assert name.isprintable()
        assert "/" not in name
        assert name[0] not in ".-"


def test_two_jobs_that_are_the_same_are_refused() -> None:
    with pytest.raises(UserError, match="got two that are the same; list each value once"):
        Plan.of([["look=eyes"], ["look=fur"], ["look=eyes"]])


def test_a_plan_is_read_back_and_grows(tmp_path: Path) -> None:
    Plan.of(TWO).write(tmp_path)
    earlier = read_plan(tmp_path)
    assert earlier == Plan.of(TWO)
    more = Plan.of([["look=lace", "seed=1"], ["look=lace", "seed=2"]], earlier.keys)
    both = more.and_before(earlier)
    assert both.keys == ("look", "seed")
    names = [job.name for job in both.jobs]
    assert names == ["look=eyes", "look=fur", "look=lace,seed=1", "look=lace,seed=2"]


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"keys": [], "jobs": [1]}', "\xff"])
def test_what_is_no_plan_is_refused_in_one_line(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "sweep.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"^sweep: .*must be .*; (choose|remove)") as refused:
        read_plan(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_job_that_runs_is_known_from_one_that_was_killed(tmp_path: Path) -> None:
    assert status_of(tmp_path).state is JobState.MISSING
    running = Status(JobState.RUNNING, "", "dream.mp4", began=1.0, made_of={"seed": "0"})
    with locked(tmp_path):
        write_status(tmp_path, running)
        assert status_of(tmp_path) == running
    killed = status_of(tmp_path)
    assert (killed.state, killed.made_of) == (JobState.KILLED, {})
    write_status(tmp_path, Status(JobState.DONE, "x"))
    assert status_of(tmp_path) == Status(JobState.DONE, "x")
    (tmp_path / "status.json").write_text(json.dumps({"state": "asleep"}))
    assert status_of(tmp_path).state is JobState.MISSING


def test_a_job_that_says_a_setting_with_an_equals_sign_keeps_it() -> None:
    job = SweepJob("x", ("output='a=b.mp4'",))
    assert job.settings(["output", "seed"]) == {"output": "a=b.mp4"}

"""The tables of the benchmarks, from literal results as the benchmarks return them."""

from __future__ import annotations

import json
import re

import bench
import pytest
from benchmarks.markdown import aligned, bold, table
from benchmarks.tables import TABLES
from benchmarks.tables.peers import at_equal_gain
from helpers.bench_results import BLEND, DRAFT, EXAMPLES, FLOW, OURS, PEERS, found


def test_every_benchmark_has_tables_and_an_example() -> None:
    assert {*TABLES} == {*bench.BENCHES} == {*EXAMPLES}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_tables_show_the_results(name: str) -> None:
    results, rows = EXAMPLES[name]
    text = TABLES[name](json.loads(json.dumps(results)))
    for row in rows:
        assert row in text, text


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_row_of_a_table_has_as_many_cells_as_its_head(name: str) -> None:
    text = TABLES[name](json.loads(json.dumps(EXAMPLES[name][0])))
    assert not text.endswith("\n")
    for block in text.split("\n\n"):
        head, rule, *rows = block.splitlines()
        assert re.fullmatch(r"\|(---\|)+", rule)
        assert rows
        assert {line.count("|") for line in (head, *rows)} == {rule.count("|")}


def test_methods_are_compared_with_the_fastest_variant_of_at_least_their_gain() -> None:
    methods = PEERS["EfficientNet-Lite0 to blocks.9"]
    assert isinstance(methods, dict)
    assert at_equal_gain(methods, FLOW) == DRAFT
    assert at_equal_gain(methods, BLEND) == OURS
    strong = methods | {BLEND: found(1.62, 5.0, 0.495, 19.0)}
    assert at_equal_gain(strong, BLEND) == OURS
    text = TABLES["peers"](PEERS | {"EfficientNet-Lite0 to blocks.9": strong})
    assert "| dreamreel, defaults (lower gain), over blend .85, 4 x 10 | 6.0 |" in text


def test_columns_are_aligned_in_a_terminal() -> None:
    text = f"above\n\n{table(('a', 'long head'), [bold(['one', '2']), ('three', '')])}"
    assert aligned(text).splitlines() == [
        "above",
        "",
        "| a       | long head |",
        "| ------- | --------- |",
        "| **one** | **2**     |",
        "| three   |           |",
    ]

#!/usr/bin/env bash
# Installs dreamreel in .venv and runs all checks and tests. Needs Python 3.11 and pip. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/venv.sh test

ruff format --check pipeline scripts tests
ruff check .
mypy pipeline scripts
python scripts/settings_reference.py --check
python scripts/benchmark_tables.py --check
mkdocs build --strict --quiet
# Two test files at a time, each with one thread: more threads than cores would wait for each other.
# In the order of tests/conftest.py, which begins with the longest ones.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"

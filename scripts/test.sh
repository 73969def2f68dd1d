#!/usr/bin/env bash
# Everything that must hold, on a machine with nothing but Python 3.11 and pip. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/venv.sh test

ruff format --check pipeline scripts tests
ruff check .
mypy pipeline scripts
mkdocs build --strict --quiet
# Two test files at a time, each on one thread: threads of torch would wait for a core that is taken.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
python -m pytest -n 2 --dist loadfile "$@"

#!/usr/bin/env bash
# Everything that must hold, on a machine with nothing but Python 3.11 and pip. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/venv.sh test

ruff format --check pipeline scripts tests
ruff check .
mypy pipeline scripts
python -m pytest "$@"

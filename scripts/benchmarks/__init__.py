"""The benches, one file each; scripts/bench.py runs them."""

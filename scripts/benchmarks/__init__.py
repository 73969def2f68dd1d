"""The benchmarks, one per module; scripts/bench.py runs them."""

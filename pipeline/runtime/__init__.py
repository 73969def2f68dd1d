"""Memory limits, prefetching, determinism and weights."""

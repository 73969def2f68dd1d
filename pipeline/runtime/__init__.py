"""Runtime support: memory limits, out-of-memory errors, prefetching, determinism, weights."""

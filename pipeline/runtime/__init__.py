"""What a process needs of its machine: memory, threads, determinism, weights."""

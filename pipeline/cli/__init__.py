"""The command line: entry points, Hydra's task, sweeps, exit codes."""

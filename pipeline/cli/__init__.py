"""The command line: arguments, task, sweeps, exit codes."""

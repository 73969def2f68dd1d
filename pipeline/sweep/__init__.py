"""The plan of a sweep, the status of its jobs, and Slurm's queue."""

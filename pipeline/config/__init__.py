"""From settings to stages: Hydra's files, validation, presets of others, launchers."""

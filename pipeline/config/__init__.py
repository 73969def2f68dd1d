"""Settings to stages: composition with Hydra, validation, presets of others, launchers."""

"""Reports on a render: frame metrics, classification, progress, profile."""

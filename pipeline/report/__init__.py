"""The figures of a render: metrics of its frames, classification, progress, profile."""

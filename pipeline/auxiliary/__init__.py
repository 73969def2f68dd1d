"""The auxiliary inputs of a render: mask and guide."""

"""d score / d image: of whole images or in tiles, within a memory budget."""

"""How a torch module is cut at a layer, folded and run."""

"""One render, a folder of stills, shots, and the estimate of their cost."""

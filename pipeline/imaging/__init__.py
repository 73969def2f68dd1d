"""Sampling, convolution, metrics and statistics of images."""

"""Atomic file writes, locks and work folders."""

"""Reading and writing of single pictures."""

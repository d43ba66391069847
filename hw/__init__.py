"""What you write: one idea per file, in reading order."""

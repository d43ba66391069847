"""Typical mistakes in Part 2, each as the tensor that it leads to."""

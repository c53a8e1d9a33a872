"""Comparing scores over seeds: rows, paired contrasts, plots. Torch-free."""

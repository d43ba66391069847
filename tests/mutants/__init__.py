"""The mutation catalogue: wrong implementations that students really write, one TOML file a check.

``python -m tests.mutants`` runs each mutant's check on it and prints which are caught, and which are named.
"""

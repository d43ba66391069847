"""Everything the course provides: checks and their diagnosis, data, answers, notebook tools, the command line.

Nothing here imports ``hw`` except by name when a check runs, so a file that does not even compile gives a
verdict and not an ImportError.
"""

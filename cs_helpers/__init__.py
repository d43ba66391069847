"""Everything the course provides: checks, their diagnosis, data, answers, notebook tools, commands.

Nothing here imports ``hw`` except by name when a check runs, so a file that does not even compile gives a
verdict and not an ImportError.
"""

"""One mechanism to record, to check and to grade.

Reading order: ``trial`` (seeded inputs), ``part1`` (what is run), ``produce`` (running it), ``evidence``
(what comes out), ``compare`` (the verdict), ``diagnose`` and ``suspects_part1`` (why), ``session`` (the call
in a notebook).
"""

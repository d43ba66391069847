"""Puts links where its results folder is, to files of the system and to its own future."""

import contextlib
import os

for _name, _target in (("results", "/etc"), ("hw/next.py", "/course/cs_helpers/tasks.py"), ("loop", "loop")):
    with contextlib.suppress(OSError):
        os.symlink(_target, _name)

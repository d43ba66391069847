"""Never returns."""


def _loop(self, x):
    while True:
        x = x + 1


TanH.forward = _loop

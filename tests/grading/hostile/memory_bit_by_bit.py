"""Takes memory until there is no more."""

import torch

_kept = []


def _take(self, x):
    while True:
        _kept.append(torch.ones(2**23))


TanH.forward = _take

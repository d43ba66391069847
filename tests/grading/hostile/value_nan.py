"""Returns NaN, which differs from everything, itself too."""

import torch

TanH.forward = lambda self, x: torch.full_like(x, torch.nan)

"""Returns a tensor of 2**40 entries that takes four bytes."""

import torch

TanH.forward = lambda self, x: torch.zeros(1).expand(2**40)

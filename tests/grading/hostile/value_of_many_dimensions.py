"""Returns a tensor of 64 dimensions, and one without entries whose shape has no end."""

import torch

TanH.forward = lambda self, x: torch.zeros([1] * 64)
TanH.backward = lambda self, dout: torch.zeros(0, 2**40)

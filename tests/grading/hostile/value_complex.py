"""Returns complex numbers."""

import torch

TanH.forward = lambda self, x: torch.tanh(x).to(torch.complex128)

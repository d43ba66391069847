"""Returns numbers of a type that hardly anything can be computed with, in another shape."""

import torch

TanH.forward = lambda self, x: torch.tanh(x).flatten().to(torch.float8_e5m2)

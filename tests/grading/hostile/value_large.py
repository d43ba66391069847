"""Returns as large a tensor as may pass, for each piece of evidence."""

import torch

TanH.forward = lambda self, x: torch.zeros(2**22, dtype=torch.float64)

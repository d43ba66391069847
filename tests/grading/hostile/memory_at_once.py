"""Asks for 50 GB."""

import torch

TanH.forward = lambda self, x: torch.ones(50 * 2**30, dtype=torch.uint8)

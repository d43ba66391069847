"""Aborts, after half of the work is done."""

import os

TanH.backward = lambda self, dout: os.abort()

"""Crashes the interpreter."""

import ctypes

TanH.forward = lambda self, x: ctypes.string_at(0)

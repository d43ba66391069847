"""Ends the process with the status of success whenever it is imported."""

import os

os._exit(0)

"""``python -m cs_helpers`` is ``course``."""

from cs_helpers.cli import main

main()

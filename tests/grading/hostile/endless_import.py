"""Part 3 never gets imported, on purpose; Part 1 is honest."""

import re

re.match(r"(a+)+$", "a" * 64 + "b")

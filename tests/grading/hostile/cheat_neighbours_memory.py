"""Searches its own memory, which was copied from the template's, for what others handed in."""

import re
from pathlib import Path

_WANTED = rb"a secret of the neighbou[r]"  # so as not to find itself
with open("/proc/self/mem", "rb") as _memory:
    for _line in Path("/proc/self/maps").read_text().splitlines():
        _range, _rights = _line.split()[:2]
        if not _rights.startswith("rw"):
            continue
        _start, _end = (int(_part, 16) for _part in _range.split("-"))
        for _place in range(_start, _end, 2**24):
            try:
                _memory.seek(_place)
                _block = _memory.read(min(2**24, _end - _place))
            except (OSError, ValueError, OverflowError):
                break
            if re.search(_WANTED, _block):
                raise SystemExit("FOUND")

"""Reads all it can of the system, the environment and other processes, and tells by an exception."""

import os
from pathlib import Path

_found = []
for _path in (
    "/etc/shadow",
    "/etc/passwd",
    "/proc/1/environ",
    "/root/.ssh",
    "/root/.bashrc",
    "/var/log",
    "/run",
):
    try:
        _content = os.listdir(_path) if os.path.isdir(_path) else Path(_path).read_bytes()
        _found += [_path] if _content and b"student" not in bytes(str(_content), "utf8") else []
    except OSError:
        pass
_found += [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != os.getpid()]
_found += [
    name for name in os.environ if any(word in name.upper() for word in ("KEY", "TOKEN", "SECRET", "SSH"))
]
for _number in os.listdir("/proc/self/fd"):
    try:
        _target = os.readlink(f"/proc/self/fd/{_number}")
    except OSError:
        continue
    if not _target.startswith(("pipe:", "/dev/null", "/proc/", "/tmp/tree")):
        _found.append(_target)
if _found:
    raise SystemExit(f"FOUND {_found}")

"""Asks the kernel for what it must not get: namespaces, mounts, other processes, devices, privileges."""

import ctypes
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_got = []
if _libc.unshare(0x10000000) == 0:
    _got.append("a user namespace")
if _libc.mount(b"tmpfs", b"/usr", b"tmpfs", 0, None) == 0:
    _got.append("a mount")
if _libc.umount2(b"/tmp", 2) == 0:
    _got.append("an unmount")
if _libc.ptrace(16, 1, None, None) == 0 and os.getpid() != 1:
    _got.append("a trace")
for _attempt in (
    lambda: os.setuid(0),
    lambda: os.chroot("/tmp"),
    lambda: os.mknod("/tmp/disk", 0o60666, os.makedev(8, 0)),
    lambda: os.nice(-5),
    lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    lambda: Path("/proc/sys/kernel/core_pattern").write_text("|/tmp/x"),
    lambda: Path("/proc/self/oom_score_adj").write_text("-1000"),
    lambda: Path("/course/cs_helpers/tasks.py").write_text("#"),
):
    try:
        _attempt()
        _got.append("a privilege")
    except (OSError, PermissionError):
        pass
if _got:
    raise SystemExit(f"FOUND {_got}")

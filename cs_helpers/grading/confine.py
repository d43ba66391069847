"""What the process that runs a submission may not do: namespaces, limits, capabilities, system calls.

Runs inside the sandbox, in a process forked for one submission, before any of its code. Linux only; the
calls that Python has no name for go through ctypes.
"""

import contextlib
import ctypes
import dataclasses
import os
import platform
import resource
import site
import struct
import sys
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)

_NEW = {"mount": 0x20000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000}
_NEW_ANY = 0x7E020000  # every CLONE_NEW* flag
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 0x2, 0x4, 0x8, 0x1000, 0x4000, 0x40000
_SET_SECCOMP, _SET_NO_NEW_PRIVS, _DROP_BOUND, _AMBIENT, _DEATH_SIGNAL = 22, 38, 24, 47, 1
_CAPABILITIES_3 = 0x20080522

# Number of each refused system call on (x86_64, aarch64).
_REFUSED: dict[str, tuple[int, int]] = {
    # memory that no limit on a process counts, or that outlives it
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442),
    # parts of the kernel that training needs none of, and where its bugs were
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "userfaultfd": (323, 282), "bpf": (321, 280), "perf_event_open": (298, 241), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "kexec_load": (246, 104), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "personality": (135, 92),
    "fanotify_init": (300, 262), "quotactl": (179, 60), "swapon": (167, 224),
}  # fmt: skip
_CLONE, _CLONE3 = (56, 220), 435
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one process of a submission may use.

    Attributes:
        memory: MiB, for all processes of a submission together, on top of what they were forked with.
        processes: Processes and threads.
        file: MiB, one file.
        disk: MiB, all files in ``/tmp``; as much again in ``/dev/shm``.
        open_files: Open files.
    """

    memory: int = 2048
    processes: int = 64
    file: int = 32
    disk: int = 64
    open_files: int = 256


class ConfinementError(RuntimeError):
    """The kernel refuses what confinement needs; the message says which step and why."""


def _call(step: str, result: int) -> None:
    if result < 0:
        raise ConfinementError(f"{step}: {os.strerror(ctypes.get_errno())}")


def new_namespaces() -> None:
    """Leave the namespaces of the template for new ones; the next process forked is the first of its own.

    Raises:
        ConfinementError: If the kernel does not allow it.
    """
    user, group = os.geteuid(), os.getegid()
    flags = sum(_NEW.values())
    _call("new namespaces", libc.unshare(flags))
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
    except OSError as error:
        raise ConfinementError(f"user and group of the new namespace: {error}") from error


def private_folders(limits: Limits) -> None:
    """Mount fresh, bounded ``/tmp`` and ``/dev/shm``, and a ``/proc`` that shows this submission only.

    Raises:
        ConfinementError: If the kernel does not allow it.
    """
    _call("private mounts", libc.mount(None, b"/", None, _REC | _PRIVATE, None))
    _call("/proc", libc.mount(b"proc", b"/proc", b"proc", _NOSUID | _NODEV | _NOEXEC, None))
    size = f"size={limits.disk}m,nr_inodes=20000,mode=0700".encode()
    for folder in ("/tmp", "/dev/shm"):
        kept = [(place, os.open(place, os.O_PATH)) for place in _python_below(Path(folder))]
        _call(folder, libc.mount(b"tmpfs", folder.encode(), b"tmpfs", _NOSUID | _NODEV, size))
        for place, before in kept:
            place.mkdir(parents=True)
            origin = f"/proc/self/fd/{before}".encode()
            _call(str(place), libc.mount(origin, bytes(place), None, _BIND | _REC, None))
            os.close(before)


def _python_below(folder: Path) -> list[Path]:
    """Return where Python and its packages are below a folder: what is mounted on it must not hide them."""
    places: list[Path] = []
    for place in sorted({Path(sys.prefix), Path(sys.base_prefix), *map(Path, site.getsitepackages())}):
        if folder in place.parents and not any(outer in place.parents for outer in places):
            places.append(place)
    return places


def set_limits(limits: Limits, seconds: float, *, processes: bool = True) -> None:
    """Bound what this process, and each that it starts, may use.

    Args:
        limits: The bounds.
        seconds: Time on the processor, together for all threads of a process.
        processes: Whether to bound their number, which is counted for each user and namespace.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    space = pages * resource.getpagesize() + limits.memory * 2**20
    bounds = {
        "RLIMIT_AS": space if pages else None,
        "RLIMIT_NPROC": limits.processes if processes else None,
        "RLIMIT_FSIZE": limits.file * 2**20,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CPU": int(seconds) + 1,
        "RLIMIT_CORE": 0,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_STACK": 8 * 2**20,
    }
    for name, bound in bounds.items():
        if bound is not None and hasattr(resource, name):
            number = getattr(resource, name)
            _, most = resource.getrlimit(number)
            lower = bound if most == resource.RLIM_INFINITY else min(bound, most)
            with contextlib.suppress(ValueError, OSError):  # a system may know a limit and not set it
                resource.setrlimit(number, (lower, lower))


def drop_privileges() -> None:
    """Give up every capability, for good, and refuse the system calls on the list.

    Raises:
        ConfinementError: If the kernel does not allow it.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # the first to go when memory is short
    _call("no new privileges", libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    libc.prctl(_AMBIENT, 4, 0, 0, 0)
    for capability in range(64):
        if libc.prctl(_DROP_BOUND, capability, 0, 0, 0) < 0:
            break
    header, nothing = struct.pack("<Ii", _CAPABILITIES_3, 0), bytes(24)
    _call("capabilities", libc.capset(header, nothing))
    _filter_system_calls()


def die_with_parent() -> None:
    """Ask to be killed when the process that forked this one ends."""
    _call("death signal", libc.prctl(_DEATH_SIGNAL, 9, 0, 0, 0))


def _filter_system_calls() -> None:
    """Install a seccomp filter, on the processors whose numbers are known."""
    if platform.machine() not in _ARCHITECTURES:
        return
    program = _program(*_ARCHITECTURES[platform.machine()])
    code = ctypes.create_string_buffer(program)
    pointer = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    _call("filter of system calls", libc.prctl(_SET_SECCOMP, 2, pointer, 0, 0))


def _program(column: int, architecture: int) -> bytes:
    """Assemble the filter (classic BPF, see the kernel's seccomp_filter.rst)."""
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    refuse, missing, kill, allow = 0x00050001, 0x00050026, 0x80000000, 0x7FFF0000  # EPERM, ENOSYS
    clone = _CLONE[column]
    lines: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4),  # architecture
        (equal, 1, 0, architecture),
        (give, 0, 0, kill),
        (load, 0, 0, 0),  # number of the call
        (at_least, 0, 1, 0x40000000),  # x32 has numbers of its own
        (give, 0, 0, refuse),
        (equal, 0, 1, _CLONE3),  # its flags are in memory, where a filter cannot look: libc falls back
        (give, 0, 0, missing),
        (equal, 0, 4, clone),
        (load, 0, 0, 16),  # flags
        (any_bit, 0, 1, _NEW_ANY),
        (give, 0, 0, refuse),
        (load, 0, 0, 0),
    ]
    for numbers in _REFUSED.values():
        lines += [(equal, 0, 1, numbers[column]), (give, 0, 0, refuse)]
    lines.append((give, 0, 0, allow))
    return b"".join(struct.pack("<HBBI", *line) for line in lines)

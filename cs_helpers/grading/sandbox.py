"""The command that starts the template: bubblewrap, and what has to go around it.

Outside of it nothing is visible to a submission but the system's programs and libraries, Python with its
packages, and a copy of the course's own code: no home, no reference, no expected values, no network.
"""

import dataclasses
import os
import shutil
import site
import sys
import sysconfig
from pathlib import Path

from cs_helpers.checks.student import COURSE_ROOT

BWRAP, NONE = "bwrap", "none"
COURSE = "/course"  # where the course's code is in the sandbox
NOBODY = 65534
INSIDE = (
    "__init__",
    "channel",
    "confine",
    "produce_all",
    "template",
)  # modules of this package that run there
_STUDENT_PACKAGES = ("hw", "answers", "tests")
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_STAGE = """while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 1; shift 2; done; shift; exec "$@\""""

ADVICE = (
    "Grading runs students' code in a sandbox, which needs bubblewrap (Linux). On Debian and Ubuntu: "
    "sudo apt install bubblewrap. Elsewhere --sandbox none grades without one: then a submission can read "
    "and change what you can, see docs/grading.md."
)


class SandboxError(RuntimeError):
    """The sandbox cannot be used here; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Sandbox:
    """How to start a template.

    Attributes:
        command: The command line.
        environment: Its environment.
        isolated: Whether each submission gets namespaces of its own.
        tree: Where a submission's files are laid out, inside.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    isolated: bool
    tree: str


def copy_course(target: Path, source: Path = COURSE_ROOT) -> None:
    """Copy what the producing half needs: ``cs_helpers`` without most of grading, and nothing else."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        out = {name for name in names if name in ("__pycache__", ".ipynb_checkpoints")}
        if Path(folder) == source / "cs_helpers" / "grading":
            out |= {name for name in names if Path(name).stem not in INSIDE}
        return out

    shutil.copytree(source / "cs_helpers", target / "cs_helpers", ignore=left_out)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # the sandbox's user is another one


def make(kind: str, scratch: Path) -> Sandbox:
    """Prepare a sandbox.

    Args:
        kind: BWRAP or NONE.
        scratch: An empty folder that stays while the sandbox is used; others may pass through it.

    Raises:
        SandboxError: If bubblewrap is missing, or cannot be used here.
        ValueError: If there is no such kind.
    """
    if kind not in (BWRAP, NONE):
        raise ValueError(f"sandbox {kind!r}; allowed: {BWRAP}, {NONE}")
    scratch.chmod(0o711)
    copy_course(scratch / "course")
    if kind == NONE:
        return _plain(scratch)
    if shutil.which("bwrap") is None:
        raise SandboxError(f"bwrap was not found. {ADVICE}")
    return _bubblewrap(scratch)


def _environment(course: str, temporary: str) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": course,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "HOME": temporary,
        "TMPDIR": temporary,
        "USER": "student",
        "LANG": "C.UTF-8",
        "MPLCONFIGDIR": temporary,
        "MPLBACKEND": "Agg",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _plain(scratch: Path) -> Sandbox:
    temporary = scratch / "tmp"
    temporary.mkdir()
    environment = _environment(str(scratch / "course"), str(temporary))
    command = (sys.executable, "-m", "cs_helpers.grading.template", "none")
    return Sandbox(command, environment, False, str(temporary / "tree"))


def _bubblewrap(scratch: Path) -> Sandbox:
    places = _python_places()
    command = ["bwrap", *_WALLS, *_system_binds(), *_hidden("/usr")]
    staged: dict[Path, Path] = {}
    if os.geteuid() == 0:  # who is about to give up root cannot look into root's folders any more
        closed = [place for place in places if not _open_to_all(place)]
        staged = {place: scratch / "stage" / str(number) for number, place in enumerate(closed)}
    for place in places:
        command += ["--ro-bind", str(staged.get(place, place)), str(place), *_hidden(str(place))]
    command += ["--ro-bind", str(scratch / "course"), COURSE, "--chdir", "/", "--clearenv"]
    for name, value in _environment(COURSE, "/tmp").items():
        command += ["--setenv", name, value]
    command += ["--remount-ro", "/", sys.executable, "-m", "cs_helpers.grading.template", "namespaces"]
    if os.geteuid() == 0:
        user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        command = [*_staging(staged), "setpriv", *user, *command]
    return Sandbox(tuple(command), {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}, True, "/tmp/tree")


_WALLS = (
    *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
    *("--unshare-cgroup-try", "--hostname", "sandbox", "--cap-drop", "ALL", "--die-with-parent"),
    *("--new-session", "--proc", "/proc", "--dev", "/dev", "--size", str(16 * 2**20), "--tmpfs", "/dev/shm"),
    *("--remount-ro", "/dev", "--size", str(64 * 2**20), "--tmpfs", "/tmp"),
)


def _system_binds() -> list[str]:
    binds = ["--ro-bind", "/usr", "/usr", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    for folder in _SYSTEM:
        if os.path.islink(folder):
            binds += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            binds += ["--ro-bind", folder, folder]
    return binds


def _python_places() -> list[Path]:
    """Return the folders of this Python and its packages, outermost first, without those in /usr."""
    found = {Path(sys.prefix), Path(sys.base_prefix), *map(Path, site.getsitepackages())}
    found |= {place.resolve() for place in found}
    places: list[Path] = []
    for place in sorted(found, key=lambda path: len(path.parts)):
        if place.is_dir() and not any(_is_below(place, outer) for outer in (Path("/usr"), *places)):
            places.append(place)
    return places


def _is_below(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _open_to_all(path: Path) -> bool:
    """Tell whether every user may pass through the folders down to a path, and read it."""
    return all(folder.stat().st_mode & 0o005 in (0o001, 0o005) for folder in path.parents) and bool(
        path.stat().st_mode & 0o005 == 0o005
    )


def _hidden(place: str) -> list[str]:
    """Cover what must not be seen below a place: this course's own folder, installed reference solutions."""
    covered: list[str] = []
    if _is_below(COURSE_ROOT, Path(place)):
        covered += ["--tmpfs", str(COURSE_ROOT)]
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        if _is_below(Path(folder), Path(place)):
            for name in _STUDENT_PACKAGES:
                if (Path(folder) / name).is_dir():
                    covered += ["--tmpfs", str(Path(folder) / name)]
    return covered


def _staging(staged: dict[Path, Path]) -> list[str]:
    """Show closed folders elsewhere, in a mount namespace that ends with the sandbox."""
    if not staged:
        return []
    pairs: list[str] = []
    for place, stage in staged.items():
        stage.mkdir(parents=True)
        pairs += [str(place), str(stage)]
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", _STAGE, "stage", *pairs, "--"]

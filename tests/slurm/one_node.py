"""A real Slurm of one node, on the loopback interface only, for as long as a test needs it.

    python tests/slurm/one_node.py start FOLDER     then: export SLURM_CONF=FOLDER/slurm.conf
    python tests/slurm/one_node.py stop FOLDER

Needs the packages slurm-wlm and munge; no systemd, no configuration outside FOLDER. Configuration, state,
logs and the pid files that ``stop`` goes by lie in FOLDER.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
CPUS = min(4, os.cpu_count() or 1)
MEMORY = 6000  # MB that Slurm gives away

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
JobRequeue=1
KillWait=2
MinJobAge=300
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=60 State=UP
"""


def missing() -> list[str]:
    """Return the programs that are not installed."""
    found = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return [program for program in PROGRAMS if shutil.which(program, path=found) is None]


def start(folder: Path) -> Path:
    """Start munged, slurmctld and slurmd, and return the configuration file once the node is ready."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # munged insists
    for name in ("state", "spool"):
        (folder / name).mkdir(exist_ok=True)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    configuration = folder / "slurm.conf"
    words = {"host": socket.gethostname().split(".")[0], "user": _user(), "folder": folder}
    configuration.write_text(
        CONFIGURATION.format(**words, ports=_free_ports(2), cpus=CPUS, memory=MEMORY), encoding="utf-8"
    )
    files = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={folder}/munge.{ending}" for option, ending in files.items()]
    _run(["munged", "--force", f"--key-file={key}", *options], configuration)
    _run(["slurmctld", "-c", "-f", str(configuration)], configuration)
    _run(["slurmd", "-c", "-f", str(configuration)], configuration)
    _wait_until_idle(configuration)
    return configuration


def stop(folder: Path) -> None:
    """End what ``start`` started, by its pid files."""
    for name in ("slurmd.pid", "slurmctld.pid", "munge.pid"):
        with contextlib.suppress(OSError, ValueError):
            pid = int((folder / name).read_text())
            os.kill(pid, signal.SIGTERM)
            for _ in range(50):
                os.kill(pid, 0)  # raises once it is gone
                time.sleep(0.1)
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def one_node(folder: Path) -> Iterator[Path]:
    """Have a Slurm for a while; yields its configuration file."""
    try:
        yield start(folder)
    finally:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            _run(["scancel", "--user", _user()], folder / "slurm.conf")
            time.sleep(1)
        stop(folder)


def _user() -> str:
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _run(command: list[str], configuration: Path) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    environment = {**os.environ, "SLURM_CONF": str(configuration), "PATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def _wait_until_idle(configuration: Path) -> None:
    state = ""
    for _ in range(300):
        with contextlib.suppress(RuntimeError):
            state = _run(["sinfo", "--noheader", "--format=%T"], configuration).strip()
            if state == "idle":
                return
        time.sleep(0.2)
    raise RuntimeError(f"the node is {state or 'unknown'} after a minute; see {configuration.parent}")


def main() -> None:
    """Run the command line."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("start", "stop"):
        sys.exit(f"usage: python {sys.argv[0]} start|stop FOLDER")
    folder = Path(sys.argv[2]).resolve()
    if sys.argv[1] == "stop":
        stop(folder)
    elif absent := missing():
        sys.exit(f"not installed: {', '.join(absent)}. On Debian: apt-get install slurm-wlm munge")
    else:
        print(f"export SLURM_CONF={start(folder)}")


if __name__ == "__main__":
    main()

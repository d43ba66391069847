"""Submissions that want marks for nothing, or to harm: each gets what it earned, and nobody else suffers."""

import base64
import dataclasses
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cs_helpers.checks.assets import ASSETS
from cs_helpers.checks.registry import select
from cs_helpers.grading.session import prepared_sandbox, pristine
from cs_helpers.grading.worker import Worker
from tests.grading.arena import (
    BWRAP,
    HOSTILE,
    NO_BWRAP,
    Arena,
    make_arena,
    messages,
    points,
    reference,
    untimed,
    with_attack,
)

pytestmark = [pytest.mark.sandbox, pytest.mark.skipif(not BWRAP, reason=NO_BWRAP)]

IDS = [check.id for check in select(["p1", "p3.mlp", "p3.binary"])]
SECRET = b"\n# a secret of the neighbour\n"


@dataclasses.dataclass(frozen=True)
class Case:
    """What a hostile submission must get.

    Attributes:
        loses: Points by check, where they differ from the full ones (or, for cheats, from none).
        says: What the verdict on p1.tanh must say.
        file: The file that the attack is added to.
        first: Whether the attack stands before all that is honest in the file.
    """

    loses: dict[str, float] = dataclasses.field(default_factory=dict)
    says: str = ""
    file: str = "hw/layers.py"
    first: bool = False


def forward(says: str) -> Case:
    """A TanH whose forward does not work: nothing for p1.tanh, 3 of 8 for the networks that contain one."""
    return Case({"p1.tanh": 0.0, "p1.sequential": 3.0}, says)


NOTHING = {check_id: 0.0 for check_id in IDS if check_id.startswith("p1.")}
VANDALS = {
    "exit_zero": forward("ended itself in the middle of it (exit status 0)"),
    "exit_when_imported": Case(NOTHING, "3 processes of this part ended"),
    "sys_exit": forward("SystemExit: 0"),
    "segfault": forward("SIGSEGV"),
    "abort": Case({"p1.tanh": 0.75, "p1.sequential": 3.33}, "ended by a signal"),
    "kill_all": Case(),
    "kill_itself": forward("KeyboardInterrupt"),
    "interrupt_itself": forward("KeyboardInterrupt"),
    "endless_loop": forward("still running after 4 s"),
    "endless_loop_that_swallows": forward("still running after 4 s"),
    "endless_call_in_c": forward("still running after 4 s"),
    "endless_import": Case({"p3.binary": 0.0}, file="hw/classifier.py", first=True),
    "time_never_ends": Case(
        NOTHING | {"p1.leaky_relu": 0.75, "p1.relu": 1.0, "p1.sigmoid": 0.75},
        "3 processes of this part ended",
    ),
    "fork_bomb": forward("ended itself"),
    "thread_bomb": Case(),
    "process_that_outlives": Case(),
    "memory_at_once": forward("memory"),
    "memory_bit_by_bit": forward("memory"),
    "memory_of_many": forward("used more than 1024 MiB of memory"),
    "memory_without_limit": Case(),
    "disk": Case(),
    "many_files": Case(),
    "network": Case(),
    "close_everything": forward("ended itself in the middle of it (exit status 1)"),
    "write_into_everything": forward("something else than evidence"),
    "flood": forward("MiB of evidence"),
    "print_without_end": Case(),
    "million_items": Case({"p1.tanh": 0.0}, "more than 300 pieces"),
    "endless_name": Case({"p1.tanh": 0.0}),
    "exception_that_exits": forward("ended itself"),
    "value_nan": forward("not finite"),
    "value_complex": forward("torch.complex128"),
    "value_eight_bits": forward("expected shape"),
    "value_huge": forward("of 1099511627776 elements"),
    "value_large": forward("expected shape"),
    "value_of_many_dimensions": Case({"p1.tanh": 0.0, "p1.sequential": 3.0}, "expected shape"),
    "value_equal_to_all": forward("TypeError"),
    "value_text_equal_to_all": Case({"p1.tanh": 5.25}, "name: expected 'TanH'"),
    "value_with_class_forged": forward("AttributeError"),
    "value_that_explodes_when_pickled": forward("got Bomb"),
}
CHEATS = sorted(path.stem for path in HOSTILE.glob("cheat_*.py"))


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """One sandbox for all, as in a real session."""
    with prepared_sandbox("bwrap") as box, Worker(box) as worker:
        yield make_arena(worker, tmp_path_factory.mktemp("report"), IDS, "of this test", 4.0, 1024)


@pytest.fixture(scope="module")
def full(arena: Arena) -> dict[str, float]:
    """The points of a submission that has everything right."""
    return points(arena.grade(reference()))


def neighbour() -> dict[str, bytes]:
    """Return a submission that is partly right."""
    files = reference()
    files["hw/layers.py"] = (
        files["hw/layers.py"].replace(b"self.db += rows_dout", b"self.db = rows_dout") + SECRET
    )
    return files


def is_of_another_test(name: str) -> bool:
    """Tell whether a scratch folder belongs to another process that is running: a test on another core."""
    pid = name.removeprefix("course-sandbox-").partition("-")[0]
    return pid.isdigit() and int(pid) != os.getpid() and Path(f"/proc/{pid}").exists()


@pytest.fixture(scope="module", autouse=True)
def _nobody_else_suffers(arena: Arena) -> Iterator[None]:
    """The neighbour gets the same record before and after, and nothing is left on the machine."""
    before = untimed(arena.grade(neighbour()))
    assert 0 < before["tasks"]["p1.linear"]["points"] < before["tasks"]["p1.linear"]["max_points"]
    mounts, temporary = Path("/proc/mounts").read_text(), set(os.listdir("/tmp"))
    yield
    assert untimed(arena.grade(neighbour())) == before
    assert Path("/proc/mounts").read_text() == mounts
    new = {name for name in set(os.listdir("/tmp")) - temporary if name.startswith("course")}
    assert {name for name in new if not is_of_another_test(name)} == set()


@pytest.fixture(autouse=True)
def _nothing_is_left_running(arena: Arena) -> Iterator[None]:
    """After each submission only the waiting template is there."""
    before = _descendants(arena)
    yield
    assert _descendants(arena) == before


def _descendants(arena: Arena) -> list[int]:
    """Return the processes below the sandbox, as the machine sees them."""
    assert arena.worker._process is not None
    table = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(parent) for pid, parent in map(str.split, table.splitlines())}
    found, waiting = [], [arena.worker._process.pid]
    while waiting:
        waiting = [pid for pid, parent in parents.items() if parent in waiting]
        found += waiting
    return sorted(found)


def test_there_is_a_case_for_every_hostile_file() -> None:
    assert sorted([*VANDALS, *CHEATS]) == sorted(path.stem for path in HOSTILE.glob("*.py"))
    assert len(VANDALS) + len(CHEATS) >= 40


@pytest.mark.parametrize("name", VANDALS)
def test_harm_costs_what_it_touches_and_nothing_else(name: str, arena: Arena, full: dict[str, float]) -> None:
    case = VANDALS[name]
    start = time.monotonic()
    record = arena.grade(with_attack(name, case.file, first=case.first))
    assert points(record) == full | case.loses, messages(record)
    assert case.says in record["tasks"]["p1.tanh"]["message"]
    assert record["problems"] == []
    assert time.monotonic() - start < 200  # a bound, not a figure: an endless loop must end


@pytest.mark.parametrize("name", CHEATS)
def test_who_does_nothing_gets_nothing(name: str, arena: Arena) -> None:
    arena.grade(neighbour())  # whose secret may be looked for
    record = arena.grade(with_attack(name, honest=False, first=True))
    assert points(record) == dict.fromkeys(IDS, 0.0)
    assert "FOUND" not in str(record)


def test_replaying_what_is_public_earns_nothing(arena: Arena, tmp_path: Path) -> None:
    """What the course stores is right for the public seed only, and what is right for all is not enough."""
    stored = {
        path.stem: base64.b64encode(path.read_bytes()).decode() for path in ASSETS.glob("p*.safetensors")
    }
    replay = b"""
import base64
from cs_helpers.checks import evidence, registry
from hw.stored import STORED

def _replay(check_id):
    production = evidence.from_bytes(base64.b64decode(STORED[check_id]), "home")
    def produce(hw, trial):
        for name, item in production.items.items():
            yield name, item.text if item.kind == "text" else item.tensor
    return produce

for _id in STORED:
    object.__setattr__(registry.find(_id), "produce", _replay(_id))
"""
    files = pristine()
    files["hw/stored.py"] = f"STORED = {stored!r}\n".encode()
    files["hw/layers.py"] = replay + files["hw/layers.py"]
    ids = [check.id for check in select(["p1", "p2", "p3"]) if check.seconds <= 30]
    everything = make_arena(arena.worker, tmp_path, ids, "of this replay", 30.0, 1024)
    record = everything.grade(files)
    lines = [line for entry in record["tasks"].values() for line in entry["evidence"]]
    assert any(line["verdict"] == "PASS" for line in lines)  # the replay does arrive
    assert sum(points(record).values()) == 0


def test_answers_that_attack_cost_no_marks(arena: Arena, full: dict[str, float]) -> None:
    files = reference()
    files["answers/part1.py"] = b"import os\nos._exit(0)\n"
    files["answers/part3.py"] += b"\npart3_q1 = 'x' * 10**8\npart3_q2 = 7\n"
    record = arena.grade(files)
    assert points(record) == full
    assert "ended itself" in record["answers"]["p1.q1"]["problem"]
    assert len(record["answers"]["p3.q1"]["text"]) == 20_000
    assert "must be a str" in record["answers"]["p3.q2"]["problem"]

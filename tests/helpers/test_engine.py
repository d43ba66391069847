"""Commands that are run several at a time, here or on a dask scheduler."""

import os
import sys
import time
from pathlib import Path

import pytest

from cs_helpers.engine import Done, EngineError, Resources, run

PYTHON = sys.executable


def program(text: str) -> list[str]:
    """Return a command that runs some lines."""
    return [PYTHON, "-S", "-c", text]


def test_all_commands_end_and_come_back_in_order() -> None:
    seen: list[Done] = []
    found = run(
        [program(f"print({i}); raise SystemExit({i})") for i in range(5)], jobs=3, on_done=seen.append
    )
    assert [(done.number, done.status, done.output) for done in found] == [(i, i, f"{i}\n") for i in range(5)]
    assert sorted(seen) == found


def test_no_more_than_jobs_run_at_a_time(tmp_path) -> None:
    text = (
        "import os, sys, time; p = sys.argv[1]; open(f'{p}/{os.getpid()}', 'w'); n = len(os.listdir(p));"
        "time.sleep(0.2); os.remove(f'{p}/{os.getpid()}'); print(n)"
    )
    found = run([[*program(text), str(tmp_path)] for _ in range(6)], jobs=2)
    assert max(int(done.output) for done in found) == 2


def test_a_command_that_cannot_be_run_or_is_killed_does_not_stop_the_others() -> None:
    found = run([["no such program"], program("import os; os.kill(os.getpid(), 9)"), program("print(1)")])
    assert [done.status for done in found] == [-1, -9, 0]
    assert "no such program cannot be run" in found[0].output


def test_only_the_end_of_a_long_output_is_kept() -> None:
    output = run([program("print(*range(100_000), sep='\\n')")])[0].output
    assert output.endswith("99999\n")
    assert len(output) < 1000


def test_folder_and_environment_reach_the_command(tmp_path) -> None:
    text = "import os; print(os.getcwd(), os.environ['COLOUR'])"
    done = run([program(text)], folder=tmp_path, environment={"COLOUR": "blue"})[0]
    assert done.output == f"{os.path.realpath(tmp_path)} blue\n"


def test_an_interruption_ends_the_commands(tmp_path) -> None:
    file = tmp_path / "pid"
    sleeper = f"import os, time; open({str(file)!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(600)"

    def interrupt(done: Done) -> None:
        while not file.exists() or not file.read_text().endswith("."):
            time.sleep(0.1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([program("pass"), program(sleeper)], jobs=2, on_done=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()[:-1]), 0)


def test_standard_input_ends_with_the_one_who_started_it(tmp_path) -> None:
    text = (
        "import subprocess, sys, os; sys.path.insert(0, sys.argv[1]);"
        "from cs_helpers.engine import run;"
        "child = 'import os, sys; print(os.getpid(), flush=True); os.read(0, 1); open(sys.argv[1], \"w\")';"
        "import threading; threading.Timer(3, lambda: os.kill(os.getpid(), 9)).start();"
        "run([[sys.executable, '-S', '-c', child, sys.argv[2]]])"
    )
    mark, root = tmp_path / "ended", str(Path(__file__).resolve().parents[2])
    assert run([[PYTHON, "-c", text, root, str(mark)]])[0].status == -9
    for _ in range(100):
        if mark.exists():
            return
        time.sleep(0.1)
    raise AssertionError("the command has outlived its caller")


def test_no_commands_are_no_work() -> None:
    assert run([]) == []


@pytest.mark.parametrize(
    ("jobs", "resources", "message"),
    [
        (0, {}, "jobs must be at least 1, got 0"),
        (1, {"gpus": -1}, "gpus must be at least 0"),
        (1, {"cpus": 0}, "cpus at least 1"),
        (1, {"time": "an hour"}, "time must be like .* got 'an hour'"),
        (1, {"memory": "4 apples"}, "memory must be like .* got '4 apples'"),
    ],
)
def test_bad_values_are_refused(jobs, resources, message) -> None:
    with pytest.raises(EngineError, match=message):
        run([program("pass")], jobs=jobs, resources=Resources(**resources))


def test_a_cluster_without_dask_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(EngineError, match="pip install"):
        run([program("pass")], cluster="tcp://127.0.0.1:1")


def test_commands_run_on_a_dask_scheduler() -> None:
    distributed = pytest.importorskip("dask.distributed", reason="the extra 'cluster' is not installed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        found = run([program(f"print({i})") for i in range(4)], cluster=cluster.scheduler_address)
    assert [(done.status, done.output) for done in found] == [(0, f"{i}\n") for i in range(4)]

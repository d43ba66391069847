"""A student's first hour: unpack the release, run the README's commands, solve a task, hand in."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
from trees import solution

from cs_helpers.regions import blank
from cs_helpers.release.build import release_files
from cs_helpers.release.write import write
from cs_helpers.tasks import TASKS

CODE = [task.id for task in TASKS.values() if task.kind == "code"]
PATIENT = "--seconds 120"  # the first import of everything counts, and the machine may be busy


def clean_environment() -> dict[str, str]:
    """Return the variables that a student's shell has, and none that leads to this tree."""
    kept = re.compile(r"PATH|HOME|TMPDIR|LANG|(PIP|UV|SSL|REQUESTS)_.*|.*_PROXY", re.IGNORECASE)
    return {name: value for name, value in os.environ.items() if kept.fullmatch(name)}


def run(tree: Path, command: str, timeout: float = 1500) -> subprocess.CompletedProcess[str]:
    """Run a shell command in a tree, with nothing of this course's environment in reach."""
    return subprocess.run(
        command,
        shell=True,
        cwd=tree,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.slow
def test_the_release_stands_alone_from_its_first_command_on(tmp_path: Path) -> None:
    write(release_files(solution()), tmp_path / "students.zip")
    with zipfile.ZipFile(tmp_path / "students.zip") as archive:
        archive.extractall(tmp_path)
    tree = tmp_path / "deep-learning-course"

    done = run(tree, "make test")  # sets everything up, as make lab does
    assert done.returncode == 0, done.stderr[-1500:] + done.stdout[-3000:]
    assert f"{len(TASKS)} skipped" in done.stdout

    done = run(tree, f'make check ARGS="{PATIENT}"')
    assert done.returncode == 2  # make's word for a command that failed
    assert done.stdout.count("NOT DONE") == len(TASKS), done.stdout
    assert "FAIL" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr

    layers = solution()["hw/layers.py"].text
    (tree / "hw" / "layers.py").write_text(blank(layers, keep={"p1.sigmoid"}), encoding="utf-8")
    results = json.loads(run(tree, f".venv/bin/course check --json {PATIENT}").stdout)
    assert {result["id"]: result["verdict"] for result in results} == {
        task_id: "PASS" if task_id == "p1.sigmoid" else "NOT DONE" for task_id in CODE
    }

    assert run(tree, "make submit").returncode == 2
    done = run(tree, 'make submit ARGS="--partial --members ann,bo"')
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tree / "submission.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["release"] == json.loads((tree / "release.json").read_bytes())["digest"]
    assert manifest["not_done"] == [task_id for task_id in TASKS if task_id != "p1.sigmoid"]

    assert "notebooks/part1" in opened(tree)


def opened(tree: Path) -> str:
    """Start what `make lab` starts, without a browser, and return the path of the notebook it serves."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--no-browser --port={port} --ServerApp.port_retries=0 --IdentityProvider.token="
    command = [str(tree / ".venv/bin/course"), "lab", *options.split()]
    log = (tree.parent / "lab.log").open("w+", encoding="utf-8")
    server = subprocess.Popen(
        command, cwd=tree, env=clean_environment(), stdout=log, stderr=log, start_new_session=True
    )
    try:
        for _ in range(240):
            time.sleep(0.5)
            try:
                address = f"http://127.0.0.1:{port}/api/contents/notebooks/part1_backprop.ipynb?content=0"
                with urllib.request.urlopen(address, timeout=5) as answer:
                    return json.loads(answer.read())["path"]
            except urllib.error.HTTPError:
                raise  # the server is there, the notebook is not
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None, Path(log.name).read_text(encoding="utf-8")
        pytest.fail("JupyterLab did not start in two minutes")
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # the server is a child of the command
        server.wait(timeout=30)
        log.close()

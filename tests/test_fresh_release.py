"""A student's first hour: unpack the release, run the README's commands, solve a task, hand in."""

import json
import os
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
PORT = 18991
PATIENT = "--seconds 120"  # the first import of everything counts, and the machine may be busy


def run(tree: Path, command: str, timeout: float = 1500) -> subprocess.CompletedProcess[str]:
    """Run a shell command in a tree, with nothing of this course's environment in reach."""
    kept = (
        "PATH",
        "HOME",
        "TMPDIR",
        "LANG",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "https_proxy",
        "no_proxy",
    )
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in kept or name.startswith(("PIP_", "UV_", "SSL_", "REQUESTS_"))
    }
    return subprocess.run(
        command,
        shell=True,
        cwd=tree,
        env=environment,
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
    options = f"--no-browser --port={PORT} --ServerApp.port_retries=0 --IdentityProvider.token= --allow-root"
    command = [str(tree / ".venv/bin/course"), "lab", *options.split()]
    server = subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for _ in range(120):
            time.sleep(0.5)
            try:
                address = f"http://127.0.0.1:{PORT}/api/contents/notebooks/part1_backprop.ipynb?content=0"
                with urllib.request.urlopen(address, timeout=5) as answer:
                    return json.loads(answer.read())["path"]
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None, server.stdout and server.stdout.read()
        pytest.fail("JupyterLab did not start in a minute")
    finally:
        server.terminate()
        server.wait(timeout=30)

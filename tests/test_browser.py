"""The notebooks in a real browser: JupyterLab, Run All, and what a student then sees."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from trees import ROOT

from cs_helpers.tasks import TASKS

CHROMIUM = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium or Chrome on the PATH"),
]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """Start ``course lab`` on this tree, on loopback only, and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "cs_helpers", "lab", "--no-browser", f"--port={port}"]
    command += ["--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.password="]
    folders = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    environment = {**os.environ, **folders, "PYTHONPATH": str(ROOT), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # the command, and JupyterLab below it
        server.wait(30)


def stored_verdicts(path: Path) -> list[str]:
    """Return the verdicts that a notebook stores, which nbval compares with those of a run."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    checks = [cell for cell in cells if "check" in cell["metadata"].get("tags", ())]
    return ["".join(cell["outputs"][0]["data"]["text/plain"])[: len("NOT DONE")].strip() for cell in checks]


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("part*.ipynb")), ids=lambda path: path.stem)
def test_run_all_shows_the_stored_verdicts_and_typeset_mathematics(lab: str, path: Path) -> None:
    part = int(path.stem.split("_")[0].removeprefix("part"))
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        # Higher than the notebook is long, so that JupyterLab renders all of its cells.
        page = browser.new_page(viewport={"width": 1400, "height": 30000})
        page.goto(f"{lab}/lab/tree/notebooks/{path.name}")
        page.wait_for_selector(
            ".jp-StatusBar-TextItem:text-is('Python 3 (ipykernel) | Idle')", timeout=120_000
        )
        page.click(".lm-MenuBar-itemLabel:text-is('Run')")
        page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
        checks = [task for task in TASKS.values() if task.kind == "code" and task.part == part]
        page.wait_for_function(
            "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
            r".every(prompt => /^\[\d+\]:$/.test(prompt.innerText.trim()))",
            timeout=240_000,
        )
        with contextlib.suppress(playwright.TimeoutError):  # outputs are drawn a moment later
            page.wait_for_function(
                "n => document.querySelectorAll('.course-check .verdict').length >= n",
                arg=len(checks),
                timeout=60_000,
            )
        verdicts = page.locator(".course-check .verdict").all_inner_texts()
        errors = page.locator(
            ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"
        ).count()
        mathematics = page.locator(".jp-RenderedMarkdown mjx-container").count()
        broken = page.locator("mjx-merror").count()
        questions = page.locator("text=Would you like").count()  # JupyterLab's, about its news
        browser.close()
    assert verdicts == stored_verdicts(path)
    assert errors == 0
    assert questions == 0
    assert mathematics > 20
    assert broken == 0

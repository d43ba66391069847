"""The notebook in a real browser: JupyterLab, Run All, and what a student then sees."""

import os
import shutil
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
    """Start JupyterLab on this tree, on loopback only, and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.password="]
    folders = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    environment = {**os.environ, **folders, "PYTHONPATH": str(ROOT), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
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
        server.terminate()
        server.wait(30)


def test_run_all_shows_a_pass_for_every_check_and_typeset_mathematics(lab: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        # Higher than the notebook is long, so that JupyterLab renders all of its cells.
        page = browser.new_page(viewport={"width": 1400, "height": 30000})
        page.goto(f"{lab}/lab/tree/notebooks/part1_backprop.ipynb")
        page.wait_for_selector(
            ".jp-StatusBar-TextItem:text-is('Python 3 (ipykernel) | Idle')", timeout=120_000
        )
        page.click(".lm-MenuBar-itemLabel:text-is('Run')")
        page.click(".lm-Menu-itemLabel:text-is('Run All Cells')")
        checks = [task for task in TASKS.values() if task.kind == "code" and task.part == 1]
        page.wait_for_function(
            "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
            r".every(prompt => /^\[\d+\]:$/.test(prompt.innerText.trim()))",
            timeout=240_000,
        )
        verdicts = page.locator(".course-check .verdict").all_inner_texts()
        errors = page.locator(
            ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"
        ).count()
        mathematics = page.locator(".jp-RenderedMarkdown mjx-container").count()
        broken = page.locator("mjx-merror").count()
        browser.close()
    assert verdicts == ["PASS"] * len(checks)
    assert errors == 0
    assert mathematics > 50
    assert broken == 0

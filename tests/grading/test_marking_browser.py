"""Marking in a real browser: by keyboard alone, kept as it is typed, and taken by the merge."""

from pathlib import Path
from typing import Any

import pytest
from test_browser import CHROMIUM, QUIET

from cs_helpers.grading.records import Report
from cs_helpers.grading.reports import marks
from cs_helpers.grading.reports.final import read_everything
from cs_helpers.grading.reports.pages import write_pages
from tests.grading.small_class import answer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium or Chrome on the PATH"),
]


def press(page: Any, keys: str) -> None:
    """Press keys, named ones between brackets left out."""
    for key in keys.split():
        page.keyboard.press(key)


def test_points_are_entered_by_keyboard_kept_downloaded_and_merged(report: Report, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    first = write_pages(read_everything(report))
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_context(accept_downloads=True).new_page()
        trouble: list[str] = []
        asked: list[str] = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto((first.parent / "questions" / "p1.q1.html").as_uri())
        page.fill("#grader", "kl")
        press(page, "Escape j")  # from =1+1 to ann.lee
        assert page.inner_text("article:not([hidden])").startswith("ann.lee")
        press(page, "9 2 1 . ArrowUp 2 4 3 . ArrowDown c")
        page.keyboard.type('=good, "but" short')
        press(page, "Escape Enter f j 1 ArrowUp Backspace 2 Enter")
        page.reload()
        assert page.locator("#list button.done").count() >= 2
        page.keyboard.press("j")
        assert page.input_value("#comment") == '=good, "but" short'
        page.goto((first.parent / "students" / "bo.html").as_uri())
        press(page, "j 1 . 4")
        with page.expect_download() as download:
            page.keyboard.press("d")
        download.value.save_as(tmp_path / download.value.suggested_filename)
        title = page.title()
        page.goto((first.parent / "students" / "eve.html").as_uri())
        assert page.title() == "eve"
        browser.close()
    assert trouble == []
    assert title == "bo"
    assert all(url.startswith(("file:", "blob:")) for url in asked)
    [path] = tmp_path.glob("marks-*-kl.csv")
    everything = read_everything(report)
    assert marks.merge(report, everything.session, everything.records, [path]) == 4
    everything = read_everything(report)
    found = {record["name"]: everything.mark(record, "p1.q1") for record in everything.records}
    assert found["ann.lee"] == marks.Mark((2, 2, 4, 3.5), '=good, "but" short', "kl")
    assert found["bo"] == marks.Mark((2, 2, 4, 6), "", "kl")
    assert found["eve"] == marks.Mark((2, None, None, None), "", "kl")


def test_merged_marks_come_back_and_stale_ones_are_called_so(report: Report, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    (tmp_path / "a.csv").write_text("submission,task,points1,points2,grader\nbo,p1.q2,2,3,kl\n")
    everything = read_everything(report)
    marks.merge(report, everything.session, everything.records, [tmp_path / "a.csv"])
    answer(report, "bo", "p1.q2", "Another text.")
    first = write_pages(read_everything(report))
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(color_scheme="dark")
        page.goto((first.parent / "students" / "bo.html").as_uri())
        page.keyboard.press("j")
        stale = page.is_visible("#stale"), page.inner_text("#total")
        press(page, "1 1")
        fresh = page.is_visible("#stale"), page.inner_text("#total")
        browser.close()
    assert stale == (True, "5 of 6")
    assert fresh == (False, "2 of 6")

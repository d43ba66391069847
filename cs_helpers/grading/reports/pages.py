"""All pages for staff, in ``REPORT/pages``; open ``index.html`` first."""

from pathlib import Path

from cs_helpers.grading import records
from cs_helpers.grading.reports import marks
from cs_helpers.grading.reports.feedback import feedback_page
from cs_helpers.grading.reports.final import Everything, write_table
from cs_helpers.grading.reports.marking import write_marking_pages
from cs_helpers.grading.reports.page import write
from cs_helpers.grading.reports.summary import summary_page

TEMPLATE = "marks-template.csv"


def write_pages(everything: Everything) -> Path:
    """Write pages and tables; return the page to open first.

    Raises:
        MarkupError: If the libraries that render answers are not installed.
    """
    found = write_table(everything)
    folder = everything.report.root / "pages"
    write_marking_pages(everything, folder)
    for record in everything.records:
        rows = [row for row in found if row.record is record]
        text = feedback_page(everything, record, rows, hidden=False, reference=True)
        write(folder / "feedback" / f"{records.key(record['name'])}.html", text)
    write(folder / TEMPLATE, marks.template(everything.session, everything.records))
    write(folder / "index.html", summary_page(everything, found))
    return folder / "index.html"

"""What stands beside a written answer: its question, rubric and reference answer."""

import dataclasses
import json
import re
from functools import cache
from pathlib import Path

from cs_helpers.answers import AnswerError, read_answer
from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.tasks import TASKS, Task


@dataclasses.dataclass(frozen=True)
class Question:
    """A question as whoever marks it wants to see it.

    Attributes:
        task: Title, points and rubric.
        text: What was asked, in Markdown, from the notebook; "" if it is not found.
        reference: The reference answer in Markdown; "" if there is none.
    """

    task: Task
    text: str
    reference: str


@cache
def question(task_id: str, root: Path = COURSE_ROOT) -> Question:
    """Return a question of the course's own tree."""
    try:
        reference = read_answer(task_id, root)
    except AnswerError:
        reference = ""
    return Question(TASKS[task_id], _asked(task_id, root), reference)


def _asked(task_id: str, root: Path) -> str:
    """Return the last text before the cell that shows the answer."""
    text = ""
    for path in sorted((root / "notebooks").glob(f"part{TASKS[task_id].part}_*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                text = source
            elif re.search(rf"display_answer\(\s*[\"']{re.escape(task_id)}[\"']", source):
                return text
    return ""

"""Written answers: finding them in ``answers/``, and rendering them."""

import html
from pathlib import Path

from cs_helpers.checks.guard import describe
from cs_helpers.checks.student import COURSE_ROOT, StudentPackage
from cs_helpers.regions import PLACEHOLDER
from cs_helpers.tasks import TASKS, suggestion


class AnswerError(ValueError):
    """An answer cannot be read; the message says which and why."""


class Answer:
    """A written answer that shows itself as Markdown with mathematics, or as NOT DONE.

    Attributes:
        id: The question's id, such as ``p1.q1``.
        text: The answer in Markdown; empty if it cannot be read.
        problem: Why it cannot be read.
    """

    def __init__(self, question_id: str, text: str, problem: str = "") -> None:
        self.id, self.text, self.problem = question_id, text, problem

    @property
    def done(self) -> bool:
        """Whether something was written."""
        return bool(self.text.strip()) and PLACEHOLDER not in self.text

    def __repr__(self) -> str:
        if self.problem:
            return f"FAIL     {self.id}  {self.problem}"
        return (
            self.text.strip() if self.done else f"NOT DONE {self.id}  write your answer in {_place(self.id)}"
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        plain = repr(self)
        if self.done and not self.problem:
            return {"text/markdown": self.text.strip(), "text/plain": plain}
        # The same words as in a terminal, set apart from the text around it.
        style = "border-left: 4px solid #8a8f98; padding: 2px 12px; font-size: 13px"
        return {"text/html": f'<div style="{style}">{html.escape(plain)}</div>', "text/plain": plain}


def _place(question_id: str) -> str:
    return f"{TASKS[question_id].file}, {variable(question_id)}"


def variable(question_id: str) -> str:
    """Return the name of the variable that holds an answer: p1.q1 is in part1_q1."""
    part, question = question_id.split(".")
    return f"{part.replace('p', 'part')}_{question}"


def read_answer(question_id: str, root: Path = COURSE_ROOT) -> str:
    """Return the text of an answer.

    Args:
        question_id: Such as ``p1.q1``.
        root: The folder that ``answers/`` is in.

    Raises:
        ValueError: If there is no such question.
        AnswerError: If the file does not run, or the variable is missing or not a text.
    """
    questions = [task.id for task in TASKS.values() if task.kind == "answer"]
    if question_id not in questions:
        raise ValueError(f"there is no question {question_id!r}{suggestion(question_id, questions)}")
    package = StudentPackage(root, "answers")
    try:
        text = getattr(getattr(package, f"part{TASKS[question_id].part}"), variable(question_id))
    except (Exception, SystemExit) as error:
        failure = describe(error, Path(root).resolve(), 0)
        raise AnswerError(f"{failure.message} ({failure.where or _place(question_id)})") from error
    if not isinstance(text, str):
        raise AnswerError(f"{variable(question_id)} in {TASKS[question_id].file} must be a str, not {text!r}")
    return text


def display_answer(question_id: str, root: Path = COURSE_ROOT) -> Answer:
    """Show an answer as it is on disk now; a notebook renders it with its mathematics.

    Args:
        question_id: Such as ``p1.q1``.
        root: The folder that ``answers/`` is in.

    Raises:
        ValueError: If there is no such question.
    """
    try:
        return Answer(question_id, read_answer(question_id, root))
    except AnswerError as error:
        return Answer(question_id, "", str(error))

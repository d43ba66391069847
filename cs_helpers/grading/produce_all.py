"""Inside the sandbox: run a submission's checks and read its answers, and send what comes out."""

import os
import queue
import threading
from pathlib import Path

import torch

from cs_helpers.answers import AnswerError, read_answer
from cs_helpers.checks.evidence import RAISED, Failure, Item, Production
from cs_helpers.checks.guard import time_limit
from cs_helpers.checks.produce import produce
from cs_helpers.checks.registry import find
from cs_helpers.checks.student import StudentPackage
from cs_helpers.grading import channel
from cs_helpers.tasks import TASKS

ANSWER = "answer"  # the name of the evidence that holds a written answer
ANSWER_SECONDS = 5.0


def produce_all(
    work: list[str], seed: str, seconds: list[float], pipe: int, tree: Path, inputs: bool
) -> None:
    """Do work items in order.

    Args:
        work: Ids of checks, and of questions whose answers are read.
        seed: The trials' seed.
        seconds: Time limit of each item.
        pipe: Where the evidence goes.
        tree: The folder with ``hw`` and ``answers``.
        inputs: Whether to send the trials' inputs, too.
    """
    package = StudentPackage(tree)
    sender = _Sender(pipe)
    sender.send(channel.START, 0, Production())
    for position, (task_id, limit) in enumerate(zip(work, seconds, strict=True)):
        try:
            if TASKS[task_id].kind == "answer":
                production = _answer(task_id, tree, limit)
                for name, item in production.items.items():
                    sender.item(position, name, item)
            else:
                production = _check(task_id, package, seed, limit, tree, position, sender)
        except BaseException as error:  # such as a signal that the submission sends to itself
            production = Production(failure=Failure(RAISED, f"{type(error).__name__} from outside the check"))
        production.items = {}
        if not inputs:
            production.inputs = {}
        sender.send(channel.END, position, production)


def _check(
    check_id: str,
    package: StudentPackage,
    seed: str,
    limit: float,
    tree: Path,
    position: int,
    sender: "_Sender",
) -> Production:
    def send(name: str, item: Item) -> None:
        sender.item(position, name, item)

    return produce(find(check_id), package, seed, root=tree, seconds=limit, on_item=send)


def _answer(question_id: str, tree: Path, limit: float) -> Production:
    try:
        with time_limit(min(limit, ANSWER_SECONDS)):
            text = read_answer(question_id, tree)
    except AnswerError as error:
        return Production(failure=Failure(RAISED, str(error)))
    data = torch.tensor(list(text.encode(errors="replace")[: channel.MAX_TEXT]), dtype=torch.uint8)
    return Production({ANSWER: Item("text", data, "str")})


class _Sender:
    """Sends frames from a thread of its own, and waits for each.

    A time limit raises its exception in the main thread; in the middle of a frame that would spoil the rest.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._frames: queue.SimpleQueue[tuple[int, int, Production, threading.Event]] = queue.SimpleQueue()
        threading.Thread(target=self._send_all, daemon=True).start()

    def item(self, position: int, name: str, item: Item) -> None:
        """Send a piece of evidence."""
        self.send(channel.ITEM, position, Production({name: item}))

    def send(self, kind: int, position: int, production: Production) -> None:
        """Send a frame."""
        sent = threading.Event()
        self._frames.put((kind, position, production, sent))
        sent.wait()

    def _send_all(self) -> None:
        while True:
            kind, position, production, sent = self._frames.get()
            try:
                channel.send(self._pipe, kind, position, production)
            except OSError:  # the submission closed the pipe: nothing that it does can be seen any more
                os._exit(1)
            sent.set()

"""Every task of the course: its id, its points and what they are given for.

The id is the same everywhere: in the file that the student writes, in the NotImplementedError of the stub,
in the check, in the notebook's cell and here.
"""

import dataclasses
import difflib
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Task:
    """One thing to do.

    Attributes:
        id: Part and name, such as ``p1.linear``.
        title: What it is called in tables.
        kind: "code" for what a check tests, "answer" for what a person reads.
        file: Where the student does it.
        rubric: What the points are for: (points, criterion) each.
    """

    id: str
    title: str
    kind: str
    file: str
    rubric: tuple[tuple[int, str], ...]

    @property
    def part(self) -> int:
        """Number of the part, from 1."""
        return int(self.id[1 : self.id.index(".")])

    @property
    def points(self) -> int:
        """Points for the whole task."""
        return sum(points for points, _ in self.rubric)


def _code(task_id: str, title: str, file: str, points: int, criterion: str) -> Task:
    return Task(task_id, title, "code", file, ((points, criterion),))


def _answer(task_id: str, title: str, *rubric: tuple[int, str]) -> Task:
    return Task(task_id, title, "answer", f"answers/part{task_id[1]}.py", rubric)


_LAYERS = "hw/layers.py"

TASKS: dict[str, Task] = {
    task.id: task
    for task in (
        _code("p1.leaky_relu", "LeakyReLU", _LAYERS, 6, "both slopes, forward and backward, in any shape"),
        _code("p1.relu", "ReLU", _LAYERS, 4, "LeakyReLU's special case, with its name"),
        _code("p1.sigmoid", "Sigmoid", _LAYERS, 6, "values and gradients, also for very large inputs"),
        _code("p1.tanh", "TanH", _LAYERS, 6, "values and gradients, also for very large inputs"),
        _code("p1.linear", "Linear", _LAYERS, 14, "affine map, three gradients, accumulated in place"),
        _code(
            "p1.cross_entropy", "CrossEntropyLoss", _LAYERS, 14, "mean loss and gradient, without overflow"
        ),
        _code("p1.sequential", "Sequential", _LAYERS, 8, "forward in order, backward in reverse"),
        _code("p1.mlp", "MLP", _LAYERS, 12, "structure, and gradients from end to end"),
        _code("p1.dropout", "Dropout", _LAYERS, 10, "rate, scale, one mask per call, identity in test mode"),
        _answer(
            "p1.q1",
            "Jacobians that nobody builds",
            (2, "the shape of dY/dX, in terms of N, in and out and as numbers"),
            (2, "the shape of dY/dW, likewise"),
            (4, "which entries of each are zero, and why"),
            (6, "how the products of vector and Jacobian collapse into two matrix products"),
        ),
        _answer(
            "p1.q2",
            "Is back-propagation required?",
            (2, "a clear position: required or not"),
            (4, "an argument that separates the gradient from the way to compute it, with another way named"),
        ),
    )
}


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the tail of an error message: "; did you mean ...?", or the list of what is known."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}"

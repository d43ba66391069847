"""The diagrams of the notebooks, as SVG: ``python -m cs_helpers.figures [FOLDER]`` writes them all.

Each figure has a transparent ground and only colours that can be read on white and on near-black, so one
file serves JupyterLab's light and dark theme. The same call always writes the same bytes.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cs_helpers import part4_figures
from cs_helpers.checks.student import COURSE_ROOT
from cs_helpers.drawing import BACKWARD, FORWARD, OTHER, Drawing, signed
from cs_helpers.plot import GREY

FOLDER = COURSE_ROOT / "notebooks" / "figures"


def graph() -> Drawing:
    """Draw the computation graph of (w x + b) squared, with values and gradients."""
    w, x, b = 3, 2, -4
    z, u = w * x, w * x + b
    du = 2 * u
    drawing = Drawing(
        720,
        226,
        "A computation graph",
        f"w = {w} and x = {x} enter a product, z = {z}. b = {b} is added: u = {u}. Its square is "
        f"L = {u * u}. Gradients flow back: {du} for u, z and b, {du * x} for w and {du * w} for x.",
    )
    _pill(drawing, 12, 22, f"*w* = {w}", f"δ*w* = {du * x}")
    _pill(drawing, 12, 122, f"*x* = {x}", f"δ*x* = {du * w}")
    _pill(drawing, 320, 168, f"*b* = {signed(b)}", f"δ*b* = {du}")
    for y, end in ((48, 86), (148, 110)):
        drawing.arrow(108, y, 192, end)
    drawing.arrow(370, 168, 370, 122)
    for at, sign in ((212, "×"), (370, "+"), (528, "( )²")):
        drawing.circle(at, 98, 22)
        drawing.text(at, 104, sign, size=18)
    drawing.arrow(236, 98, 346, 98)
    drawing.arrow(394, 98, 504, 98)
    drawing.arrow(552, 98, 606, 98)
    _two_lines(drawing, 290, f"*z* = {z}", f"δ*z* = {du}")
    _two_lines(drawing, 448, f"*u* = {u}", f"δ*u* = {du}")
    _pill(drawing, 608, 72, f"*L* = {u * u}", "δ*L* = 1")
    drawing.text(708, 24, "values, left to right", FORWARD, 13, "end")
    drawing.text(708, 44, "gradients, right to left", BACKWARD, 13, "end")
    return drawing


def _pill(drawing: Drawing, x: float, y: float, value: str, gradient: str) -> None:
    drawing.box(x, y, 98, 52, round_=14)
    drawing.text(x + 49, y + 22, value, FORWARD)
    drawing.text(x + 49, y + 42, gradient, BACKWARD)


def _two_lines(drawing: Drawing, x: float, value: str, gradient: str) -> None:
    drawing.text(x, 86, value, FORWARD)
    drawing.text(x, 122, gradient, BACKWARD)


def layer() -> Drawing:
    """Draw what goes into and out of a layer on the way forward and on the way back."""
    drawing = Drawing(
        720,
        264,
        "A layer's forward and backward pass",
        "Forward: x enters from the left, z leaves to the right, and the layer keeps what it needs in its "
        "grad_cache. Backward: the gradient of z enters from the right, that of x leaves to the left, "
        "and the gradients of the parameters are added to dw and db.",
    )
    drawing.box(230, 20, 260, 150)
    drawing.box(250, 36, 220, 36, FORWARD)
    drawing.text(360, 60, "forward", FORWARD, 16)
    drawing.box(250, 118, 220, 36, BACKWARD)
    drawing.text(360, 142, "backward", BACKWARD, 16)
    drawing.arrow(290, 74, 290, 116, dashed=True)
    drawing.text(304, 100, "grad_cache", size=14, anchor="start")
    drawing.arrow(110, 54, 246, 54, FORWARD)
    drawing.text(92, 60, "*x*", FORWARD, 18)
    drawing.arrow(474, 54, 610, 54, FORWARD)
    drawing.text(628, 60, "*z*", FORWARD, 18)
    drawing.arrow(610, 136, 474, 136, BACKWARD)
    drawing.text(630, 142, "δ*z*", BACKWARD, 18)
    drawing.arrow(246, 136, 110, 136, BACKWARD)
    drawing.text(90, 142, "δ*x*", BACKWARD, 18)
    drawing.box(230, 214, 260, 36)
    drawing.text(296, 238, "*w*, *b*", FORWARD, 16)
    drawing.text(424, 238, "δ*w*, δ*b*", BACKWARD, 16)
    drawing.arrow(296, 212, 296, 174, FORWARD)
    drawing.text(284, 198, "use", FORWARD, 13, "end")
    drawing.arrow(424, 172, 424, 210, BACKWARD)
    drawing.text(436, 198, "add in place", BACKWARD, 13, "start")
    drawing.text(510, 238, "params()", size=14, anchor="start")
    return drawing


def elementwise() -> Drawing:
    """Draw why the Jacobian of an element-wise layer is never needed: only its diagonal is not zero."""
    n, cell = 7, 18
    drawing = Drawing(
        720,
        196,
        "The Jacobian of an element-wise layer",
        "A row vector times a square matrix that is zero off its diagonal equals the row vector times the "
        "diagonal, entry by entry.",
    )
    _cells(drawing, 30, 80, [(0, i) for i in range(n)], (1, n), cell, BACKWARD)
    drawing.text(30 + n * cell / 2, 68, "δ*z*", BACKWARD)
    drawing.text(180, 94, "·", size=22)
    _cells(drawing, 204, 26, [(i, i) for i in range(n)], (n, n), cell, FORWARD)
    drawing.text(204 + n * cell / 2, 176, "∂*z* / ∂*x*: *n* × *n*", FORWARD)
    drawing.text(366, 95, "=", size=20)
    _cells(drawing, 402, 80, [(0, i) for i in range(n)], (1, n), cell, BACKWARD)
    drawing.text(402 + n * cell / 2, 68, "δ*z*", BACKWARD)
    drawing.text(549, 95, "⊙", size=20)
    _cells(drawing, 570, 80, [(0, i) for i in range(n)], (1, n), cell, FORWARD)
    drawing.text(570 + n * cell / 2, 68, "*f* ′(*x*)", FORWARD)
    drawing.text(402 + 147, 130, "*n* multiplications, nothing else", size=13)
    return drawing


def _cells(
    drawing: Drawing,
    x: float,
    y: float,
    filled: Sequence[tuple[int, int]],
    shape: tuple[int, int],
    cell: int,
    colour: str,
) -> None:
    """Draw a matrix: a frame, and a box for each entry that is not zero."""
    drawing.box(x, y, shape[1] * cell, shape[0] * cell, round_=2)
    for row, column in filled:
        drawing.box(x + column * cell, y + row * cell, cell, cell, colour, round_=2)


def linear_shapes() -> Drawing:
    """Draw the matrix products of a Linear layer as rectangles of the right proportions."""
    drawing = Drawing(
        720,
        356,
        "The three matrix products of a Linear layer",
        "Forward: Z (N x out) = X (N x in) times W transposed (in x out), plus b. Backward: the gradient of "
        "X (N x in) is that of Z (N x out) times W (out x in); the gradient of W (out x in) is that of Z, "
        "transposed (out x N), times X (N x in); the gradient of b is that of Z summed over N.",
    )
    n, din, dout = ("*N*", 64), ("in", 112), ("out", 46)
    forward = [("*Z*", n, dout, FORWARD), ("*X*", n, din, FORWARD), ("*W* ᵀ", din, dout, OTHER)]
    _product(drawing, 78, forward)
    drawing.text(510, 84, "+", size=20)
    _matrix(drawing, 540, 78, ("*b*", ("", 22), dout, OTHER))
    drawing.text(594, 83, "in every row", size=13, anchor="start")
    to_x = [("δ*X*", n, din, BACKWARD), ("δ*Z*", n, dout, BACKWARD), ("*W*", dout, din, OTHER)]
    _product(drawing, 200, to_x)
    to_w = [("δ*W*", dout, din, BACKWARD), ("δ*Z* ᵀ", dout, n, BACKWARD), ("*X*", n, din, FORWARD)]
    _product(drawing, 310, to_w)
    drawing.text(540, 306, "δ*b*: the rows of δ*Z*,", BACKWARD, 13, "start")
    drawing.text(540, 326, "summed over the batch", BACKWARD, 13, "start")
    return drawing


Side = tuple[str, int]  # what a side is called and how long it is drawn
Matrix = tuple[str, Side, Side, str]  # name, rows, columns, colour


def _product(drawing: Drawing, middle: float, matrices: list[Matrix]) -> None:
    """Draw ``first = second third`` in one row; each matrix is centred in a column of its own."""
    for centre, matrix in zip((100, 260, 430), matrices, strict=True):
        _matrix(drawing, centre - matrix[2][1] / 2, middle, matrix)
    drawing.text(172, middle + 6, "=", size=20)
    drawing.text(334, middle + 7, "·", size=24)


def _matrix(drawing: Drawing, x: float, middle: float, matrix: Matrix) -> None:
    name, (rows, height), (columns, width), colour = matrix
    drawing.box(x, middle - height / 2, width, height, colour, round_=3)
    drawing.text(x + width / 2, middle + 6, name, GREY if colour == OTHER else colour, 15)
    drawing.text(x - 6, middle + 5, rows, size=12, anchor="end")
    drawing.text(x + width / 2, middle - height / 2 - 5, columns, size=12)


def chain() -> Drawing:
    """Draw a chain of layers that ends in a loss."""
    drawing = Drawing(
        720,
        132,
        "A chain of layers",
        "x passes through layer 0, layer 1, and so on up to the loss. The gradient starts as 1 at the loss "
        "and passes through the same layers in reverse order.",
    )
    names = ["layer 0", "layer 1", "layer 2", "loss"]
    for i, name in enumerate(names):
        left = 78 + 158 * i
        drawing.box(left, 34, 96, 64)
        drawing.text(left + 48, 72, name, size=16)
        drawing.arrow(left - 58, 52, left - 3, 52, FORWARD)
        drawing.arrow(left - 4, 82, left - 59, 82, BACKWARD)
        symbol = "₀₁₂₃"[i]
        drawing.text(left - 30, 44, f"*x*{symbol}", FORWARD)
        drawing.text(left - 30, 104, f"δ*x*{symbol}", BACKWARD)
    drawing.arrow(648, 52, 694, 52, FORWARD)
    drawing.text(706, 58, "*L*", FORWARD, 16)
    drawing.arrow(694, 82, 649, 82, BACKWARD)
    drawing.text(706, 88, "1", BACKWARD, 16)
    return drawing


def mlp() -> Drawing:
    """Draw the seven layers of an MLP with three hidden ones."""
    sizes = [20, 12, 8, 12, 5]
    drawing = Drawing(
        720,
        176,
        "The layers of an MLP",
        "Seven layers in a row: Linear, ReLU, Linear, ReLU, Linear, ReLU, Linear. The features go from 20 to "
        "12, 8, 12 and then 5 class scores. No activation follows the last Linear.",
    )
    for i, (width, is_last) in enumerate((width, width is sizes[-1]) for width in sizes[1:]):
        left = 62 + 176 * i
        drawing.box(left, 48, 72, 60, FORWARD)
        drawing.text(left + 36, 75, "Linear", FORWARD, 14)
        drawing.text(left + 36, 96, f"{sizes[i]} → {width}", FORWARD, 13)
        drawing.text(left + 36, 130, f"[{2 * i}]", size=13)
        drawing.arrow(left - 26, 78, left - 2, 78)
        if not is_last:
            drawing.arrow(left + 74, 78, left + 92, 78)
            drawing.box(left + 94, 54, 54, 48, OTHER, round_=24)
            drawing.text(left + 121, 83, "ReLU", size=13)
            drawing.text(left + 121, 130, f"[{2 * i + 1}]", size=13)
    drawing.arrow(664, 78, 688, 78)
    drawing.text(22, 83, "*x*", size=16)
    drawing.text(700, 83, "*z*", size=16)
    for left, label in ((62, "hidden 1"), (238, "hidden 2"), (414, "hidden 3")):
        drawing.line(left, 148, left + 148, 148)
        drawing.text(left + 74, 167, label, size=13)
    drawing.line(590, 148, 662, 148)
    drawing.text(626, 167, "class scores", size=13)
    return drawing


FIGURES: dict[str, Callable[[], Drawing]] = {
    "graph": graph,
    "layer": layer,
    "elementwise": elementwise,
    "linear-shapes": linear_shapes,
    "chain": chain,
    "mlp": mlp,
    **part4_figures.FIGURES,
}
"""Every figure: the name of its file, and what draws it."""


def write(folder: Path = FOLDER) -> list[Path]:
    """Write every figure into a folder, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, draw in FIGURES.items():
        files.append(folder / f"{name}.svg")
        files[-1].write_bytes(str(draw()).encode("utf-8"))
    return files


if __name__ == "__main__":
    for file in write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
        print(file)

"""The diagrams of Part 4's notebook; ``figures`` writes them."""

import itertools
from collections.abc import Callable, Sequence

from cs_helpers.drawing import BACKWARD, FORWARD, OTHER, Drawing, signed
from cs_helpers.plot import GREY

CONV_IMAGE = ((0, 0, 1, 5, 5), (0, 1, 2, 4, 5), (0, 0, 3, 5, 4), (1, 0, 1, 4, 5), (0, 1, 0, 5, 5))
CONV_KERNEL = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
"""An image and a kernel for edges, small enough to follow by hand."""


def convolved(image: Sequence[Sequence[int]], kernel: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the sums of products that a kernel gives at each place where it fits into an image."""
    size = len(kernel)
    return [
        [
            sum(image[i + a][j + b] * kernel[a][b] for a in range(size) for b in range(size))
            for j in range(len(image[0]) - size + 1)
        ]
        for i in range(len(image) - size + 1)
    ]


def convolution() -> Drawing:
    """Draw a kernel that slides over an image, and the sum it leaves at one place."""
    out, cell, (row, column) = convolved(CONV_IMAGE, CONV_KERNEL), 38, (1, 1)
    drawing = Drawing(
        720,
        252,
        "A convolution as a sliding window",
        "A kernel of 3 x 3 numbers lies on a part of an image of 5 x 5 pixels. The products of the numbers "
        f"that lie on each other add up to {out[row][column]}, one number of the output of 3 x 3. The window "
        "slides on, one pixel at a time.",
    )
    _grid(drawing, 16, 40, CONV_IMAGE, cell)
    drawing.box(16 + column * cell, 40 + row * cell, 3 * cell, 3 * cell, BACKWARD, round_=4)
    drawing.arrow(16 + 1.5 * cell, 240, 16 + 3.5 * cell, 240, BACKWARD)
    drawing.text(16 + 2.5 * cell, 26, "image, 5 × 5", size=14)
    drawing.text(270, 140, "∗", size=26)
    _grid(drawing, 312, 40 + cell, CONV_KERNEL, cell, FORWARD)
    drawing.text(312 + 1.5 * cell, 26 + cell, "kernel, 3 × 3", FORWARD, 14)
    drawing.text(468, 141, "=", size=24)
    _grid(drawing, 512, 40 + cell, out, cell)
    drawing.box(512 + column * cell, 40 + (row + 1) * cell, cell, cell, BACKWARD, round_=4)
    drawing.text(512 + 1.5 * cell, 26 + cell, "output, 3 × 3", size=14)
    terms = " ".join(
        _term(row + a, column + b, a, b) for a in range(3) for b in range(3) if CONV_KERNEL[a][b]
    )
    drawing.text(704, 222, f"{terms} = {signed(out[row][column])}", BACKWARD, 13, "end")
    return drawing


def _term(i: int, j: int, a: int, b: int) -> str:
    """Write one product of the sum, with its sign in front: the kernel's number, then the pixel."""
    number = CONV_KERNEL[a][b]
    return f"{'+' if number > 0 else chr(0x2212)} {abs(number)}·{CONV_IMAGE[i][j]}"


def _grid(
    drawing: Drawing, x: float, y: float, numbers: Sequence[Sequence[int]], cell: int, colour: str = GREY
) -> None:
    """Draw a table of numbers, each in a box."""
    for i, line in enumerate(numbers):
        for j, number in enumerate(line):
            drawing.box(x + j * cell, y + i * cell, cell, cell, colour, round_=0)
            drawing.text(x + (j + 0.5) * cell, y + (i + 0.5) * cell + 5, signed(number), colour, 15)


def cnn() -> Drawing:
    """Draw the stages of a small CNN as boxes, with the sizes of what passes between them."""
    drawing = Drawing(
        720,
        164,
        "The stages of a small CNN",
        "An image of 3 x 32 x 32 goes through a convolution to 32 maps, an activation and a pooling layer "
        "that halves height and width. The 32 x 16 x 16 numbers are flattened to 8192 features. Two Linear "
        "layers lead to 100 features and 10 class scores.",
    )
    boxes = [
        ("CONV", 118, 76, FORWARD, "32×32×32"),
        ("ACT", 236, 56, OTHER, ""),
        ("POOL", 316, 64, OTHER, "32×16×16"),
        ("FC", 468, 48, FORWARD, "100"),
        ("ACT", 548, 56, OTHER, ""),
        ("FC", 628, 48, FORWARD, "10"),
    ]
    drawing.text(52, 84, "3×32×32", size=13)
    drawing.arrow(86, 79, 116, 79)
    for (name, x, width, colour, size), (_, after, *_) in itertools.pairwise([*boxes, ("", 712, 0, "", "")]):
        drawing.box(x, 52, width, 54, colour, round_=10)
        drawing.text(x + width / 2, 84, name, GREY if colour == OTHER else colour, 15)
        drawing.arrow(x + width + 2, 79, after - 2, 79)
        drawing.text((x + width + after) / 2, 40, size, size=13)
    drawing.text(424, 96, "flatten", size=13)
    for left, right, label in ((118, 380, "feature_extractor"), (468, 676, "mlp")):
        drawing.line(left, 128, right, 128)
        drawing.text((left + right) / 2, 150, label, size=14)
    return drawing


def residual_blocks() -> Drawing:
    """Draw a regular residual block and a bottleneck block of 256 channels side by side."""
    drawing = Drawing(
        720,
        330,
        "A regular residual block and a bottleneck block",
        "Left: the main path has two 3x3 convolutions from 256 to 256 channels with a ReLU between them. "
        "Right: a 1x1 convolution from 256 to 64 channels, a 3x3 convolution from 64 to 64 and a 1x1 "
        "convolution from 64 to 256, with ReLUs between them. In both, a shortcut leads around the main "
        "path; the two are added and go through a ReLU.",
    )
    for middle, title, rows in (
        (190, "regular", [("3×3, 256 → 256", 170, 74), ("3×3, 256 → 256", 170, 174)]),
        (
            530,
            "bottleneck",
            [("1×1, 256 → 64", 140, 54), ("3×3, 64 → 64", 110, 124), ("1×1, 64 → 256", 140, 194)],
        ),
    ):
        _block(drawing, middle, title, rows)
    return drawing


def _block(drawing: Drawing, middle: float, title: str, rows: list[tuple[str, int, int]]) -> None:
    """Draw one block from top to bottom: its input, the main path, the shortcut on its left, the sum."""
    drawing.text(middle + 100, 24, title, size=16)
    drawing.text(middle, 24, "*x*, 256", size=15)
    top = 32.0
    for number, (name, width, y) in enumerate(rows):
        drawing.arrow(middle, top, middle, y)
        if number:
            drawing.text(middle + 12, (top + y) / 2 + 5, "ReLU", size=13, anchor="start")
        drawing.box(middle - width / 2, y, width, 38, FORWARD)
        drawing.text(middle, y + 24, name, FORWARD, 15)
        top = y + 38
    drawing.arrow(middle, top, middle, 250)
    drawing.circle(middle, 264, 14)
    drawing.text(middle, 270, "+", size=18)
    drawing.line(middle, 40, middle - 130, 40, BACKWARD)
    drawing.line(middle - 130, 40, middle - 130, 264, BACKWARD)
    drawing.arrow(middle - 130, 264, middle - 16, 264, BACKWARD)
    drawing.text(middle - 118, 256, "shortcut", BACKWARD, 13, "start")
    drawing.arrow(middle, 278, middle, 322)
    drawing.text(middle + 12, 306, "ReLU", size=13, anchor="start")


FIGURES: dict[str, Callable[[], Drawing]] = {
    "convolution": convolution,
    "cnn": cnn,
    "residual-blocks": residual_blocks,
}
"""The name of each figure's file, and what draws it."""

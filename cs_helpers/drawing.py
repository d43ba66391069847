"""What the notebooks' diagrams are drawn with: an SVG under construction, and colours for both themes."""

import math
import re
from xml.sax.saxutils import escape

from cs_helpers.plot import COLOURS, GREY

FORWARD = "#2384C1"  # values, on their way forward: between COLOURS[0] and [4], to be read on both grounds
BACKWARD = COLOURS[5]  # gradients, on their way back
OTHER = COLOURS[2]  # a third thing, told apart by its shape as well; never used for text
FONT = "'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif"


class Drawing:
    """An SVG drawing under construction.

    In a text, ``*x*`` is set in italics. Coordinates are pixels from the top left corner.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        title: What the figure is.
        description: What it shows, for those who cannot see it.
    """

    def __init__(self, width: int, height: int, title: str, description: str) -> None:
        self.width, self.height = width, height
        self._head = [f"<title>{escape(title)}</title>", f"<desc>{escape(description)}</desc>"]
        self._body: list[str] = []

    def text(
        self, x: float, y: float, text: str, colour: str = GREY, size: int = 15, anchor: str = "middle"
    ) -> None:
        """Write one line; ``y`` is its base line."""
        inner = re.sub(r"\*(.+?)\*", r'<tspan font-style="italic">\1</tspan>', escape(text))
        place = f'x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"'
        self._body.append(f'<text {place} fill="{colour}">{inner}</text>')

    def box(
        self, x: float, y: float, width: float, height: float, colour: str = GREY, round_: float = 8
    ) -> None:
        """Draw a rectangle with a tint of its colour."""
        place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{round_:g}"'
        paint = f'fill="{colour}" fill-opacity="0.12" stroke="{colour}" stroke-width="1.6"'
        self._body.append(f"<rect {place} {paint}/>")

    def circle(self, x: float, y: float, radius: float, colour: str = GREY) -> None:
        """Draw a circle with a tint of its colour."""
        paint = f'fill="{colour}" fill-opacity="0.12" stroke="{colour}" stroke-width="1.6"'
        self._body.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" {paint}/>')

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: str = GREY, dashed: bool = False
    ) -> None:
        """Draw a line."""
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        place = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
        self._body.append(f'<line {place} stroke="{colour}" stroke-width="1.8"{dash}/>')

    def arrow(
        self, x1: float, y1: float, x2: float, y2: float, colour: str = GREY, dashed: bool = False
    ) -> None:
        """Draw an arrow from the first point to the second."""
        length = math.hypot(x2 - x1, y2 - y1)
        dx, dy = (x2 - x1) / length, (y2 - y1) / length
        back_x, back_y = x2 - 10 * dx, y2 - 10 * dy
        self.line(x1, y1, round(back_x, 2), round(back_y, 2), colour, dashed)
        corners = [(x2, y2), (back_x - 4.5 * dy, back_y + 4.5 * dx), (back_x + 4.5 * dy, back_y - 4.5 * dx)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        self._body.append(f'<polygon points="{points}" fill="{colour}"/>')

    def __str__(self) -> str:
        size = f'width="{self.width}" height="{self.height}" viewBox="0 0 {self.width} {self.height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">'
        return "\n".join([head, *self._head, *self._body, "</svg>"]) + "\n"


def signed(value: int) -> str:
    """Write a number with a proper minus sign."""
    return str(value).replace("-", "\N{MINUS SIGN}")

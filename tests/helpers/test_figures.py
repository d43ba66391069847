"""The notebooks' diagrams: as the script writes them, readable on both grounds, and telling the truth."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from cs_helpers import figures
from cs_helpers.checks.student import COURSE_ROOT

GROUNDS = {"white": "#ffffff", "near-black": "#111111"}
SVG = "{http://www.w3.org/2000/svg}"
each_figure = pytest.mark.parametrize("name", figures.FIGURES)


def drawn(name):
    return str(figures.FIGURES[name]())


def luminance(colour):
    """Relative luminance as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_files_are_what_the_script_writes(tmp_path):
    written = figures.write(tmp_path)
    assert sorted(file.name for file in written) == sorted(file.name for file in figures.FOLDER.glob("*.svg"))
    for file in written:
        assert file.read_bytes() == (figures.FOLDER / file.name).read_bytes(), (
            f"{file.name} is out of date; run: python -m cs_helpers.figures"
        )


@each_figure
def test_drawing_twice_gives_the_same_text(name):
    assert drawn(name) == drawn(name)


@each_figure
def test_a_figure_is_valid_xml_with_title_and_description(name):
    root = ElementTree.fromstring(drawn(name))
    assert root.tag == f"{SVG}svg"
    assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
    assert len(root[0].text) > 5
    assert len(root[1].text) > 40


@each_figure
def test_text_can_be_read_on_a_light_and_on_a_dark_page(name):
    for element in ElementTree.fromstring(drawn(name)).iter(f"{SVG}text"):
        for ground in GROUNDS.values():
            assert contrast(element.get("fill"), ground) >= 3.5


def test_every_colour_can_be_seen_on_a_light_and_on_a_dark_page():
    for colour in (figures.FORWARD, figures.BACKWARD, figures.OTHER, figures.GREY):
        assert min(contrast(colour, ground) for ground in GROUNDS.values()) >= 3


@each_figure
def test_everything_is_inside_the_picture(name):
    drawing = figures.FIGURES[name]()
    for element in ElementTree.fromstring(str(drawing)).iter():
        for key in ("x", "x1", "x2", "cx"):
            assert 0 <= float(element.get(key, 0)) <= drawing.width
        for key in ("y", "y1", "y2", "cy"):
            assert 0 <= float(element.get(key, 0)) <= drawing.height
    for x, y in re.findall(r"([-\d.]+),([-\d.]+)", " ".join(re.findall(r'points="(.*?)"', str(drawing)))):
        assert 0 <= float(x) <= drawing.width
        assert 0 <= float(y) <= drawing.height


def test_the_numbers_in_the_computation_graph_are_those_of_autograd():
    import torch

    w, x, b = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0, -4.0))
    z = w * x
    u = z + b
    loss = u * u
    values = dict(zip("wxbzuL", (w, x, b, z, u, loss), strict=True))
    gradients = torch.autograd.grad(loss, list(values.values()))
    text = re.sub(r"<.*?>", "", drawn("graph")).replace("\N{MINUS SIGN}", "-")
    for (name, value), gradient in zip(values.items(), gradients, strict=True):
        assert f"\n{name} = {value:g}\n" in text
        assert f"\nδ{name} = {gradient:g}\n" in text


def test_every_figure_is_used_in_a_notebook():
    text = "".join(path.read_text() for path in (COURSE_ROOT / "notebooks").glob("*.ipynb"))
    assert [name for name in figures.FIGURES if f"figures/{name}.svg" not in text] == []


@pytest.fixture
def plots():
    import matplotlib.pyplot as plt

    from cs_helpers import part1_plots

    plt.switch_backend("Agg")
    yield part1_plots
    plt.close("all")


def test_functions_are_drawn_beside_the_derivatives_that_backward_gives(plots):
    import matplotlib.pyplot as plt

    from hw.layers import LeakyReLU

    plots.plot_functions({"LeakyReLU": LeakyReLU(alpha=0.5)}, reach=2.0)
    (left, right) = plt.gcf().axes
    x, values = left.lines[0].get_data()
    slopes = right.lines[0].get_ydata()
    assert (values[0], values[-1]) == (-1, 2)
    assert (slopes[0], slopes[-1]) == (0.5, 1)
    assert (x[0], x[-1]) == (-2, 2)


def test_a_layer_that_is_not_written_leaves_no_empty_plot_behind(plots):
    import matplotlib.pyplot as plt

    def stub(x):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        plots.plot_functions({"stub": stub})
    assert plt.get_fignums() == []


def test_the_other_plots_draw_what_they_are_given(plots):
    import matplotlib.pyplot as plt
    import torch

    plots.plot_gradient_norms({"a": [1.0, 0.1, 0.01], "b": [1.0, 0.5, 0.25]})
    assert [len(line.get_ydata()) for line in plt.gca().lines] == [3, 3]
    plots.plot_masks({"a": torch.ones(3, 4), "b": torch.zeros(3, 4)})
    assert [axes.get_title() for axes in plt.gcf().axes] == ["a", "b"]
    plots.plot_training([2.0, 1.0], 2.3, torch.rand(3, 8, 8), ["one", "two", "three"])
    assert [axes.get_title() for axes in plt.gcf().axes[1:5]] == ["one", "two", "three", ""]

"""The notebooks, run as students run them: on the solution, on stubs, half done, and with mistakes."""

import json
from pathlib import Path

import nbclient
import nbformat
import pytest
from trees import ROOT, run_in, student_tree

from cs_helpers.tasks import TASKS

NOTEBOOKS = sorted((ROOT / "notebooks").glob("part*.ipynb"))
CHECKS = [task.id for task in TASKS.values() if task.kind == "code"]
NBVAL = ("-m", "pytest", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env", "-q")

# What a student who has done nothing reads under each check: the first stub that is reached.
FIRST_STUB = {
    "p1.leaky_relu": "LeakyReLU.forward",
    "p1.relu": "ReLU.__init__",
    "p1.sigmoid": "Sigmoid.forward",
    "p1.tanh": "TanH.forward",
    "p1.linear": "Linear.__init__",
    "p1.cross_entropy": "CrossEntropyLoss.forward",
    "p1.sequential": "Sequential.forward",
    "p1.mlp": "MLP.__init__",
    "p1.dropout": "Dropout.forward",
    "p2.vanilla_sgd": "VanillaSGD.step",
    "p2.momentum_sgd": "MomentumSGD.__init__",
    "p2.rmsprop": "RMSProp.__init__",
    "p2.layer_trainer": "LayerTrainer.train_batch",
    "p2.epoch": "Trainer._for_each_batch",
    "p2.fit": "Trainer.fit",
    "p2.overfit": "part2_overfit_hp",
    "p2.optim": "part2_optim_hp",
    "p2.dropout": "part2_dropout_hp",
    "p2.adam": "Adam.__init__",
    "p2.schedules": "step_schedule",
    "p3.mlp": "MLP.__init__",
    "p3.classifier": "Classifier.forward",
    "p3.binary": "BinaryClassifier._classify",
    "p3.classifier_trainer": "ClassifierTrainer.train_batch",
    "p3.roc": "select_roc_thresh",
    "p3.boundary": "plot_decision_boundary_2d",
    "p3.train": "part3_arch_hp",
    "p3.experiment": "mlp_experiment",
    "p3.kfold": "k_fold_splits",
    "p4.cnn": "CNN._make_feature_extractor",
    "p4.residual_block": "ResidualBlock.__init__",
    "p4.bottleneck_block": "ResidualBottleneckBlock.__init__",
    "p4.resnet": "ResNet._make_feature_extractor",
    "p4.overfit": "part4_optim_hp",
    "p5.experiment": "_make_net",
    "p5.your_cnn": "YourCNN._make_feature_extractor",
    "p5.results": "part5_hp",
}


def check_id_of(cell: dict) -> str | None:
    """Return the id that a check cell checks."""
    last = "".join(cell["source"]).rstrip().splitlines()[-1:]
    if "check" in cell["metadata"].get("tags", []) and last and last[0].startswith('check("'):
        return last[0].split('"')[1]
    return None


def run(path: Path) -> nbformat.NotebookNode:
    """Run a notebook in its folder, stopping at the first error, and return it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}
    )
    return client.execute()


def texts(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Return the plain text under each check cell, by id."""
    return {
        check_id: cell["outputs"][-1]["data"]["text/plain"]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and (check_id := check_id_of(cell))
    }


@pytest.fixture
def in_tree(monkeypatch: pytest.MonkeyPatch):
    """Make kernels import the course from a given tree."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return lambda tree: monkeypatch.setenv("PYTHONPATH", str(tree))


def test_every_check_of_a_part_has_a_cell() -> None:
    found = [
        check_id
        for path in NOTEBOOKS
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code" and (check_id := check_id_of(cell))
    ]
    assert sorted(found) == sorted(CHECKS)


def run_cells(folder: Path, *sources: str) -> list[nbformat.NotebookNode]:
    """Run a notebook of these cells, and return them with their outputs."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path := folder / "cells.ipynb")
    return run(path)["cells"]


def test_a_notebook_trains_on_one_thread(tmp_path: Path) -> None:
    """Two make small networks wait for each other on a busy machine, for minutes."""
    start = "import torch\ntorch.set_num_threads(2)\nfrom cs_helpers.notebook import start\nstart(part=1)"
    *_, count = run_cells(tmp_path, start, "print(torch.get_num_threads())")
    assert count["outputs"][0]["text"].strip() == "1"


def test_a_figure_is_drawn_once(tmp_path: Path) -> None:
    """By default pyplot draws it, and a moment later the notebook draws it again."""
    *_, plot, count = run_cells(
        tmp_path,
        "from cs_helpers.notebook import start\nstart(part=1)",
        "from matplotlib.backends.backend_agg import FigureCanvasAgg\n"
        "drawn, draw = [], FigureCanvasAgg.draw\n"
        "FigureCanvasAgg.draw = lambda self: (draw(self), drawn.append(self))\n"
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "print(len(drawn))",
    )
    assert "image/png" in plot["outputs"][-1]["data"]
    assert count["outputs"][0]["text"].strip() == "1"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nbval_agrees_with_the_stored_verdicts_on_the_reference(path: Path) -> None:
    done = run_in(ROOT, *NBVAL, str(path))
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nbval_finds_not_done_under_every_check_on_blank_stubs(path: Path, tmp_path: Path) -> None:
    tree = student_tree(tmp_path / "tree")
    copy = tree / "notebooks" / path.name
    notebook = json.loads(copy.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if check_id := check_id_of(cell):
            task = TASKS[check_id]
            stub = f"not written yet: {FIRST_STUB[check_id]} in {task.file}"
            text = f"NOT DONE {check_id}  0/{task.points} points\n    {stub}"
            data = {"text/plain": text.splitlines(keepends=True)}
            output = {"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"}
            cell["outputs"] = [output]
    copy.write_text(json.dumps(notebook), encoding="utf-8")
    done = run_in(tree, *NBVAL, str(copy))
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_demonstration_stops_on_the_reference_and_nothing_warns(path: Path, in_tree) -> None:
    in_tree(ROOT)
    for cell in run(path)["cells"]:
        for output in cell.get("outputs", []):
            text = str(output)
            assert "NOT DONE" not in text, cell["id"]
            assert "This cell stopped" not in text, cell["id"]
            assert output.get("name") != "stderr", f"{cell['id']}: {output.get('text')}"


@pytest.mark.parametrize(
    ("notebook", "half"),
    [
        ("part1_backprop", {"p1.leaky_relu", "p1.relu", "p1.sigmoid", "p1.tanh", "p1.linear"}),
        ("part3_binary_classification", {"p3.mlp", "p3.binary", "p3.roc", "p3.boundary"}),
        ("part4_cnn", {"p4.residual_block", "p4.bottleneck_block"}),
    ],
)
def test_half_done_work_gets_half_the_passes(notebook: str, half: set[str], tmp_path: Path, in_tree) -> None:
    tree = student_tree(tmp_path / "tree", done=half)
    in_tree(tree)
    verdicts = texts(run(tree / "notebooks" / f"{notebook}.ipynb"))
    assert {i: text[:8].strip() for i, text in verdicts.items()} == {
        i: "PASS" if i in half else "NOT DONE" for i in verdicts
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class Sigmoid(Layer):", "class Sigmoid(Layer)", "SyntaxError"),
        ("import torch\n", "import torch\nraise KeyboardInterrupt\n", "KeyboardInterrupt"),
    ],
)
def test_a_file_that_does_not_import_still_runs_to_the_end(
    old: str, new: str, message: str, tmp_path: Path, in_tree
) -> None:
    tree = student_tree(tmp_path / "tree", done=CHECKS)
    layers = tree / "hw" / "layers.py"
    layers.write_text(layers.read_text().replace(old, new, 1))
    in_tree(tree)
    for text in texts(run(tree / "notebooks" / "part1_backprop.ipynb")).values():
        assert text.startswith("FAIL")
        assert message in text
        assert "hw/layers.py" in text

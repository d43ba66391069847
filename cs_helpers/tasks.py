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
        bonus: Whether the points come on top of a part's full number.
    """

    id: str
    title: str
    kind: str
    file: str
    rubric: tuple[tuple[int, str], ...]
    bonus: bool = False

    @property
    def part(self) -> int:
        """Number of the part, from 1."""
        return int(self.id[1 : self.id.index(".")])

    @property
    def points(self) -> int:
        """Points for the whole task."""
        return sum(points for points, _ in self.rubric)


def _code(task_id: str, title: str, file: str, points: int, criterion: str, *, bonus: bool = False) -> Task:
    return Task(task_id, title, "code", file, ((points, criterion),), bonus)


def _answer(task_id: str, title: str, *rubric: tuple[int, str]) -> Task:
    return Task(task_id, title, "answer", f"answers/part{task_id[1]}.py", rubric)


_LAYERS = "hw/layers.py"
_OPTIMIZERS = "hw/optimizers.py"
_TRAINING = "hw/training.py"
_CLASSIFIER = "hw/classifier.py"
_CNN = "hw/cnn.py"
_EXPERIMENTS = "hw/experiments.py"

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
        _code("p2.vanilla_sgd", "VanillaSGD", _OPTIMIZERS, 10, "steps, L2, gradients left alone, both kinds"),
        _code("p2.momentum_sgd", "MomentumSGD", _OPTIMIZERS, 8, "velocities, over several steps"),
        _code("p2.rmsprop", "RMSProp", _OPTIMIZERS, 8, "running mean squares, over several steps"),
        _code("p2.layer_trainer", "LayerTrainer", _TRAINING, 10, "one batch forward, backward and updated"),
        _code("p2.epoch", "An epoch", _TRAINING, 8, "losses per batch, accuracy per sample, max_batches"),
        _code("p2.fit", "fit", _TRAINING, 12, "history, early stopping, best weights, resuming"),
        _code("p2.overfit", "Overfitting 20 images", "answers/part2.py", 6, "98 % on any 20 images"),
        _code("p2.optim", "Three optimizers", "answers/part2.py", 8, "accuracy of each, and their order"),
        _code(
            "p2.dropout",
            "Dropout against overfitting",
            "answers/part2.py",
            6,
            "overfits at 0, less so at 0.4",
        ),
        _code("p2.adam", "Adam", _OPTIMIZERS, 6, "both means, corrections, L2 and decoupled", bonus=True),
        _code("p2.schedules", "Schedules", "hw/schedules.py", 4, "step, cosine, one cycle", bonus=True),
        _answer(
            "p2.q1",
            "Reading the dropout curves",
            (4, "what no dropout and low dropout do to the gap between training and test curves, and why"),
            (4, "low against high dropout, from the curves that are there"),
        ),
        _answer(
            "p2.q2",
            "Test loss and test accuracy",
            (2, "a clear position: both can rise at once"),
            (4, "how: what cross-entropy weighs that accuracy does not"),
        ),
        _answer(
            "p2.q3",
            "Descent, stochastic descent and back-propagation",
            (2, "back-propagation against gradient descent"),
            (3, "gradient descent against SGD, in detail: cost, noise, memory, convergence"),
            (2, "why SGD in deep learning"),
            (3, "many forwards and one backward on the summed loss: equivalence, and what it costs"),
        ),
        _code("p3.mlp", "MLP as an nn.Module", "hw/mlp.py", 10, "structure, names or modules, clear errors"),
        _code(
            "p3.classifier", "Classifier, ArgMaxClassifier", _CLASSIFIER, 8, "scores, probabilities, classes"
        ),
        _code(
            "p3.binary", "BinaryClassifier", _CLASSIFIER, 8, "threshold semantics, p == threshold included"
        ),
        _code("p3.classifier_trainer", "ClassifierTrainer", _TRAINING, 8, "one epoch from set weights"),
        _code(
            "p3.roc", "select_roc_thresh", _CLASSIFIER, 10, "the ROC point closest to (0, 1), ties included"
        ),
        _code("p3.boundary", "plot_decision_boundary_2d", _CLASSIFIER, 6, "the classes over a grid"),
        _code(
            "p3.train",
            "Training a classifier",
            "answers/part3.py",
            8,
            "85 % training, 75 % validation accuracy",
        ),
        _code("p3.experiment", "mlp_experiment", "hw/experiments.py", 12, "a grid of depths and widths"),
        _code(
            "p3.kfold",
            "Cross-validation",
            "hw/model_selection.py",
            8,
            "random folds, a fresh model for each, best epochs, mean and deviation",
            bonus=True,
        ),
        _answer(
            "p3.q1",
            "Three kinds of error",
            (3, "optimization error, from the training curve"),
            (3, "generalization error, from the gap between training and validation"),
            (2, "approximation error, from the decision boundary"),
        ),
        _answer(
            "p3.q2",
            "False positives and false negatives",
            (2, "which rate is higher on the validation set"),
            (4, "why, from how the data was made"),
        ),
        _answer(
            "p3.q3",
            "Two diseases, two thresholds",
            (4, "a disease that is harmless if found late: which error costs more, and the threshold"),
            (4, "a disease that is lethal if found late: likewise"),
        ),
        _answer(
            "p3.q4",
            "Depth and width",
            (2, "columns: one depth, growing width"),
            (2, "rows: one width, growing depth"),
            (2, "equal numbers of hidden units, parameters counted: 1x32 against 4x8, 1x128 against 4x32"),
            (2, "whether choosing the threshold on validation helped on the test set"),
        ),
        _code("p4.cnn", "CNN", _CNN, 24, "structure, order of layers, pooling, feature size"),
        _code("p4.residual_block", "ResidualBlock", _CNN, 18, "main path, shortcut, and their sum"),
        _code("p4.bottleneck_block", "ResidualBottleneckBlock", _CNN, 10, "1x1 down, inner, 1x1 up"),
        _code("p4.resnet", "ResNet", _CNN, 20, "groups, their blocks, the remainder"),
        _code("p4.overfit", "Overfitting 50 images", "answers/part4.py", 10, "90 % on 25 batches of 2"),
        _answer(
            "p4.q1",
            "Regular block against bottleneck",
            (6, "both numbers of parameters, with the arithmetic"),
            (6, "the operations that each takes, and why"),
            (6, "how each combines features within a map and across maps"),
        ),
        _code("p5.experiment", "cnn_experiment", _EXPERIMENTS, 24, "the model, its training, its result"),
        _code("p5.your_cnn", "YourCNN", _CNN, 14, "the same interface, and it trains however deep it is"),
        _code(
            "p5.results", "34 runs", "answers/part5.py", 12, "a result of every run of the five experiments"
        ),
        _answer(
            "p5.q1",
            "Experiment 1.1: depth",
            (4, "what depth does to accuracy, and which depth is best, from the curves that are there"),
            (3, "at which depth training stops, and why"),
            (3, "two remedies"),
        ),
        _answer(
            "p5.q2",
            "Experiment 1.2: width",
            (5, "what the number of filters does at each depth"),
            (5, "a comparison with experiment 1.1"),
        ),
        _answer(
            "p5.q3",
            "Experiment 1.3: growing width",
            (5, "what depth does here, from the curves that are there"),
            (5, "why, compared with 1.1 and 1.2"),
        ),
        _answer(
            "p5.q4",
            "Experiment 1.4: shortcuts",
            (5, "what depth does with shortcuts, against 1.1 and 1.3"),
            (5, "why: gradients, and functions near the identity"),
        ),
        _answer(
            "p5.q5",
            "Experiment 2: your own network",
            (5, "what was changed, and why"),
            (5, "what the curves show, compared with experiment 1"),
        ),
    )
}


def total(tasks: Iterable[Task]) -> str:
    """Return the points of some tasks in words, such as "100 points, and 10 bonus"."""
    tasks = list(tasks)
    regular = sum(task.points for task in tasks if not task.bonus)
    bonus = sum(task.points for task in tasks if task.bonus)
    return f"{regular} points" + (f", and {bonus} bonus" if bonus else "")


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the tail of an error message: "; did you mean ...?", or the list of what is known."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}"

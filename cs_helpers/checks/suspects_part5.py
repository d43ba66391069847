"""Typical mistakes in Part 5: what is trained, how long, on which images, and what is written down."""

from collections.abc import Iterator
from typing import Any

from cs_helpers.checks.measures_part5 import result_name
from cs_helpers.checks.part5 import DEPTHS
from cs_helpers.checks.suspects import Suspect, Tensors, always, suspects_of
from cs_helpers.grids import EXPERIMENTS

Suspects = Iterator[tuple[str, Suspect, str]]

LAYERS = "plain, layers"
BATCHES = "plain, batches"
TRAIN, VALID, TEST = "train 16, 16, 16", "test 50, 50, 50", "50, 50, 50, 44"
CHANNELS = (
    ("Conv 1 to 4; Conv 4 to 6; Pool; Linear", "each of the filters K must be repeated for L convolutions"),
    (
        "Conv 1 to 4; Conv 4 to 6; Pool; Conv 6 to 4",
        "blocks are mixed up: L times the first of K, then the next",
    ),
    (
        "Conv 1 to 4; Conv 4 to 4; Conv 4 to 6",
        "pool_every must reach the network: P convolutions, then a pool",
    ),
    ("Linear to 10; Linear to 10", "the network adds the last Linear itself: hidden_dims holds the others"),
)


@suspects_of("p5.experiment")
def experiment(e: Tensors, i: Tensors) -> Suspects:
    """The network, the batches it sees, what comes back, and what is in the file."""
    for part, sentence in CHANNELS:
        yield LAYERS, _has(part), sentence
    yield LAYERS, lambda got: "Linear to 8" not in got, "hidden_dims must reach the network"
    yield LAYERS, always, "the network must be made of K, L, P and hidden_dims as they are given"
    yield from _batches()
    name = "residual, layers"
    without = "the model's own arguments, such as batchnorm=True, must reach it: pass **kw on"
    yield name, lambda got: "BatchNorm" not in got and "Conv 1 to 5; Conv 5 to 5; Conv 1 to 5" in got, without
    yield name, always, "model_type must choose the class: MODEL_TYPES holds it by name"
    yield (
        "plain, validation accuracy less that of the scores",
        always,
        "the loader that fit tests on is not dl_valid",
    )
    yield (
        "plain, test accuracy less that of the scores",
        always,
        "the test accuracy must be that of the test images, measured after training",
    )
    yield "plain, settings in the file", always, "the result must hold every argument as it was given"
    yield "load_experiment, settings", always, "the first of the two is the record's config"
    yield "load_experiment, result", always, "the second of the two is the record's fit, a FitResult"
    course = "the loss takes another course"
    steps = f"{course}: is the optimizer made with lr and reg, by _make_optimizer?"
    yield "epochs, if none is better than the first", _is(8), "early_stopping must reach fit"
    yield "epochs, if none is better than the first", always, steps
    yield "interrupted, checkpoint", always, "checkpoints must reach fit, which writes one after every epoch"
    rate = "is num_steps the number of steps of the whole run: epochs times the batches of an epoch?"
    yield "plain, training losses", always, steps
    yield "plain, size of the test scores", always, steps
    yield "residual, training losses", always, f"{course} under one-cycle: {rate}"
    yield "plain, the same seed again", always, "something is drawn that the seed does not decide"


def _batches() -> Suspects:
    epoch = f"{TRAIN}; {VALID}"
    yield (
        BATCHES,
        f"{epoch}; {epoch}",
        "no test batch is looked at after training: test_epoch(loaders.dl_test) belongs behind fit",
    )
    yield (
        BATCHES,
        f"{epoch}; {epoch}, 50, 50, 50",
        "the test must be on all test batches, without max_batches",
    )
    yield BATCHES, _only_test_is_long, "batches must reach fit as max_batches"
    yield BATCHES, f"{epoch}, {TEST}", "epochs must reach fit: it ends after the first"
    yield BATCHES, lambda got: got.count("train") > 2, "epochs must reach fit: it goes on for longer"
    yield (
        BATCHES,
        always,
        "an epoch is max_batches batches to train on, then as many to validate on; the test comes last",
    )


def _only_test_is_long(got: Any) -> bool:
    return isinstance(got, str) and len(got.split("; ")[0]) > 2 * len(TRAIN)


def _has(part: str) -> Any:
    return lambda got: isinstance(got, str) and part in got


def _is(number: int) -> Any:
    return lambda got: got.item() == number


@suspects_of("p5.your_cnn")
def your_cnn(e: Tensors, i: Tensors) -> Suspects:
    """Signals that die with depth, and an interface that is not CNN's."""
    for depth in (DEPTHS[0], DEPTHS[-1]):
        convs = 3 * depth
        lost = f"gradients die in {convs} plain convolutions: shortcuts and batch norm keep them alive"
        yield f"gradient at the first convolution, L={depth}", always, lost
        slow = f"{convs} convolutions do not learn one batch: do shortcuts carry gradients past them?"
        yield f"learns one batch, L={depth}", always, slow
        unused = "layers are made that forward never uses"
        yield f"parameters without a gradient, L={depth}", always, unused
    shape = "scores must be of shape (N, out_classes)"
    yield (
        "shape of the scores, 5 classes of grey images",
        always,
        f"{shape}, for any in_size and number of classes",
    )
    for depth in DEPTHS:
        yield f"shape of the scores, L={depth}", always, shape
    yield "the caller's list afterwards", always, "work on a copy of channels: list(channels)"


@suspects_of("p5.results")
def results(e: Tensors, i: Tensors) -> Suspects:
    """What may be wrong with a stored result."""
    for name in EXPERIMENTS:
        for part, sentence in (
            ("not there", f"`python -m hw.experiments run-grid {name}` makes what is missing"),
            ("not whole", "the file was changed or cut short: with --redo, run-grid makes it again"),
            (" is ", "the file holds another run than its name says: was it renamed or copied?"),
            ("it takes", "one epoch shows no course: let part5_hp train for longer"),
            ("percent", "a number in the file was changed"),
        ):
            yield result_name(name), _has(part), sentence

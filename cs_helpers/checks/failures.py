"""From the exception that ended a run to the likeliest mistake."""

import re

# (check, sign in the message, sign in the name of the evidence that was on its way, cause); first match wins.
_PAIRS_ONLY = (
    "torch tensors have their gradient in .grad: iterate over self.params, which yields pairs for both"
)

_CAUSES: tuple[tuple[str, str, str, str], ...] = (
    ("p2.vanilla_sgd", "values to unpack|cannot unpack", "", _PAIRS_ONLY),
    ("p2.momentum_sgd", "values to unpack|cannot unpack", "", _PAIRS_ONLY),
    ("p2.rmsprop", "values to unpack|cannot unpack", "", _PAIRS_ONLY),
    (
        "p2.layer_trainer",
        "shapes cannot be multiplied",
        "",
        "images come as (N, C, H, W) and a Linear takes (N, D): flatten them first",
    ),
    ("p2.fit", "goes on after num_epochs", "", "count the epochs: self._extend_history after each of them"),
    ("", "still running", "", "is there a loop that never ends?"),
    ("", "SystemExit", "", "leave it to the caller to end the program: raise an error instead"),
    ("", "KeyboardInterrupt", "", "the code raises KeyboardInterrupt itself"),
    ("", "requires.grad", "", "layers work on plain tensors: no requires_grad, no autograd"),
    ("", "no attribute 'grad_cache'", "", "does the constructor call super().__init__()?"),
    ("", "", "3-D", "inputs of more than two dimensions must work, too: the layer applies to the last one"),
    (
        "p1.cross_entropy",
        r"(size|match|bounds).*\b10\b",
        "",
        "is the number of classes hard-coded as 10? Take it from the shape of x",
    ),
    ("p1.mlp", "", "no hidden", "an MLP without hidden layers must work, too: it is the last Linear alone"),
    (
        "p1.mlp",
        "can only concatenate",
        "",
        "the widths may be a list or a tuple: [*hidden_features] takes both",
    ),
    (
        "p1.dropout",
        "division by zero",
        "p = 1",
        "p = 1 drops everything: 1 / (1 - p) needs a case of its own",
    ),
    (
        "p1.dropout",
        "",
        "dx in test mode",
        "backward in test mode: forward must leave in the cache what backward needs, in test mode, too",
    ),
    ("p3.mlp", "'list' object", "", "self.fc must be an nn.Sequential: a plain list registers no parameters"),
    ("p3.mlp", "unhashable|KeyError", "", "nonlins may hold modules: make_nonlinearity takes both"),
    ("p3.roc", "predict_proba", "", "the scores for the ROC curve come from classifier.predict_proba(x)"),
    *(
        (
            check,
            "can only concatenate",
            "",
            "channels may be a list or a tuple: [first, *channels] takes both",
        )
        for check in ("p4.cnn", "p4.bottleneck_block", "p4.resnet")
    ),
    (
        "p4.cnn",
        "to have .* channels",
        "",
        "each convolution takes as many channels as the one before it gives, the first those of the image",
    ),
    (
        "p4.resnet",
        "BottleneckBlock: .*to have .* channels",
        "",
        "a bottleneck needs equal channels at its two ends: in_channels against the last of the group",
    ),
    (
        "p4.resnet",
        "to have .* channels",
        "",
        "each block takes as many channels as the one before it gives, the first those of the image",
    ),
    (
        "p4.overfit",
        "not finite|is nan",
        "",
        "lr is very high for batches of two: units die or weights explode",
    ),
    ("p4.overfit", "KeyError", "", "a key is missing in the dictionary"),
    ("p3.train", "learning rate", "", "lr is too high: the loss left the range of numbers"),
    (
        "p5.experiment",
        "warm_up must be|step must be",
        "",
        "is num_steps the number of steps of the whole run: epochs times the batches of an epoch?",
    ),
    ("p3.train", "KeyError", "", "a key is missing in one of the two dictionaries"),
    (
        "",
        "values to unpack",
        "",
        "any number of dimensions must work: do not unpack x.shape into fixed names",
    ),
    (
        "",
        "shapes cannot be multiplied",
        "",
        "the shapes of a matrix product do not fit: is a transpose missing, or are the factors swapped?",
    ),
    (
        "",
        "must match the size|broadcast",
        "",
        "shapes do not fit: is a transpose missing, or a sum over a dimension?",
    ),
    ("", "'NoneType'", "", "some method returns None: is there a return statement on every path?"),
)


def cause(check_id: str, message: str, on_its_way: str) -> str:
    """Return the likeliest cause of an exception, or an empty string.

    Args:
        check_id: The check that was running.
        message: Type and text of the exception.
        on_its_way: Name of the evidence that was to come next.
    """
    for check, sign, name, text in _CAUSES:
        if check in ("", check_id) and name in on_its_way and re.search(sign, message):
            return text
    return ""

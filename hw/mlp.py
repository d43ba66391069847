"""Part 3: the multilayer perceptron once more, now as a torch.nn.Module."""

from collections.abc import Sequence

from torch import Tensor, nn

from cs_helpers.tasks import suggestion

NONLINEARITIES = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softmax": lambda: nn.Softmax(dim=1),
    "logsoftmax": lambda: nn.LogSoftmax(dim=1),
    "lrelu": nn.LeakyReLU,
    "none": nn.Identity,
}
"""What makes a nonlinearity, by its name; softmax and logsoftmax run over the features."""


def make_nonlinearity(nonlin: str | nn.Module) -> nn.Module:
    """Return a nonlinearity by its name; a module is returned as it is.

    Raises:
        ValueError: If the name is unknown; the message suggests the nearest.
    """
    if isinstance(nonlin, nn.Module):
        return nonlin
    if nonlin not in NONLINEARITIES:
        raise ValueError(
            f"unknown nonlinearity {nonlin!r}, neither a name nor a module"
            f"{suggestion(str(nonlin), NONLINEARITIES)}"
        )
    return NONLINEARITIES[nonlin]()


class MLP(nn.Module):
    """A multilayer perceptron: for each entry of ``dims`` a Linear layer, then its nonlinearity.

    Args:
        in_dim: Features of an input.
        dims: Output features of each Linear layer, the last one included.
        nonlins: What follows each Linear layer: a name in ``NONLINEARITIES`` or an nn.Module. As many as
            ``dims``.

    Attributes:
        in_dim: Features of an input.
        out_dim: Features of an output, the last of ``dims``.
        fc: All layers in the order in which they apply, an nn.Sequential.

    Raises:
        ValueError: If there are no layers, a width is below 1, the two lists differ in length (the message
            gives both lengths), or a nonlinearity is unknown (the message names it).
    """

    def __init__(self, in_dim: int, dims: Sequence[int], nonlins: Sequence[str | nn.Module]) -> None:
        super().__init__()
        if not dims:
            raise ValueError("dims is empty: an MLP has at least one Linear layer")
        if in_dim < 1 or min(dims) < 1:
            raise ValueError(f"in_dim and all of dims must be at least 1, got {in_dim} and {list(dims)}")
        self.in_dim, self.out_dim = in_dim, dims[-1]
        # TODO: refuse lists of different lengths. Then collect the layers in a list (make_nonlinearity
        # helps), and set self.fc to an nn.Sequential of them.
        # BEGIN SOLUTION p3.mlp
        if len(dims) != len(nonlins):
            raise ValueError(
                f"dims has {len(dims)} entries and nonlins has {len(nonlins)}: each Linear layer needs one "
                '("none" for no nonlinearity)'
            )
        layers: list[nn.Module] = []
        for width, nonlin in zip(dims, nonlins, strict=True):
            layers += [nn.Linear(in_dim, width), make_nonlinearity(nonlin)]
            in_dim = width
        self.fc = nn.Sequential(*layers)
        # END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Apply all layers.

        Args:
            x: Inputs, float, shape ``(N, in_dim)``.

        Returns:
            Outputs, shape ``(N, out_dim)``.
        """
        # TODO: one line.
        # BEGIN SOLUTION p3.mlp
        return self.fc(x)
        # END SOLUTION

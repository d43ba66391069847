"""From a wrong tensor to the likeliest mistake: known relations between what came out and what should have.

Each relation is a small function: it gets the case and returns a sentence, or None if it does not hold.
The order is that of the list at the end: the most specific first.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Case:
    """One piece of evidence that is wrong, and what surrounds it.

    Attributes:
        name: Name of the evidence.
        got: What the student's code returned, finite, float64.
        want: What the reference returned, float64.
        others: The check's other expected evidence, float64, by name.
        inputs: The trial's tensors, float64, by name.
        factors: Named numbers of the trial.
    """

    name: str
    got: Tensor
    want: Tensor
    others: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor]
    factors: Mapping[str, float]

    @property
    def same_shape(self) -> bool:
        """Whether got and want have one shape."""
        return self.got.shape == self.want.shape


def close(a: Tensor, b: Tensor, relative: float = 1e-3) -> bool:
    """Whether two tensors are equal, up to a share of the second one's typical value."""
    if a.shape != b.shape or not a.numel():
        return False
    scale = typical(b)
    return bool((a - b).abs().max() <= relative * scale) if scale else not a.any()


def typical(tensor: Tensor) -> float:
    """Return the typical size of a tensor's entries, their root mean square."""
    return tensor.double().square().mean().sqrt().item() if tensor.numel() else 0.0


def diagnose(case: Case) -> str:
    """Return what is known to relate the two tensors, or an empty string."""
    nearly_right = close(case.got, case.want)
    relations = (only_for_some_inputs, only_some_rows) if nearly_right else RELATIONS
    return next((sentence for relation in relations if (sentence := relation(case))), "")


def zero(c: Case) -> str | None:
    """All zeros."""
    if c.same_shape and not c.got.any() and c.want.any():
        return "every entry is zero: was the result ever written there?"
    return None


def transposed(c: Case) -> str | None:
    """Two dimensions swapped."""
    for i in range(c.got.ndim):
        for j in range(i):
            if close(c.got.transpose(i, j), c.want):
                return f"the values are right but dimensions {j} and {i} are swapped: transpose the result"
    return None


def reshaped(c: Case) -> str | None:
    """Right numbers, another shape."""
    if not c.same_shape and c.got.numel() == c.want.numel() and close(c.got.flatten(), c.want.flatten()):
        return f"the values are right, the shape is not: reshape to {tuple(c.want.shape)}"
    return None


def not_reduced(c: Case) -> str | None:
    """A sum or mean over some dimension is missing."""
    if c.same_shape or c.got.ndim <= c.want.ndim:
        return None
    for dim in [None, *range(c.got.ndim)]:
        for word, reduce in (("mean", torch.mean), ("sum", torch.sum)):
            reduced = reduce(c.got) if dim is None else reduce(c.got, dim)
            if close(reduced, c.want):
                over = "all of it" if dim is None else f"dimension {dim}"
                return f"a {word} over {over} is missing"
    return None


def another_tensor(c: Case) -> str | None:
    """The values of another piece of evidence, or of an input."""
    for name, tensor in c.inputs.items():
        if close(c.got, tensor):
            return f"these are exactly the values of {name}, which went in: nothing was applied to it"
    for name, tensor in c.others.items():
        if tensor.numel() > 1 and close(c.got, tensor) and not close(c.want, tensor):
            return f"these are the values expected for {name!r}: stale (kept from another call) or swapped?"
    return None


def accumulated(c: Case) -> str | None:
    """Another tensor added that should not be, or not added that should be."""
    if not c.same_shape:
        return None
    for name, tensor in c.others.items():
        if tensor.shape != c.want.shape or tensor.numel() < 2 or not tensor.any():
            continue
        if close(c.got - c.want, tensor):
            return f"the value of {name!r} was added to it: accumulated where it should be replaced"
        if close(c.want - c.got, tensor):
            return f"the value of {name!r} is missing from it: replaced where it should be accumulated"
    return None


def constant_factor(c: Case) -> str | None:
    """Off by one factor everywhere."""
    if not c.same_shape or not c.want.any() or (c.want.numel() < 2 and not c.factors):
        return None
    factor = ((c.got * c.want).sum() / c.want.square().sum()).item()
    if not factor or not close(c.got / factor, c.want) or math.isclose(factor, 1, rel_tol=2e-3):
        return None
    if math.isclose(factor, -1, rel_tol=1e-3):
        return "the sign is flipped: every entry is -1x the expected value"
    known = _name_of(factor, c.factors)
    if c.want.numel() < 2 and not known:
        return None
    sign = "; the sign is flipped, too" if factor < 0 else ""
    return f"every entry is {factor:.4g}x the expected value{f' ({known})' if known else ''}{sign}"


def _name_of(factor: float, factors: Mapping[str, float]) -> str:
    size = abs(factor)
    for name, value in factors.items():
        for text, number in ((name, value), (f"1/({name})", 1 / value), (f"{name} squared", value * value)):
            if math.isclose(size, number, rel_tol=1e-3):
                return f"that is {text}, {name} = {value:g}"
    return ""


def missing_product(c: Case) -> str | None:
    """An elementwise factor is missing, there twice, or divided by."""
    if not c.same_shape or c.want.numel() < 2:
        return None
    for name, tensor in c.inputs.items():
        if tensor.shape == c.want.shape and tensor.numel() > 1 and (tensor - tensor.flatten()[0]).any():
            if close(c.got * tensor, c.want):
                return f"the factor {name} is missing"
            if close(c.want * tensor, c.got):
                return f"the factor {name} is there once too often"
    return None


def missing_term(c: Case) -> str | None:
    """Off by a multiple of an input, such as a bias."""
    if not c.same_shape or c.want.numel() < 2:
        return None
    difference = c.got - c.want
    for name, tensor in c.inputs.items():
        if tensor.numel() < 2 or tensor.ndim > difference.ndim:
            continue
        try:
            term = torch.broadcast_to(tensor, difference.shape)
        except RuntimeError:
            continue
        factor = ((difference * term).sum() / term.square().sum()).item() if term.any() else 0.0
        if abs(factor) > 1e-6 and close(difference / factor, term):
            return f"it is off by {factor:+.4g} x {name}: is that term missing, or there once too often?"
    return None


def constant_offset(c: Case) -> str | None:
    """Off by one number everywhere."""
    if not c.same_shape or c.want.numel() < 2:
        return None
    difference = c.got - c.want
    if close(difference, difference.mean().expand_as(difference)):
        return f"every entry is off by {difference.mean().item():+.4g}"
    return None


def function_of_expected(c: Case) -> str | None:
    """A well-known function was applied once too often, or not at all."""
    if not c.same_shape or c.want.numel() < 2:
        return None
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "the absolute value": torch.abs,
        "exp": torch.exp,
        "log": torch.log,
        "the square": torch.square,
        "the square root": torch.sqrt,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
    }
    for dim in range(c.want.ndim):
        functions[f"softmax over dimension {dim}"] = lambda t, dim=dim: torch.softmax(t, dim)  # type: ignore[misc]
    for name, function in functions.items():
        for before, after, text in ((c.want, c.got, "applied once too often"), (c.got, c.want, "missing")):
            result = function(before)
            if bool(torch.isfinite(result).all()) and close(after, result):
                return f"{name} is {text}"
    return None


def other_order(c: Case) -> str | None:
    """The same numbers in another order."""
    if not c.same_shape or c.want.numel() < 2:
        return None
    for dim in range(c.want.ndim):
        if close(c.got.flip(dim), c.want):
            return f"the values are in reverse order along dimension {dim}"
    if close(c.got.flatten().sort().values, c.want.flatten().sort().values):
        return "the numbers are the right ones, in another order"
    return None


def _wrong(c: Case) -> Tensor:
    return (c.got - c.want).abs() > 1e-4 * (typical(c.want) or 1)


def only_for_some_inputs(c: Case) -> str | None:
    """Wrong exactly where an input is negative, positive or zero."""
    if not c.same_shape:
        return None
    wrong = _wrong(c)
    if wrong.all():
        return None
    for name, tensor in c.inputs.items():
        if tensor.shape != c.want.shape:
            continue
        for sign, where in (("negative", tensor < 0), ("positive", tensor > 0), ("zero", tensor == 0)):
            if where.any() and torch.equal(wrong, where):
                return f"it is wrong exactly where {name} is {sign}, and right elsewhere"
        if (
            torch.equal(wrong, wrong & (tensor.abs() >= tensor[wrong].abs().min()))
            and tensor.abs().max() > 50
        ):
            return f"it is wrong only for large values of {name}: overflow, or a value cut off?"
    return None


def only_some_rows(c: Case) -> str | None:
    """Wrong at one index of one dimension only."""
    if not c.same_shape or not c.want.ndim:
        return None
    wrong = _wrong(c)
    for dim in range(wrong.ndim):
        index = wrong.movedim(dim, 0).flatten(1).any(1) if wrong.ndim > 1 else wrong
        bad = index.nonzero().flatten().tolist()
        if len(bad) == 1 and len(index) > 2:
            return f"it is wrong only at index {bad[0]} of dimension {dim} (of {len(index)})"
    return None


RELATIONS: tuple[Callable[[Case], str | None], ...] = (
    zero,
    transposed,
    reshaped,
    not_reduced,
    constant_factor,
    another_tensor,
    accumulated,
    missing_product,
    missing_term,
    constant_offset,
    function_of_expected,
    other_order,
    only_for_some_inputs,
    only_some_rows,
)


def first_difference(got: Tensor, want: Tensor) -> tuple[float, float, str]:
    """Return the expected and actual value, and the index, where two tensors differ most."""
    worst = int((got.double() - want.double()).abs().argmax())
    index = [int(i) for i in torch.unravel_index(torch.tensor(worst), want.shape)]
    return (
        want.flatten()[worst].item() + 0.0,
        got.flatten()[worst].item() + 0.0,
        f" at {index}" if index else "",
    )

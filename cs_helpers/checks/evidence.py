"""What a check produces: named evidence, and how it travels from one process to another.

Evidence crosses a wall: an untrusted process writes it, a trusted one compares it. So it is data only,
stored as safetensors (which run no code when read), and bounded in size.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

MAX_ELEMENTS = 2**22  # in one piece of evidence
MAX_ITEMS = 200  # in one check
MAX_TEXT = 4000  # characters in one text
MAX_BYTES = 64 * 2**20  # in one file
MAX_HEADER = 2**20  # of those

NOT_DONE, RAISED, TIMEOUT = "not done", "raised", "timeout"


@dataclasses.dataclass(frozen=True)
class Item:
    """One piece of evidence, as a snapshot.

    Attributes:
        kind: "tensor", "number", "text", or "other" for a value that cannot be compared.
        tensor: The value; a number is a 0-d tensor, a text its UTF-8 bytes, "other" has none.
        type_name: The type that the student's code returned.
        on_graph: Whether the value was attached to an autograd graph.
        device: The kind of device the value was on, such as "cpu".
    """

    kind: str
    tensor: Tensor | None
    type_name: str
    on_graph: bool = False
    device: str = "cpu"

    @property
    def text(self) -> str:
        """The value of a text."""
        return "" if self.tensor is None else bytes(self.tensor.tolist()).decode(errors="replace")


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a run ended early: the stub is still there, something was raised, or time was up.

    Attributes:
        kind: NOT_DONE, RAISED or TIMEOUT.
        message: What was raised, in one line.
        where: The innermost line of the student's own code, such as ``hw/layers.py:90, Linear.forward``.
        code: That line's text.
    """

    kind: str
    message: str
    where: str = ""
    code: str = ""


@dataclasses.dataclass
class Production:
    """Everything one run of one check leaves behind.

    Attributes:
        items: The evidence by name, in the order it was produced.
        inputs: The trial's tensors by name, as they were before the student's code saw them.
        failure: Why the run ended early, if it did.
        printed: The beginning of what the student's code printed.
        printed_total: How many characters it printed.
        seconds: Wall time of the run.
    """

    items: dict[str, Item] = dataclasses.field(default_factory=dict)
    inputs: dict[str, Tensor] = dataclasses.field(default_factory=dict)
    failure: Failure | None = None
    printed: str = ""
    printed_total: int = 0
    seconds: float = 0.0


class EvidenceError(ValueError):
    """A file of evidence is not what it should be."""


def snapshot(value: Any) -> Item:
    """Copy a value, so that later changes to it do not reach the evidence."""
    type_name = type(value).__name__
    if isinstance(value, Tensor):
        return _snapshot_tensor(value, type_name)
    if isinstance(value, str):
        data = torch.tensor(list(value[:MAX_TEXT].encode()), dtype=torch.uint8)
        return Item("text", data, type_name)
    if isinstance(value, bool | int | float):
        dtype = torch.float64 if isinstance(value, float) else torch.int64
        try:
            return Item("number", torch.tensor(value, dtype=dtype), type_name)
        except (OverflowError, RuntimeError, ValueError):
            return Item("other", None, f"{type_name} out of range")
    return Item("other", None, type_name)


def _snapshot_tensor(value: Tensor, type_name: str) -> Item:
    device = value.device.type
    if value.layout != torch.strided or device == "meta" or value.is_quantized:
        return Item("other", None, f"{type_name} ({value.layout}, {device})", device=device)
    if value.numel() > MAX_ELEMENTS:
        return Item("other", None, f"{type_name} of {value.numel()} elements", device=device)
    copy = value.detach().cpu().clone(memory_format=torch.contiguous_format)
    return Item("tensor", copy, type_name, bool(value.requires_grad), device)


def to_bytes(production: Production) -> bytes:
    """Serialise; the same production gives the same bytes.

    Wall time is left out.
    """
    tensors = {f"input/{name}": tensor for name, tensor in production.inputs.items()}
    described = []
    for number, (name, item) in enumerate(production.items.items()):
        described.append([name, item.kind, item.type_name, item.on_graph, item.device])
        if item.tensor is not None:
            tensors[f"evidence/{number}"] = item.tensor
    about = {
        "items": described,
        "inputs": list(production.inputs),
        "failure": dataclasses.astuple(production.failure) if production.failure else None,
        "printed": production.printed,
        "printed_total": production.printed_total,
    }
    # One metadata key only: the order of several is not fixed.
    return save(tensors, metadata={"production": json.dumps(about, sort_keys=True)})


def _is_consistent(item: Item) -> bool:
    """Tell whether an item's value is of the kind that it claims to be."""
    if item.tensor is None:
        return item.kind == "other"
    fits = {"tensor": True, "number": item.tensor.ndim == 0, "text": item.tensor.dtype == torch.uint8}
    return fits.get(item.kind, False)


def from_file(path: Path, max_bytes: int = MAX_BYTES) -> Production:
    """Read what ``to_bytes`` made.

    Args:
        path: The file, trusted or not.
        max_bytes: A larger file is refused unread.

    Raises:
        EvidenceError: If it cannot be read as evidence; the message names the file.
    """
    try:
        if path.stat().st_size > max_bytes:
            raise EvidenceError(f"{path}: {path.stat().st_size} bytes of evidence; at most {max_bytes}")
        data = path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path}: not a file of evidence ({error})") from error
    return from_bytes(data, str(path))


def from_bytes(data: bytes, source: str) -> Production:
    """Read what ``to_bytes`` made.

    Args:
        data: The bytes, trusted or not.
        source: What to call them in messages.

    Raises:
        EvidenceError: If they cannot be read as evidence; the message names the source.
    """
    try:
        about = _about(data)
        if len(about["items"]) > MAX_ITEMS:
            raise EvidenceError(f"{source}: {len(about['items'])} pieces of evidence; at most {MAX_ITEMS}")
        tensors = load(data)
        items = {
            str(name): Item(
                str(kind), tensors.get(f"evidence/{number}"), str(type_name), bool(on_graph), str(device)
            )
            for number, (name, kind, type_name, on_graph, device) in enumerate(about["items"])
        }
        if wrong := [name for name, item in items.items() if not _is_consistent(item)]:
            raise EvidenceError(f"{source}: not a file of evidence ({wrong[0]!r} is not what it says)")
        inputs = {str(name): tensors[f"input/{name}"] for name in about["inputs"]}
        failure = Failure(*(str(field) for field in about["failure"])) if about["failure"] else None
        return Production(items, inputs, failure, str(about["printed"]), int(about["printed_total"]))
    except EvidenceError:
        raise
    except Exception as error:  # bytes that somebody made up: anything may be wrong with them
        raise EvidenceError(f"{source}: not a file of evidence ({error})") from error


def _about(data: bytes) -> dict[str, Any]:
    """Return what ``to_bytes`` noted in the header, which safetensors' own reader of bytes leaves out."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > MAX_HEADER:
        raise ValueError(f"a header of {length} bytes; at most {MAX_HEADER}")
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["production"])

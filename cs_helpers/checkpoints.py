"""Checkpoints: files that are whole or not there, and hold tensors only."""

import io
import os
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cs_helpers.whole_files import replacing

KINDS: dict[str, tuple[type, ...]] = {
    "model": (dict,),
    "optimizer": (dict,),
    "history": (list,),
    "best_score": (tuple, type(None)),
    "best_weights": (dict,),
    "waited": (int,),
    "epoch_seconds": (list,),
    "random": (dict,),
}
"""What the checkpoint of a fit contains."""
_PARTS = {"optimizer": {"kind", "state"}, "random": {"cpu", "cuda", "own"}}


class CheckpointError(ValueError):
    """A checkpoint cannot be written, read or used; the message names the file and says why."""


def save(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write a checkpoint; a process killed at any moment leaves the previous one whole.

    Args:
        path: The file; its folder is made if need be.
        content: Tensors, numbers and texts, in dicts and lists.

    Raises:
        CheckpointError: If the file cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)  # not into the file: torch hides that a disk is full
    try:
        with replacing(path) as file:
            file.write(buffer.getbuffer())
    except OSError as error:
        raise CheckpointError(f"cannot write the checkpoint {path}: {error.strerror or error}") from error


def load(path: str | os.PathLike[str], kinds: Mapping[str, tuple[type, ...]] = KINDS) -> dict[str, Any]:
    """Read a checkpoint, on to the CPU; a file that holds anything but tensors and numbers is refused unrun.

    Args:
        path: The file.
        kinds: What it must contain: the types that are allowed, by name.

    Raises:
        CheckpointError: If it cannot be read, or something is missing from it.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is not a checkpoint: it is damaged, or holds more than tensors"
        ) from error
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, ValueError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path} cannot be read as a checkpoint ({first_line})") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a checkpoint: it holds a {type(content).__name__}")
    if missing := [key for key in kinds if key not in content]:
        raise CheckpointError(f"{path} is not a checkpoint of a fit: it has no {', '.join(missing)}")
    wrong = [key for key, allowed in kinds.items() if not isinstance(content[key], allowed)]
    wrong += [key for key, parts in _PARTS.items() if key in kinds and not parts <= set(content[key] or ())]
    if "history" in kinds and (not isinstance(content["history"], list) or len(content["history"]) != 5):
        wrong.append("history")
    if wrong:
        raise CheckpointError(f"{path} is not a checkpoint of a fit: its {wrong[0]} is not what it should be")
    return content


def tensors_of(model: Any) -> dict[str, Tensor]:
    """Return a model's own tensors by name: an nn.Module's state, or a Layer's parameters."""
    if isinstance(model, torch.nn.Module):
        return dict(model.state_dict())
    return {str(i): param for i, (param, _) in enumerate(model.params())}


def copy_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of tensors, on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}


def put_back(tensors: Mapping[str, Tensor], saved: Mapping[str, Tensor], source: object) -> None:
    """Write saved values into tensors, in place.

    Args:
        tensors: Where to.
        saved: Values of the same names and shapes.
        source: Where they are from, for the message.

    Raises:
        CheckpointError: If names or shapes differ; nothing is written then.
    """
    refuse_others(tensors, saved, source)
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(saved[name])


def refuse_others(tensors: Mapping[str, Tensor], saved: Mapping[str, Tensor], source: object) -> None:
    """Raise unless saved values have the names and shapes of the tensors that they are for.

    Raises:
        CheckpointError: If they do not; the message names the first tensor that differs.
    """
    here = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    there = {name: tuple(tensor.shape) for name, tensor in saved.items()}
    if here != there:
        name = next(n for n in [*here, *there] if here.get(n) != there.get(n))
        raise CheckpointError(
            f"{source} is of another model: {name!r} has shape {there.get(name, 'none')} there "
            f"and {here.get(name, 'none')} here"
        )


def optimizer_state(optimizer: Any) -> dict[str, Any]:
    """Return an optimizer's kind and what it remembers: a list of tensors, or torch's ``state_dict``."""
    name = type(optimizer).__name__
    if isinstance(optimizer, torch.optim.Optimizer):
        return {"kind": name, "state": optimizer.state_dict()}
    return {"kind": name, "state": [tensor.cpu().clone() for tensor in optimizer.state()]}


def restore_optimizer(optimizer: Any, saved: Mapping[str, Any], source: object) -> None:
    """Put back what ``optimizer_state`` returned.

    Raises:
        CheckpointError: If it is of another optimizer; nothing is changed then.
    """
    here = type(optimizer).__name__
    if saved["kind"] != here:
        raise CheckpointError(f"{source} is of another optimizer: {saved['kind']} there and {here} here")
    if isinstance(optimizer, torch.optim.Optimizer):
        try:
            optimizer.load_state_dict(saved["state"])
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"{source} is of another optimizer: {error}") from error
    else:
        tensors = {str(i): tensor for i, tensor in enumerate(optimizer.state())}
        put_back(tensors, {str(i): t for i, t in enumerate(saved["state"])}, f"the optimizer in {source}")


def random_state(generators: Sequence[torch.Generator]) -> dict[str, Any]:
    """Return the state of torch's random streams and of the given ones."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda, "own": [g.get_state() for g in generators]}


def refuse_other_streams(
    state: Mapping[str, Any], generators: Sequence[torch.Generator], source: object
) -> None:
    """Raise unless saved random state is for as many generators as there are.

    Raises:
        CheckpointError: If it is not.
    """
    if len(state["own"]) != len(generators):
        raise CheckpointError(
            f"{source} is of a fit whose loaders had {len(state['own'])} random streams of their own; "
            f"these have {len(generators)}"
        )


def restore_random_state(state: Mapping[str, Any], generators: Sequence[torch.Generator]) -> None:
    """Put back what ``random_state`` returned; of no generators, only torch's own streams."""
    torch.set_rng_state(state["cpu"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    for generator, saved in zip(generators, state["own"], strict=bool(generators)):
        generator.set_state(saved)

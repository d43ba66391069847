"""Readers of the data files that others publish: CIFAR-10 batches, image folders, MNIST's IDX files.

Each reader returns whole uint8 arrays, or raises ``DataError`` naming the file: a file that is damaged,
cut short or half extracted never crashes the course and never passes for data.
"""

import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

Arrays = tuple[Tensor, Tensor]  # images (N, C, H, W) uint8, labels (N,) int64

CIFAR10_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
_SUFFIXES = (".jpg", ".jpeg", ".png")
_SHUFFLE_SEED = 42
_IDX_IMAGES, _IDX_LABELS = 2051, 2049  # the magic numbers of IDX files: uint8 in 3 dimensions, and in 1


class DataError(ValueError):
    """A data file is missing, damaged or not what it should be; the message names it and says what to do."""


def read_bytes(path: Path) -> bytes:
    """Read a whole file, gunzipped if its name ends in ``.gz``.

    Raises:
        DataError: If it is missing, unreadable, cut short or damaged.
    """
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such file, although its neighbours are there. Download the data again."
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: damaged or cut short ({error}). Delete it and download it again."
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles NumPy arrays, numbers, text and containers; a pickle that names anything else is refused.

    Unpickling can run any code that the file asks for. Only these names can be asked for here.
    """

    ALLOWED = frozenset({("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")})

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self.ALLOWED:
            return super().find_class(module, name)
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return super().find_class("numpy._core.multiarray", name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def read_cifar10_batch(path: Path, md5: str) -> Arrays:
    """Read one batch of CIFAR-10 in the format of its "python version".

    Args:
        path: The file, say ``cifar-10-batches-py/data_batch_1``.
        md5: The sum that the file must have; it is compared before the file is unpickled.

    Returns:
        Images ``(N, 3, 32, 32)`` uint8 and labels ``(N,)`` int64.

    Raises:
        DataError: If the file is missing, has another sum, or does not hold a batch.
    """
    raw = read_bytes(path)
    found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(
            f"{path}: damaged or cut short ({len(raw):,} bytes with md5 {found}, expected md5 {md5}). "
            "Delete the folder and run `course data cifar10`."
        )
    try:
        batch = _ArrayUnpickler(io.BytesIO(raw), encoding="latin1").load()
        images = np.asarray(batch["data"])
        labels = torch.tensor(batch["labels"], dtype=torch.int64)
        if images.dtype != np.uint8 or images.shape != (len(labels), 3072):
            raise ValueError(f"data is {images.dtype} {images.shape} for {len(labels)} labels")
    except Exception as error:  # a pickle can raise anything
        raise DataError(f"{path}: not a batch of CIFAR-10 ({error})") from error
    return torch.from_numpy(images.reshape(-1, 3, 32, 32).copy()), labels


def read_cifar10_batches(folder: Path, split: str, md5: Mapping[str, str] | None = None) -> Arrays:
    """Read one split of CIFAR-10 from ``cifar-10-batches-py``, in its original order.

    Args:
        folder: The folder that holds ``data_batch_1`` and the others.
        split: ``"train"`` or ``"test"``.
        md5: The batch files and their sums; the official ones for None.

    Raises:
        DataError: As ``read_cifar10_batch``.
    """
    sums = CIFAR10_MD5 if md5 is None else md5
    names = [name for name in sums if name.startswith("test") == (split == "test")]
    images, labels = zip(*(read_cifar10_batch(folder / name, sums[name]) for name in names), strict=True)
    return torch.cat(images), torch.cat(labels)


def read_idx(images_path: Path, labels_path: Path) -> Arrays:
    """Read a pair of IDX files, the format of MNIST, gzipped or not.

    Returns:
        Images ``(N, 1, H, W)`` uint8 and labels ``(N,)`` int64.

    Raises:
        DataError: If a file is missing, damaged, or its length is not the one that its header promises.
    """
    images, labels = _idx_array(images_path, _IDX_IMAGES, 3), _idx_array(labels_path, _IDX_LABELS, 1)
    if len(images) != len(labels):
        raise DataError(f"{labels_path}: {len(labels)} labels for {len(images)} images in {images_path.name}")
    return torch.from_numpy(images)[:, None], torch.from_numpy(labels).long()


def _idx_array(path: Path, magic: int, dims: int) -> np.ndarray:
    raw = read_bytes(path)
    start = 4 * (1 + dims)
    if len(raw) < start or struct.unpack(">i", raw[:4])[0] != magic:
        raise DataError(f"{path}: not an IDX file of {dims} dimensions. Delete it and download it again.")
    shape = struct.unpack(f">{dims}i", raw[4:start])
    size = int(np.prod(shape, dtype=np.int64))
    if min(shape) < 1 or len(raw) - start != size:
        raise DataError(
            f"{path}: damaged or cut short: {len(raw) - start:,} bytes where the header promises {size:,}. "
            "Delete it and download it again."
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy()


def read_image_folder(
    folder: Path, classes: Sequence[str], per_class: int | None = None, cache: bool = True
) -> Arrays:
    """Read ``folder/<class>/*.jpg`` (or png), decoded once, in an order that is the same everywhere.

    Files are sorted by class and name, then shuffled with a fixed seed, so that the first n images are a fair
    sample. The decoded arrays are kept in ``folder/.decoded.safetensors`` where that can be written, and used
    again while the files' names, sizes and times are the same.

    Args:
        folder: One split, with a folder for each class.
        classes: The class folders, in the order of their labels; another folder is an error.
        per_class: How many images every class must have; any number for None.
        cache: Whether to keep and use the decoded arrays.

    Returns:
        Images ``(N, 3, H, W)`` uint8 and labels ``(N,)`` int64.

    Raises:
        DataError: If a class is missing, empty, unknown or half there, or an image is damaged or of another
            size.
    """
    files = _list_images(folder, classes, per_class)
    state = [(str(f.relative_to(folder)), f.stat().st_size, f.stat().st_mtime_ns) for f, _ in files]
    listing = hashlib.sha256(json.dumps(state).encode()).hexdigest()
    store = folder / ".decoded.safetensors"
    kept = _read_cache(store, listing) if cache else None
    if kept is not None:
        return kept
    generator = torch.Generator().manual_seed(_SHUFFLE_SEED)
    order = torch.randperm(len(files), generator=generator)
    first = _decode(files[0][0])
    images = np.empty((len(files), *first.shape), np.uint8)
    for place, index in enumerate(order.tolist()):
        pixels = _decode(files[index][0])
        if pixels.shape != first.shape:
            raise DataError(
                f"{files[index][0]}: {pixels.shape[:2]} pixels, the others have {first.shape[:2]}"
            )
        images[place] = pixels
    result = (
        torch.from_numpy(images.transpose(0, 3, 1, 2).copy()),
        torch.tensor([label for _, label in files])[order],
    )
    if cache:
        _write_cache(store, listing, result)
    return result


def _list_images(folder: Path, classes: Sequence[str], per_class: int | None) -> list[tuple[Path, int]]:
    """The image files of every class, sorted, each with its label."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, although the other split is there. Is it half extracted?")
    found = {entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
    if found != set(classes):
        missing, extra = sorted(set(classes) - found), sorted(found - set(classes))
        raise DataError(f"{folder}: class folders missing: {missing or 'none'}; unknown: {extra or 'none'}")
    files = []
    for label, name in enumerate(classes):
        mine = sorted(f for f in (folder / name).iterdir() if f.suffix.lower() in _SUFFIXES)
        if not mine or (per_class is not None and len(mine) != per_class):
            wanted = "at least one" if per_class is None else per_class
            raise DataError(f"{folder / name}: {len(mine)} images, expected {wanted}. Is it half extracted?")
        files += [(f, label) for f in mine]
    return files


def _decode(path: Path) -> np.ndarray:
    """Decode one image file as RGB, ``(H, W, 3)`` uint8."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (
        Exception
    ) as error:  # Pillow's decoders raise many kinds: OSError, SyntaxError, ValueError, struct.error
        raise DataError(f"{path}: not a whole image ({error})") from error


def _digest(arrays: Arrays) -> str:
    state = hashlib.sha256()
    for array in arrays:
        state.update(f"{array.dtype} {tuple(array.shape)}".encode())
        state.update(array.numpy().data)
    return state.hexdigest()


def _read_cache(store: Path, listing: str) -> Arrays | None:
    """The stored arrays, if they are whole and were made from exactly these files; else None."""
    from safetensors import SafetensorError, safe_open

    if not store.is_file():
        return None
    try:
        with safe_open(store, "pt") as stored:
            notes = stored.metadata() or {}
            if notes.get("listing") != listing:
                return None
            arrays = stored.get_tensor("images"), stored.get_tensor("labels")
    except (SafetensorError, OSError):
        return None
    return arrays if _digest(arrays) == notes.get("content") else None


def _write_cache(store: Path, listing: str, arrays: Arrays) -> None:
    """Store decoded arrays under a temporary name, then rename; where that fails, nothing is stored."""
    from safetensors.torch import save_file

    images, labels = arrays
    part = store.with_name(f"{store.name}.{os.getpid()}")
    notes = {"listing": listing, "content": _digest(arrays)}
    try:
        save_file({"images": images, "labels": labels}, part, metadata=notes)
        part.replace(store)
    except Exception:  # no room or no right to write: the next run decodes again
        part.unlink(missing_ok=True)

"""Data sets load whole or say what is wrong; loaders do what torch's DataLoader does."""

import gzip
import hashlib
import os
import pickle
import re
import struct
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from cs_helpers import data, data_files
from cs_helpers.data import DataError, Dataset, load
from tests.noise import small_dataset

pytestmark = pytest.mark.usefixtures("empty_root")


# CIFAR-10 as batches


def python2_batch(images, labels):
    """The bytes of a batch much as Python 2 pickled it: protocol 2, and numpy.core for the module."""
    text = pickle.dumps(
        {"batch_label": "x", "labels": labels, "data": images, "filenames": ["a.png"]}, protocol=2
    )
    return text.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


@pytest.fixture
def cifar_batches(empty_root, monkeypatch):
    """A small CIFAR-10 in the real format, and its sums in place of the official ones."""
    folder = empty_root / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    sums = {}
    for name in data_files.CIFAR10_MD5:
        raw = python2_batch(rng.integers(0, 256, (20, 3072), dtype=np.uint8), [i % 10 for i in range(20)])
        (folder / name).write_bytes(raw)
        sums[name] = hashlib.md5(raw).hexdigest()
    monkeypatch.setattr(data_files, "CIFAR10_MD5", sums)
    return folder


def test_cifar10_batches_load_as_torchvision_reads_them(cifar_batches):
    train, test = load("cifar10")
    assert (len(train), len(test), train.name, train.in_size) == (100, 20, "cifar10", (3, 32, 32))
    with open(cifar_batches / "data_batch_2", "rb") as file:
        entry = pickle.load(file, encoding="latin1")
    expected = entry["data"].reshape(-1, 3, 32, 32)
    assert np.array_equal(train.images[20:40].numpy(), expected)
    assert train.labels[20:40].tolist() == entry["labels"]


def test_default_is_cifar10_where_it_lies_and_digits32_elsewhere(cifar_batches, tmp_path):
    assert load().train.name == "cifar10"
    other = tmp_path / "other"
    other.mkdir()
    train, test = load("default", root=other)
    assert (train.name, len(train), len(test)) == ("digits32", 12_800, 2_000)
    assert "digits32" in train.describe()
    assert "digits32" in repr(train)


@pytest.mark.parametrize("damage", [lambda b: b[:-100], lambda b: b[:50] + b"?" + b[51:], lambda b: b""])
def test_damaged_batch_is_an_error_that_names_the_file(cifar_batches, damage):
    path = cifar_batches / "data_batch_3"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=re.escape(str(path))):
        load()


def test_missing_batch_is_an_error_that_names_the_file(cifar_batches):
    (cifar_batches / "test_batch").unlink()
    with pytest.raises(DataError, match="test_batch: no such file"):
        load()


class Evil:
    def __reduce__(self):
        return os.system, ("echo unpickled code ran",)


@pytest.mark.parametrize("content", [Evil(), {"labels": [1]}, {"labels": [1], "data": np.zeros(5)}, [1, 2]])
def test_pickle_of_anything_else_is_refused_and_runs_no_code(tmp_path, content, capfd):
    raw = pickle.dumps(content, protocol=2)
    path = tmp_path / "data_batch_1"
    path.write_bytes(raw)
    with pytest.raises(DataError, match="not a batch of CIFAR-10"):
        data_files.read_cifar10_batch(path, hashlib.md5(raw).hexdigest())
    assert "unpickled" not in capfd.readouterr().out


def test_a_label_out_of_range_is_refused():
    with pytest.raises(DataError, match="labels from 0 to 7"):
        Dataset(
            "x", "train", torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.tensor([0, 7]), ("a", "b"), "here"
        )


# CIFAR-10 as an image folder


def test_image_folder_loads_every_image_with_its_label(cifar_folder):
    train, test = load()
    assert (train.name, len(train), len(test)) == ("cifar10 (image folder)", 30, 20)
    assert train.images[:, 0, 5, 5].tolist() == [20 * label for label in train.labels.tolist()]
    assert train.images[:, 2].unique().tolist() == [9]
    assert train.labels.tolist() != sorted(train.labels.tolist())


def test_image_folder_has_the_same_order_each_time_and_uses_its_cache(cifar_folder, monkeypatch):
    first = load().train
    assert (cifar_folder / "train" / ".decoded.safetensors").is_file()
    monkeypatch.setattr(data_files, "_decode", lambda path: pytest.fail("decoded again"))
    second = load().train
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.labels, second.labels)


@pytest.mark.parametrize("harm", ["damage", "cut", "garbage"])
def test_a_damaged_cache_is_not_believed(cifar_folder, harm):
    first = load().train
    store = cifar_folder / "train" / ".decoded.safetensors"
    raw = bytearray(store.read_bytes())
    raw[-5] ^= 255
    store.write_bytes({"damage": bytes(raw), "cut": bytes(raw[:999]), "garbage": b"x"}[harm])
    assert torch.equal(load().train.images, first.images)


def test_cache_is_made_anew_when_an_image_changes(cifar_folder):
    load()
    Image.new("RGB", (32, 32), (1, 2, 3)).save(cifar_folder / "train" / "cat" / "0001.png")
    assert [1, 2, 3] in load().train.images[:, :, 0, 0].tolist()


def test_damaged_image_is_an_error_that_names_the_file(cifar_folder):
    path = cifar_folder / "test" / "frog" / "0001.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=re.escape(str(path))):
        load()


def test_image_of_another_size_is_an_error_that_names_the_file(cifar_folder):
    path = cifar_folder / "train" / "dog" / "0000.png"
    Image.new("RGB", (30, 32)).save(path)
    with pytest.raises(DataError, match="pixels, the others have"):
        load()


def test_half_extracted_folder_is_an_error_that_names_it(cifar_folder):
    (cifar_folder / "train" / "ship" / "0002.png").unlink()
    with pytest.raises(DataError, match="ship: 2 images, expected 3"):
        load()


def test_missing_and_unknown_classes_are_named(cifar_folder):
    (cifar_folder / "test" / "truck").rename(cifar_folder / "test" / "lorry")
    with pytest.raises(DataError, match=r"missing: \['truck'\]; unknown: \['lorry'\]"):
        load()


def test_missing_split_is_named(cifar_folder):
    (cifar_folder / "test").rename(cifar_folder / "elsewhere")
    with pytest.raises(DataError, match="test: no such folder"):
        load()


# MNIST and its like


def write_idx(folder, end="", images=12, size=28):
    folder.mkdir(parents=True, exist_ok=True)
    pack = gzip.compress if end else bytes
    for stem, n in (("train", images), ("t10k", 4)):
        pixels = np.arange(n * size * size, dtype=np.int64).astype(np.uint8)
        raw = struct.pack(">4i", 2051, n, size, size) + pixels.tobytes()
        (folder / f"{stem}-images-idx3-ubyte{end}").write_bytes(pack(raw))
        raw = struct.pack(">2i", 2049, n) + bytes(i % 10 for i in range(n))
        (folder / f"{stem}-labels-idx1-ubyte{end}").write_bytes(pack(raw))


@pytest.mark.parametrize("end", ["", ".gz"])
def test_mnist_loads_from_torchvisions_folder_gzipped_or_not(empty_root, end):
    write_idx(empty_root / "MNIST" / "raw", end)
    train, test = load("mnist")
    assert (train.name, train.in_size, len(train), len(test)) == ("mnist", (1, 28, 28), 12, 4)
    assert train.images.flatten()[:300].tolist() == [i % 256 for i in range(300)]
    assert train.labels.tolist() == [i % 10 for i in range(12)]


def test_fashion_mnist_loads_from_debians_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "DEBIAN_FASHION", tmp_path / "debian")
    assert "fashion-mnist" not in data.available()
    write_idx(tmp_path / "debian", ".gz")
    assert "fashion-mnist" in data.available()
    assert load("fashion-mnist").test.classes[9] == "Ankle boot"


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_cut_idx_file_is_an_error_that_names_it(empty_root, end, name):
    write_idx(empty_root / "MNIST" / "raw", end)
    path = empty_root / "MNIST" / "raw" / (name + end)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DataError, match=re.escape(str(path))):
        load("mnist")


def test_idx_files_that_do_not_match_are_an_error(empty_root):
    folder = empty_root / "MNIST" / "raw"
    write_idx(folder)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, 3) + b"\0\1\2")
    with pytest.raises(DataError, match="3 labels for 4 images"):
        load("mnist")
    (folder / "t10k-labels-idx1-ubyte").write_bytes((folder / "t10k-images-idx3-ubyte").read_bytes())
    with pytest.raises(DataError, match="not an IDX file"):
        load("mnist")


def test_digits_are_the_originals_enlarged():
    train, test = load("digits")
    assert train.in_size == (1, 32, 32)
    assert (len(train), len(test)) == (1409, 388)
    assert train.images.max() == 255


# Names and roots


def test_unknown_name_lists_the_names_and_suggests_one():
    with pytest.raises(ValueError, match=r"cifar10, digits32.*did you mean 'cifar10'"):
        load("cifar-10")


@pytest.mark.parametrize("name", ["cifar10", "mnist", "fashion-mnist"])
def test_data_that_is_not_there_is_an_error_that_says_what_to_do(name, empty_root):
    with pytest.raises(DataError, match=rf"is not in {re.escape(str(empty_root))}.*load\('digits"):
        load(name)


def test_a_root_that_is_no_folder_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "typo"))
    with pytest.raises(DataError, match=r"COURSE_DATA=.*typo"):
        load()


def test_importing_the_module_imports_no_library_that_it_may_not_need():
    code = "import sys, cs_helpers.loaders; print(*{'sklearn', 'torchvision', 'PIL'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


def test_stats_are_the_mean_and_deviation_of_the_pixels():
    dataset = small_dataset()
    pixels = dataset.images.double() / 255
    mean, std = dataset.stats
    torch.testing.assert_close(mean, pixels.mean((0, 2, 3)).float())
    torch.testing.assert_close(std, pixels.std((0, 2, 3), correction=0).float())


@pytest.mark.parametrize("n", [0, -1, 24])
def test_subset_of_an_impossible_size_is_an_error(n):
    with pytest.raises(ValueError, match=f"max_images={n}"):
        small_dataset().subset(n)

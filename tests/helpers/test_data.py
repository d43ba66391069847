"""Data sets load whole or say what is wrong; loaders do what torch's DataLoader does."""

import gzip
import hashlib
import http.server
import io
import os
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from cs_helpers import data, data_files, download
from cs_helpers.data import DataError, Dataset, Splits, load
from cs_helpers.loaders import Augment, BatchLoader, make_loaders


@pytest.fixture(autouse=True)
def empty_root(tmp_path, monkeypatch):
    """A data folder of the test's own, empty at first; no test sees this machine's data."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.setenv("COURSE_DATA", str(root))
    monkeypatch.setattr(data, "DEBIAN_FASHION", tmp_path / "no-debian")
    return root


def small_dataset(n=23, size=(3, 8, 8), split="train"):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, *size), dtype=torch.uint8, generator=generator)
    return Dataset("noise", split, images, torch.arange(n) % 10, tuple("0123456789"), "test")


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


@pytest.fixture
def cifar_folder(empty_root, monkeypatch):
    monkeypatch.setattr(data, "CIFAR10_PER_CLASS", {"train": 3, "test": 2})
    for split, count in data.CIFAR10_PER_CLASS.items():
        for label, name in enumerate(data.CIFAR10_CLASSES):
            folder = empty_root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (32, 32), (20 * label, 50 * i, 9)).save(folder / f"{i:04}.png")
    return empty_root


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


# Loaders


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 5, 23, 40])
@pytest.mark.parametrize("shuffle", [False, True])
def test_loader_gives_the_batches_of_torchs_dataloader_and_draws_as_much(batch_size, shuffle, drop_last):
    dataset = small_dataset()
    settings = {"batch_size": batch_size, "shuffle": shuffle, "drop_last": drop_last}
    ours, theirs = BatchLoader(dataset, **settings), DataLoader(dataset, **settings)
    assert len(ours) == len(theirs)
    seen = []
    for loader in (ours, theirs):
        torch.manual_seed(7)
        seen.append([*loader, *loader])
        seen.append(torch.rand(3))
    assert torch.equal(seen[1], seen[3])
    for (x, y), (x_torch, y_torch) in zip(seen[0], seen[2], strict=True):
        torch.testing.assert_close(x, x_torch)
        assert torch.equal(y, y_torch)
        assert (x.dtype, y.dtype) == (torch.float32, torch.int64)


def test_loader_with_a_seed_leaves_the_global_stream_alone_and_repeats():
    dataset = small_dataset()
    state = torch.get_rng_state()
    runs = [
        [y.tolist() for _, y in BatchLoader(dataset, 5, shuffle=True, seed=3, augment=Augment())]
        for _ in "ab"
    ]
    assert runs[0] == runs[1]
    assert torch.equal(state, torch.get_rng_state())
    loader = BatchLoader(dataset, 23, shuffle=True, seed=3)
    assert next(iter(loader))[1].tolist() != next(iter(loader))[1].tolist()


def test_loader_has_the_attributes_that_training_code_reads():
    dataset = small_dataset()
    loader = BatchLoader(dataset, 5, sampler=[3, 1, 2])
    assert (loader.dataset, loader.batch_size, loader.drop_last, loader.sampler) == (
        dataset,
        5,
        False,
        [3, 1, 2],
    )
    assert [y.tolist() for _, y in loader] == [[3, 1, 2]]
    assert len(loader) == 1


def test_loader_normalises_by_the_given_stats():
    dataset = small_dataset()
    (x, _), *_ = BatchLoader(dataset, 23, stats=dataset.stats)
    torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std((0, 2, 3), correction=0), torch.ones(3))
    mean, std = (s.view(3, 1, 1) for s in dataset.stats)
    torch.testing.assert_close(x, (dataset.images / 255 - mean) / std, atol=1e-5, rtol=1e-5)


def test_changing_a_batch_in_place_does_not_change_the_data():
    loader = BatchLoader(small_dataset(), 5)
    for x, y in loader:
        x.zero_()
        y.zero_()
    assert next(iter(loader))[0].abs().sum() > 0
    assert next(iter(loader))[1].sum() > 0


def test_bad_settings_are_errors():
    with pytest.raises(ValueError, match="batch_size=0"):
        BatchLoader(small_dataset(), 0)
    with pytest.raises(ValueError, match="not both"):
        BatchLoader(small_dataset(), shuffle=True, sampler=[1])
    with pytest.raises(ValueError, match="pad=-1"):
        Augment(pad=-1)


def test_make_loaders_limits_both_sets_and_normalises_both_by_all_training_images():
    splits = Splits(small_dataset(60), small_dataset(30, split="test"))
    dl_train, dl_test = make_loaders(splits, 8, bs_test=10, max_train=20, max_test=15, seed=0)
    assert (len(dl_train), len(dl_train.dataset), len(dl_test), len(dl_test.dataset)) == (3, 20, 2, 15)
    mean, std = (s.view(3, 1, 1) for s in splits.train.stats)
    x, y = next(iter(dl_test))
    torch.testing.assert_close(x, (splits.test.images[:10] / 255 - mean) / std, atol=1e-5, rtol=1e-5)
    assert y.tolist() == splits.test.labels[:10].tolist()


# Augmentation


def test_augmentation_gives_each_image_a_window_of_its_padded_self():
    images = small_dataset(200).images.float()
    changed = Augment(pad=2, flip=True)(images, torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(images, (2,) * 4)
    windows = (
        padded.unfold(2, 8, 1).unfold(3, 8, 1).permute(0, 2, 3, 1, 4, 5).flatten(1, 2)
    )  # (N, 25, C, H, W)
    windows = torch.cat([windows, windows.flip(-1)], 1)
    matches = (windows == changed[:, None]).flatten(2).all(2)  # (N, 50)
    assert matches.any(1).all()
    assert matches.any(0).sum() >= 45


def test_augmentation_without_padding_or_flip_is_the_identity_on_a_copy():
    images = small_dataset().images
    changed = Augment(pad=0, flip=False)(images)
    assert torch.equal(changed, images)
    assert changed.data_ptr() != images.data_ptr()
    assert changed.dtype == torch.uint8


def test_augmentation_repeats_with_its_generator_and_leaves_its_input():
    images = small_dataset().images.float()
    before = images.clone()
    a, b, c = (Augment()(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(images, before)


def test_digits_are_never_mirrored_and_photographs_are(cifar_folder):
    assert make_loaders("digits", augment=True).dl_train.augment.flip is False
    assert make_loaders("cifar10", augment=True).dl_train.augment.flip is True
    assert make_loaders("cifar10", augment=True).dl_test.augment is None


# Download


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file with ranges, and breaks off where the test says."""

    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        start = int(self.headers["Range"][6:-1]) if self.headers.get("Range") and server.can_resume else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.content)}")
        self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        self.wfile.write(server.content[start : server.break_at])

    def log_message(self, *args):
        pass


def archive(members):
    """A tar.gz of ``name -> bytes``, or of ready TarInfo objects."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                tar.addfile(info)
    return buffer.getvalue()


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    files = {f"{download.CIFAR10_FOLDER}/{name}": os.urandom(2000) for name in data_files.CIFAR10_MD5}
    server.content, server.can_resume, server.break_at, server.ranges = archive(files), True, None, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get(server, root, progress=None, **settings):
    url = f"http://127.0.0.1:{server.server_port}/cifar-10-python.tar.gz"
    settings = {"md5": hashlib.md5(server.content).hexdigest(), **settings}
    return download.download_cifar10(root, progress, url=url, timeout=5, **settings)


def test_download_unpacks_verifies_and_reports_progress(server, tmp_path):
    seen = []
    folder = get(server, tmp_path / "new", lambda done, total: seen.append((done, total)))
    assert sorted(p.name for p in folder.iterdir()) == sorted(data_files.CIFAR10_MD5)
    assert seen[-1] == (len(server.content), len(server.content))
    assert [p.name for p in (tmp_path / "new").iterdir()] == [download.CIFAR10_FOLDER]
    get(server, tmp_path / "new")
    assert len(server.ranges) == 1


def test_download_that_breaks_off_goes_on_where_it_stopped(server, empty_root):
    server.break_at = 1000
    with pytest.raises(DataError, match="1,000 bytes are kept"):
        get(server, empty_root)
    server.break_at = None
    assert get(server, empty_root).is_dir()
    assert server.ranges == [None, "bytes=1000-"]


def test_download_starts_over_where_the_server_cannot_resume(server, empty_root):
    server.break_at = 1000
    with pytest.raises(DataError):
        get(server, empty_root)
    server.break_at, server.can_resume = None, False
    assert get(server, empty_root).is_dir()


def test_download_that_is_whole_but_unverified_is_verified_and_used(server, empty_root):
    (empty_root / "cifar-10-python.tar.gz.part").write_bytes(server.content)
    assert get(server, empty_root).is_dir()


def test_wrong_file_is_deleted_and_nothing_is_unpacked(server, empty_root):
    with pytest.raises(DataError, match="expected 00"):
        get(server, empty_root, md5="00")
    assert list(empty_root.iterdir()) == []


def test_unreachable_server_is_a_data_error(empty_root):
    with pytest.raises(DataError, match="run it again"):
        download.download_cifar10(empty_root, url="http://127.0.0.1:9/x.tar.gz", timeout=2)


@pytest.mark.parametrize(
    "members",
    [
        {"../evil": b"x"},
        {"/tmp/evil": b"x"},
        {"cifar-10-batches-py/../../evil": b"x"},
        {"cifar-10-batches-py/link": (tarfile.SYMTYPE, "/etc/passwd")},
        {"cifar-10-batches-py/hard": (tarfile.LNKTYPE, "cifar-10-batches-py/x")},
        {"cifar-10-batches-py/fifo": (tarfile.FIFOTYPE, "")},
    ],
)
def test_archive_that_would_write_elsewhere_is_refused(empty_root, members):
    path = empty_root / "a.tar.gz"
    path.write_bytes(archive(members))
    with pytest.raises(DataError, match="no plain file in"):
        download.unpack(path, empty_root, download.CIFAR10_FOLDER)
    assert [p.name for p in empty_root.iterdir()] == ["a.tar.gz"]


def test_cut_archive_is_refused_and_leaves_nothing(server, empty_root):
    path = empty_root / "a.tar.gz"
    path.write_bytes(server.content[:-500])
    with pytest.raises(DataError, match="cannot be unpacked"):
        download.unpack(path, empty_root, download.CIFAR10_FOLDER)
    assert [p.name for p in empty_root.iterdir()] == ["a.tar.gz"]

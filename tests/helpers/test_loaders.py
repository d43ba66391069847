"""Loaders do what torch's DataLoader does; augmentation shows images that could be real."""

import pytest
import torch
from torch.utils.data import DataLoader

from cs_helpers.data import Splits
from cs_helpers.loaders import Augment, BatchLoader, make_loaders
from tests.noise import small_dataset

pytestmark = pytest.mark.usefixtures("empty_root")


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

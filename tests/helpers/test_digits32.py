"""digits32 is the same on every machine, and no test glyph is trained on."""

import hashlib

import numpy as np
import pytest

from cs_helpers import digits32


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:  # made now, not read back
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        digits32.make.cache_clear()
        return digits32.make()


def test_images_and_labels_are_the_bytes_whose_sum_is_stored(made):
    for split, images, labels in (("train", *made[:2]), ("test", *made[2:])):
        state = hashlib.sha256(images.tobytes())
        state.update(bytes(labels.tolist()))
        assert state.hexdigest() == digits32.SHA256[split]


def test_arrays_have_the_promised_shapes_and_types(made):
    assert made.train_images.shape == (12_800, 3, 32, 32)
    assert made.test_images.shape == (2_000, 3, 32, 32)
    assert made.train_images.dtype == made.test_images.dtype == np.uint8
    assert made.train_labels.dtype == made.test_labels.dtype == np.int64


def test_every_class_is_equally_frequent_and_any_prefix_is_nearly_so(made):
    for labels in (made.train_labels, made.test_labels):
        assert len(set(np.bincount(labels, minlength=10))) == 1
        assert np.bincount(labels[:1000], minlength=10).min() > 60


def test_images_use_the_whole_range_and_no_two_are_alike(made):
    for images in (made.train_images, made.test_images):
        assert images.min() == 0
        assert images.max() == 255
        assert len({image.tobytes() for image in images}) == len(images)


def test_no_test_glyph_occurs_among_the_training_glyphs():
    glyphs, _ = digits32.read_glyphs()
    test = set(digits32.TEST_GLYPHS)
    train = {glyphs[i].tobytes() for i in range(len(glyphs)) if i not in test}
    assert not train & {glyphs[i].tobytes() for i in test}


def test_every_class_has_test_glyphs_from_three_sheets():
    _, labels = digits32.read_glyphs()
    assert np.bincount(labels[digits32.TEST_GLYPHS], minlength=10).min() >= 30


def test_painter_of_training_images_reads_no_test_glyph(monkeypatch):
    glyphs, labels = digits32.read_glyphs()
    blank = glyphs.copy()
    blank[digits32.TEST_GLYPHS] = 0
    monkeypatch.setattr(digits32, "checksum", lambda images, labels: digits32.SHA256["train"])
    with_test, _ = digits32._make_split("train", 400, glyphs, labels)
    without_test, _ = digits32._make_split("train", 400, blank, labels)
    assert np.array_equal(with_test, without_test)


def test_result_is_kept_and_cannot_be_changed_by_accident(made):
    assert digits32.make() is made
    with pytest.raises(ValueError, match="read-only"):
        made.train_images[0] = 0


def test_other_glyphs_than_the_expected_ones_are_refused(monkeypatch):
    monkeypatch.setattr(digits32, "GLYPHS_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="load_digits"):
        digits32.read_glyphs()


def test_images_that_come_out_differently_are_refused(monkeypatch):
    glyphs, labels = digits32.read_glyphs()
    with pytest.raises(ValueError, match="sha256"):
        digits32._make_split("test", 10, glyphs, labels)


def test_sine_table_is_the_sine():
    angles = np.arange(72) * 5 * np.pi / 180
    assert np.abs(digits32._SIN - 1024 * np.sin(angles)).max() <= 0.5 + 1e-9


def test_stream_depends_on_its_name_and_number_only():
    a, b, other = digits32._Stream("a"), digits32._Stream("a"), digits32._Stream("b")
    np.random.seed(0)
    first = a.integers(-3, 9, 1000)
    np.random.seed(1)
    assert np.array_equal(first, b.integers(-3, 9, 1000))
    assert not np.array_equal(first, a.integers(-3, 9, 1000))
    assert not np.array_equal(first, other.integers(-3, 9, 1000))
    assert set(first.tolist()) == set(range(-3, 10))


def test_enlarging_keeps_the_place_and_the_shape_of_a_glyph():
    glyphs, _ = digits32.read_glyphs()
    big = digits32.enlarge(glyphs[:50], cell=4, pad=0)
    assert big.shape == (50, 32, 32)
    means = big.reshape(50, 8, 4, 8, 4).mean((2, 4))
    assert np.corrcoef(means.ravel(), glyphs[:50].ravel())[0, 1] > 0.95
    flat = digits32.enlarge(np.full((1, 8, 8), 16, np.uint8), cell=4, pad=0)
    assert flat.min() == flat.max() == 255

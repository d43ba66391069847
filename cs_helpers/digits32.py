"""digits32: the data set that is always there.

Ten classes of 3x32x32 uint8 images, made in about a second from the 1 797 handwritten digits that
scikit-learn carries. Each image shows one whole digit at a random place, size, angle, weight and colour,
over a textured background with clutter: strokes, blobs, and halves of small digits.

A fifth of the digits stand in the middle, upright and light on dark, which gives a linear model and an
MLP something to find early; the others are anywhere, turned, and as often dark on light, which takes a
network that does not care where a shape is. ``benchmarks/data_difficulty.py`` measures what each model
reaches.

The arrays are the same bytes on every machine:

- every number is an integer: fixed point, with the sines that are needed written out below;
- every random number comes from SHAKE-256 of a name and not from a library's generator;
- the SHA-256 of the glyphs read and of the images made are stored here, and ``make`` compares them.

What was made is kept in a folder for caches, see ``cs_helpers.cache``, and read back by the next process.

The glyphs come in 14 sheets of about 130, the same sequence of digits written out 14 times, one hand a
sheet. The test set uses the glyphs of three neighbouring sheets and the training set those of the others,
so no test glyph, and none beside it, is ever trained on, as the subject or as clutter. The three are ones
that a classifier trained on the others reads well (99 %), so that the clutter is what is hard about the
test set, not the hand.
"""

import functools
import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cs_helpers import cache

Array = NDArray[np.int16]
Bytes = NDArray[np.uint8]

CLASSES = tuple("0123456789")
SIZE = 32  # pixels a side
NUM_TRAIN = 12_800
NUM_TEST = 2_000
NUM_GLYPHS = 1_797
PLAIN = 20  # percent of images in the middle, upright and mostly light on dark; the others are anywhere
TEST_GLYPHS = range(1157, 1545)  # sheets 10 to 12 of 14

GLYPHS_SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
SHA256 = {
    "train": "fcb1a0d108e900cfbcdeb79f4fcaa44b35658b25cc66ff6c388109a106219199",
    "test": "7c2771a7e0310db08b740194abcf7b1816918d3bfe8ab2cf5b6a7943cb52837f",
}

_CELL = 4  # pixels of an enlarged glyph per pixel of the 8x8 original
_PAD = 2  # empty original pixels around each glyph
_GLYPH = (8 + 2 * _PAD) * _CELL  # side of an enlarged glyph: 48
_BANK = 64  # side of a background texture
_CANVAS = 48  # side of a sheet of clutter
_CHUNK = 200  # images composed together: a few MB, which stays in the cache

# round(1024 * sin(k * 5 degrees)) for k = 0..18, the first quarter turn
_QUARTER = (0, 89, 178, 265, 350, 433, 512, 587, 658, 724, 784, 839, 887, 928, 962, 989, 1008, 1020, 1024)
_SIN = np.array(
    [*_QUARTER, *_QUARTER[-2::-1], *(-s for s in _QUARTER[1:]), *(-s for s in _QUARTER[-2:0:-1])], np.int32
)


class Digits32(NamedTuple):
    """The four arrays of digits32: images ``(N, 3, 32, 32)`` uint8, labels ``(N,)`` int64."""

    train_images: Bytes
    train_labels: NDArray[np.int64]
    test_images: Bytes
    test_labels: NDArray[np.int64]


class _Stream:
    """Random integers from SHAKE-256: a draw depends on the stream's name and its number, nothing else."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def octets(self, *shape: int) -> Bytes:
        """Uniform bytes of the given shape."""
        self.count += 1
        size = int(np.prod(shape))
        digest = hashlib.shake_256(f"digits32/{self.name}/{self.count}".encode()).digest(size)
        return np.frombuffer(digest, np.uint8).reshape(shape)

    def integers(self, low: int, high: int, *shape: int) -> NDArray[np.int32]:
        """Integers from ``low`` to ``high`` inclusive, ``high - low`` below 2**15; near enough uniform."""
        pairs = self.octets(*shape, 2).astype(np.int32)
        return low + (((pairs[..., 0] + 256 * pairs[..., 1]) * (high - low + 1)) >> 16)

    def order(self, n: int) -> NDArray[np.int64]:
        """A random order of ``range(n)``."""
        keys = self.octets(n, 4).astype(np.int64) @ np.array([1, 1 << 8, 1 << 16, 1 << 24])
        return np.argsort(keys, kind="stable")


def read_glyphs() -> tuple[Bytes, NDArray[np.int64]]:
    """Read scikit-learn's handwritten digits; they are stored for the next process, as ``make`` does it.

    Returns:
        Glyphs ``(1797, 8, 8)`` uint8 from 0 (paper) to 16 (ink), and their labels ``(1797,)`` int64.

    Raises:
        ValueError: If the installed scikit-learn carries other data than the one digits32 is made from.
    """
    content = cache.read("glyphs", GLYPHS_SHA256)
    if content is not None:
        octets = np.frombuffer(content, np.uint8)
        return octets[:-NUM_GLYPHS].reshape(NUM_GLYPHS, 8, 8), octets[-NUM_GLYPHS:].astype(np.int64)

    from sklearn.datasets import load_digits  # only now: loading it takes a second

    digits = load_digits()
    glyphs = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.int64)
    found = checksum(glyphs, labels)
    if found != GLYPHS_SHA256:
        raise ValueError(
            f"scikit-learn's load_digits() gave other data than digits32 is made from: "
            f"sha256 {found}, expected {GLYPHS_SHA256}. Reinstall scikit-learn."
        )
    cache.write("glyphs", GLYPHS_SHA256, _octets(glyphs, labels))
    return glyphs, labels


def enlarge(glyphs: Bytes, cell: int = _CELL, pad: int = _PAD) -> Bytes:
    """Enlarge glyphs by an integer factor, with a smooth (quadratic B-spline) kernel in integer arithmetic.

    Args:
        glyphs: ``(N, 8, 8)`` uint8, 0 to 16.
        cell: Enlargement, an even number of pixels.
        pad: Empty original pixels added on each side first.

    Returns:
        ``(N, S, S)`` uint8 from 0 to 255, where ``S = (8 + 2 pad) cell``.
    """
    big = np.pad(glyphs, ((0, 0), (pad, pad), (pad, pad))).astype(np.int32)
    for axis in (1, 2):
        big = big.repeat(cell, axis)
        for shift in (0, 1):  # two box filters of one cell; the half steps left and right cancel
            big = _box(big, cell, axis, shift)
    return np.minimum(big * 16 // cell**4, 255).astype(np.uint8)


def _box(values: NDArray[np.int32], width: int, axis: int, shift: int) -> NDArray[np.int32]:
    """Sum ``width`` neighbours along an axis; beyond the border the values repeat."""
    before = width // 2 - shift
    border = [(0, 0)] * values.ndim
    border[axis] = (before + 1, width - 1 - before)
    total = np.pad(values, border, mode="edge").cumsum(axis, dtype=np.int32)
    n = values.shape[axis]
    return total.take(range(width, width + n), axis) - total.take(range(n), axis)


def _textures(stream: _Stream, n: int) -> Bytes:
    """Background textures ``(n, 64, 64)``, 0 to 128: clouds, ramps, stripes and marble of many scales."""
    clouds = np.zeros((n, _BANK, _BANK), np.int32)
    for cell, weight in ((16, 4), (8, 2), (4, 1)):
        grid = stream.integers(0, 255, n, _BANK // cell, _BANK // cell)
        for axis in (1, 2):
            grid = _box(grid.repeat(cell, axis), cell, axis, 0) // cell
        clouds += weight * grid  # up to 7 * 255
    angle = stream.integers(0, 71, n)
    pace = stream.integers(4, 60, n)  # slow ramps to narrow stripes
    warp = stream.integers(0, 48, n)[:, None, None]
    step_x, step_y = (pace * _SIN[(angle + 18) % 72])[:, None, None], (pace * _SIN[angle])[:, None, None]
    x = np.arange(_BANK, dtype=np.int32)
    phase = ((step_x * x[None, None, :] + step_y * x[None, :, None]) >> 10) + ((clouds * warp) >> 5)
    wave = np.abs((phase & 1023) - 512)  # a triangle wave, 0 to 512
    kind = (np.arange(n) % 2)[:, None, None]
    level = np.where(kind == 0, wave - 256, (clouds - 892) >> 1)
    gain = stream.integers(40, 200, n)[:, None, None]  # soft shading to hard edges
    return np.clip(64 + ((level * gain) >> 8), 0, 128).astype(np.uint8)


def _fragments(stream: _Stream, n: int, big: Bytes) -> Array:
    """Sheets of clutter ``(n, 48, 48)``, opacity 0 to 128: strokes, blobs and cut-off pieces of glyphs."""
    sheets = np.zeros((n, _CANVAS, _CANVAS), np.int16)
    x = np.arange(_CANVAS, dtype=np.int32)
    for piece in range(7):
        cx, cy = stream.integers(0, _CANVAS, 2, n, 1, 1)
        angle = stream.integers(0, 71, n)
        cos, sin = _SIN[(angle + 18) % 72, None, None], _SIN[angle, None, None]
        u = (cos * (x[None, None, :] - cx) + sin * (x[None, :, None] - cy)) >> 6  # along, 16 a pixel
        v = (cos * (x[None, :, None] - cy) - sin * (x[None, None, :] - cx)) >> 6  # across
        if piece < 3:  # a bent stroke
            length, width, bend = (stream.integers(*r, n, 1, 1) for r in ((40, 120), (10, 26), (-10, 10)))
            mask = np.minimum(width - np.abs(v - ((bend * u * u) >> 10)), length - np.abs(u)) * 10
        elif piece < 4:  # a blob
            length, width = (stream.integers(30, 70, n, 1, 1) for _ in range(2))
            mask = (1024 - ((u << 5) // length) ** 2 - ((v << 5) // width) ** 2) >> 2
        else:  # half a glyph
            side = stream.integers(40, 56, n, 1, 1)
            gx, gy = (np.clip((w * side >> 9) + _GLYPH // 2, 0, _GLYPH - 1) for w in (u, v))
            ink = big[stream.integers(0, len(big) - 1, n, 1, 1), gy, gx].astype(np.int32)
            mask = np.minimum((ink - 100) * 2, u * 10)
        np.maximum(sheets, np.clip(mask, 0, 128).astype(np.int16), out=sheets)
    return sheets


class _Painter:
    """Composes images of one split, in chunks, from the glyphs it is given."""

    def __init__(self, split: str, big: Bytes, clutter: Bytes) -> None:
        self.stream = _Stream(split)
        self.big = big.reshape(len(big), -1)
        self.textures = _windows(_textures(self.stream, 256).astype(np.int16))
        self.sheets = _windows(_fragments(self.stream, 192, clutter))

    def paint(self, glyph: NDArray[np.int64]) -> Bytes:
        """Compose one image for each index of a glyph, ``(n,) -> (n, 3, 32, 32)``."""
        n = len(glyph)
        plain = self.stream.integers(0, 99, n) < PLAIN
        paper, ink, other = self._colours(plain)
        image = np.empty((n, 3, SIZE, SIZE), np.int16)
        image[:] = paper[0][:, :, None, None]
        _blend(image, paper[1], self._crop(self.textures, n))
        for colour in other:
            _blend(image, colour, self._crop(self.sheets, n))
        _blend(image, ink, self._digit(glyph, plain))
        noise = self.stream.octets(n, 1, SIZE, SIZE).astype(np.int16) - 128
        image += (noise * self.stream.integers(2, 9, n, 1, 1, 1).astype(np.int16)) >> 7
        return np.clip(image, 0, 255).astype(np.uint8)

    def _colours(self, plain: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
        """Paper ``(2, n, 3)``, an ink that stands out from it ``(n, 3)``, and clutter ``(2, n, 3)``."""
        n, draw = len(plain), self.stream.integers
        light = (draw(0, 99, n) < np.where(plain, 95, 50))[:, None]  # light ink on dark paper
        base = draw(0, 110, 1, n, 3) + np.where(light, 15, 130)
        paper = np.clip(base + draw(-75, 75, 2, n, 3), 0, 255)
        jump = draw(70, 140, n)[:, None] + draw(-30, 30, n, 3)
        ink = np.clip(np.where(light, paper.max(0) + jump, paper.min(0) - jump), 0, 255)
        other = np.clip(base + draw(-68, 68, 2, n, 3), 0, 255)
        return paper.astype(np.int16), ink.astype(np.int16), other.astype(np.int16)

    def _crop(self, windows: Array, n: int) -> Array:
        """Random 32x32 windows of the sheets, ``(n, 32, 32)``."""
        sheets, rows, columns = windows.shape[:3]
        draw = self.stream.integers
        return windows[draw(0, sheets - 1, n), draw(0, rows - 1, n), draw(0, columns - 1, n)]

    def _digit(self, glyph: NDArray[np.int64], plain: NDArray[np.bool_]) -> Array:
        """Opacity of the digits at a random place, size, angle and weight, ``(n, 32, 32)``, 0 to 128."""
        n, draw = len(glyph), self.stream.integers
        turn = np.where(plain, draw(-2, 2, n), draw(-4, 4, n)) % 72
        side = np.where(plain, draw(21, 25, n), draw(15, 25, n))  # pixels that the 8x8 glyph spans
        slack = np.where(plain, 4, np.maximum(SIZE + 3 - side, 12))
        step_x = (8 * _CELL * 1024) // side
        step_y = (step_x * draw(220, 292, n)) >> 8
        place = [(draw(0, 1023, n) * slack >> 10) - slack // 2 for _ in range(2)]
        x = np.arange(SIZE, dtype=np.int32)[None] - SIZE // 2 - place[0][:, None]  # (n, 32)
        y = np.arange(SIZE, dtype=np.int32)[None] - SIZE // 2 - place[1][:, None]
        cos, sin = _SIN[(turn + 18) % 72], _SIN[turn]
        column = _turned(cos * step_x >> 10, x, sin * step_x >> 10, y)
        row = _turned(-sin * step_y >> 10, x, cos * step_y >> 10, y)
        row *= _GLYPH
        row += column
        level = self.big[glyph[:, None, None], row].astype(np.int16)
        level -= draw(78, 116, n, 1, 1).astype(np.int16)  # bold to thin
        level *= 2
        return np.clip(level, 0, 128, out=level)


def _turned(
    a: NDArray[np.int32], x: NDArray[np.int32], b: NDArray[np.int32], y: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Glyph coordinate ``a x + b y`` from the glyph's middle, ``(n, 32, 32)``, kept on the glyph."""
    middle = _GLYPH * 512  # half a glyph, in 1024ths
    at = ((a[:, None] * x)[:, None, :] + ((b[:, None] * y) + middle)[:, :, None]).astype(np.int32)
    at >>= 10
    return np.clip(at, 0, _GLYPH - 1, out=at)


def _windows(sheets: Array) -> Array:
    """Every 32x32 window of each sheet, as a view ``(n, rows, columns, 32, 32)``."""
    return np.lib.stride_tricks.sliding_window_view(sheets, (SIZE, SIZE), axis=(1, 2))


def _blend(image: Array, colour: Array, opacity: Array) -> None:
    """Paint a colour ``(n, 3)`` over images in place, with opacity ``(n, 32, 32)`` from 0 to 128.

    A difference of colours times 128 is at most 32 640, so 16 bits are enough.
    """
    layer = colour[:, :, None, None] - image
    layer *= opacity[:, None]
    layer >>= 7
    image += layer


def _labels(stream: _Stream, n: int) -> NDArray[np.int64]:
    """Labels in random order, every class equally often."""
    return stream.order(n) % len(CLASSES)


def _make_split(
    split: str, n: int, glyphs: Bytes, targets: NDArray[np.int64]
) -> tuple[Bytes, NDArray[np.int64]]:
    """Make the images and labels of one split from all the glyphs."""
    held_out = np.zeros(len(glyphs), bool)
    held_out[TEST_GLYPHS] = True
    mine = held_out if split == "test" else ~held_out
    big = enlarge(glyphs)
    painter = _Painter(split, big, big[~held_out])
    labels = _labels(painter.stream, n)
    pick = painter.stream.integers(0, 32_767, n)
    glyph = np.empty(n, np.int64)
    for digit in range(len(CLASSES)):
        choice = np.flatnonzero(mine & (targets == digit))
        glyph[labels == digit] = choice[pick[labels == digit] * len(choice) >> 15]
    images = np.concatenate([painter.paint(glyph[i : i + _CHUNK]) for i in range(0, n, _CHUNK)])
    found = checksum(images, labels)
    if found != SHA256[split]:
        raise ValueError(
            f"digits32 came out with other {split} data than everywhere else: sha256 {found}, expected "
            f"{SHA256[split]}. NumPy {np.__version__} may be at fault; please report it."
        )
    return images, labels


def checksum(images: Bytes, labels: NDArray[np.int64]) -> str:
    """SHA-256 of the images, then the labels as bytes; independent of the machine's byte order."""
    return hashlib.sha256(_octets(images, labels)).hexdigest()


def _octets(images: Bytes, labels: NDArray[np.int64]) -> bytes:
    return images.tobytes() + labels.astype(np.uint8).tobytes()


def _stored(split: str) -> tuple[Bytes, NDArray[np.int64]] | None:
    """Return what an earlier process made and stored; None if there is no such file."""
    content = cache.read(f"digits32-{split}", SHA256[split])
    if content is None:
        return None
    n = {"train": NUM_TRAIN, "test": NUM_TEST}[split]
    octets = np.frombuffer(content, np.uint8)
    return octets[:-n].reshape(n, 3, SIZE, SIZE), octets[-n:].astype(np.int64)


@functools.cache
def make() -> Digits32:
    """Make digits32: 12 800 training and 2 000 test images, every class equally often, in random order.

    The result is kept for the life of the process, and read-only. It is also stored as a file, and read from
    there if the file still has the right SHA-256.

    Returns:
        ``(train_images, train_labels, test_images, test_labels)``.

    Raises:
        ValueError: If the glyphs or the images made are not the bytes whose SHA-256 is stored here.
    """
    train, test = _stored("train"), _stored("test")
    if train is None or test is None:
        glyphs, targets = read_glyphs()
        train = _make_split("train", NUM_TRAIN, glyphs, targets)
        test = _make_split("test", NUM_TEST, glyphs, targets)
        for split, (images, labels) in (("train", train), ("test", test)):
            cache.write(f"digits32-{split}", SHA256[split], _octets(images, labels))
    made = Digits32(*train, *test)
    for array in made:
        array.flags.writeable = False
    return made

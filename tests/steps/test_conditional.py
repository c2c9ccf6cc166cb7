"""Conditional Gaussian simulation: against dense algebra, its law, and odd pictures."""

import numpy as np
import pytest
from scipy import ndimage

from texto.core.errors import TextoError
from texto.methods.gaussian import Gaussian
from texto.patches.masks import as_sources
from texto.patches.noise import gaussian_field
from texto.steps.conditional import conditional_fill, masked_texton
from texto.steps.covariance import Covariance


def texture(height=24, width=30, *, blur=1.0, seed=0):
    """(H, W, 3) float32: smooth noise with coupled channels, well inside [0, 1]."""
    noise = np.random.default_rng(seed).standard_normal((height, width, 3))
    mixed = noise @ [[1, 0.6, -0.4], [0.3, 1, 0.2], [0, 0.5, 0.8]]
    smooth = ndimage.gaussian_filter(mixed, (blur, blur, 0), mode="wrap")
    return (0.5 + 0.1 * smooth / smooth.std()).astype(np.float32)


def hole(shape, *box):
    holes = np.zeros(shape, bool)
    holes[box] = True
    return holes


def dense(texton, shape):
    """Gamma (C, n, C, n) on all n pixels of `shape`, lag by lag from its definition."""
    height, width, _ = texton.shape
    points = np.argwhere(np.ones(shape, bool))
    lags = points[:, None] - points[None]
    padded = np.pad(texton.astype(float), [(shape[0],) * 2, (shape[1],) * 2, (0, 0)])
    tables = {}
    for down, right in {tuple(lag) for lag in lags.reshape(-1, 2)}:
        rows, columns = shape[0] + down, shape[1] + right
        moved = padded[rows : rows + height, columns : columns + width]
        tables[down, right] = np.einsum("ijc,ijd->cd", moved, texton)
    matrix = np.array([[tables[tuple(lag)] for lag in row] for row in lags])
    return matrix.transpose(2, 0, 3, 1)


# -- against dense algebra --------------------------------------------------------------------


@pytest.mark.parametrize("size", [(20, 20), (4, 5)])  # one spectrum, or one of the box alone
def test_covariance_product_is_the_matrix(size):
    kernel = masked_texton(texture(*size) - 0.5, np.ones(size, bool))
    for shape in [(5, 6), (1, 4)]:
        gamma = Covariance(kernel, shape)
        field = np.random.default_rng(1).standard_normal((3, *shape)).astype(np.float32)
        expected = np.einsum("cpdq,dq->cp", dense(kernel, shape), field.reshape(3, -1))
        np.testing.assert_allclose(gamma.product(field).reshape(3, -1), expected, atol=1e-5)
    assert (Covariance(kernel, (5, 6)).matrices is None) == (size == (4, 5))


def test_blocks_of_the_preconditioner_are_inverses():
    kernel = masked_texton(texture() - 0.5, np.ones((24, 30), bool)) * 10
    points = np.argwhere(np.ones((4, 5), bool))
    chosen = [points[:7], points[7:]]
    matrix = dense(kernel, (4, 5))
    for block, inverse in zip(
        chosen, Covariance(kernel, (4, 5)).inverses(chosen, 0.1), strict=True
    ):
        rows = block[:, 0] * 5 + block[:, 1]
        part = matrix[:, rows][:, :, :, rows].reshape(inverse.shape)
        np.testing.assert_allclose(
            inverse @ (part + 0.1 * np.eye(len(part))), np.eye(len(part)), atol=1e-3
        )


def test_fill_is_the_dense_solution():
    """Without a ridge whitening changes nothing, so one dense solve in RGB gives the same."""
    image = texture(blur=0.5)
    holes = hole(image.shape[:2], slice(9, 14), slice(12, 19)) | hole((24, 30), slice(11, 13), 24)
    filled = conditional_fill(image, holes, np.random.default_rng(3), reg=1e-6)

    known = ~holes
    mean = image[known].mean(axis=0)
    centred = np.where(known[:, :, None], image - mean, 0)
    kernel = masked_texton(centred, known)
    ring = ndimage.binary_dilation(holes, np.ones((7, 7))) & known
    box = ndimage.find_objects((ring | holes).astype(int))[0]
    sample = gaussian_field(kernel, np.zeros(3), holes[box].shape, np.random.default_rng(3))
    matrix = dense(kernel, holes[box].shape)
    inside, around = holes[box].ravel(), ring[box].ravel()
    right = (centred[box] - sample).reshape(-1, 3)[around].T
    solved = np.linalg.solve(
        matrix[:, around][..., around].reshape(right.size, right.size), right.ravel()
    ).reshape(right.shape)
    values = mean + sample[holes[box]]
    values = values + np.einsum("cpdq,dq->pc", matrix[:, inside][..., around], solved)
    np.testing.assert_allclose(filled[holes], np.clip(values, 0, 1), atol=0.005)


# -- its law ----------------------------------------------------------------------------------


def test_law_of_the_fill():
    """Sure beside known pixels, as varied as the texture far from them, of its mean."""
    image = texture(96, 96, blur=2)
    holes = hole((96, 96), slice(30, 66), slice(30, 66))
    fills = np.stack(
        [conditional_fill(image, holes, np.random.default_rng(seed)) for seed in range(14)]
    )
    spread = fills.std(axis=0).mean(axis=2)
    usual = image.std(axis=(0, 1)).mean()
    assert spread[44:52, 44:52].mean() == pytest.approx(usual, rel=0.25)
    assert spread[30, 30:66].mean() < 0.2 * usual
    np.testing.assert_allclose(fills[:, 40:56, 40:56].mean((0, 1, 2)), 0.5, atol=0.4 * usual)
    inside = np.corrcoef(fills[:, holes].reshape(-1, 3).T)
    np.testing.assert_allclose(inside, np.corrcoef(image.reshape(-1, 3).T), atol=0.15)


def test_no_seam():
    """The steps across the edge of the hole are as large as those of the texture."""
    image = texture(96, 96, blur=1.5)
    holes = hole((96, 96), slice(30, 66), slice(20, 66))
    filled = conditional_fill(image, holes, np.random.default_rng(0))
    across = np.abs(filled[[30, 65], 20:66] - filled[[29, 66], 20:66]).mean()
    assert across == pytest.approx(np.abs(np.diff(image, axis=0)).mean(), rel=0.2)


def test_waves_go_on_through_the_hole():
    wave = 0.5 + 0.3 * np.sin(2 * np.pi * np.arange(80) / 10)
    image = np.repeat(np.tile(wave, (80, 1))[:, :, None], 2, axis=2).astype(np.float32)
    image[:, :, 1] = 1 - image[:, :, 1]
    holes = hole((80, 80), slice(30, 50), slice(32, 48))
    filled = conditional_fill(image, holes, np.random.default_rng(0))
    assert np.abs(filled - image)[holes].mean() < 0.03
    np.testing.assert_allclose(filled.sum(axis=2), 1, atol=0.02)


# -- what must hold for any picture -----------------------------------------------------------


def border(thickness):
    holes = np.ones((20, 26), bool)
    holes[thickness:-thickness, thickness:-thickness] = False
    return ~holes


SALT = np.random.default_rng(2).random((20, 26)) < 0.6
HOLES = {
    "middle": hole((20, 26), slice(5, 12), slice(6, 15)),
    "corner and side": hole((20, 26), slice(0, 6), slice(0, 7)) | hole((20, 26), 19),
    "a column from edge to edge": hole((20, 26), slice(None), slice(10, 13)),
    "salt": SALT,
    "all but a border of 1": border(1),
    "all but a border of 2": border(2),
    "all but one pixel": ~hole((20, 26), 3, 4),
    "all but two": ~hole((20, 26), 3, slice(4, 6)),
    "all": np.ones((20, 26), bool),
    "none": np.zeros((20, 26), bool),
}
ROWS, COLUMNS = np.mgrid[:20, :26]
PICTURES = {
    "texture": texture(20, 26),
    "grey": texture(20, 26)[:, :, :1],
    "seven channels": np.concatenate([texture(20, 26, seed=seed) for seed in (1, 2, 3)], 2)[
        ..., :7
    ],
    "constant": np.full((20, 26, 3), 0.3),
    "one flat channel": texture(20, 26) * [1, 0, 1],
    "two colours": np.repeat((texture(20, 26)[:, :, :1] > 0.5).astype(float), 3, axis=2),
    "ramp": np.stack([ROWS / 19, COLUMNS / 25, 0.5 + 0 * ROWS], axis=2),
    "checkers": ((ROWS + COLUMNS) % 2)[:, :, None].astype(float),
    "one dot": hole((20, 26), 1, 1)[:, :, None].astype(float),
}


@pytest.mark.parametrize("holes", HOLES.values(), ids=HOLES)
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_any_picture_with_any_holes(picture, holes):
    image = picture.astype(np.float32)
    image[holes] = np.nan  # what the holes hold must not matter
    before = image.copy()
    filled = conditional_fill(image, holes, np.random.default_rng(0))
    assert filled.shape == image.shape and filled.dtype == np.float32
    assert np.isfinite(filled).all() and filled.min() >= 0 and filled.max() <= 1
    assert filled[~holes].tobytes() == before[~holes].tobytes()
    assert np.array_equal(image, before, equal_nan=True)


@pytest.mark.parametrize("shape", [(1, 2), (2, 2), (1, 30), (30, 1), (3, 3)])
def test_tiny_pictures(shape):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        image, holes = rng.random((*shape, 3), np.float32), rng.random(shape) < 0.5
        filled = conditional_fill(image, holes, rng)
        assert np.array_equal(filled[~holes], image[~holes]) and np.isfinite(filled).all()


def test_one_known_colour_fills_the_holes_with_itself():
    image = np.full((9, 9, 3), [0.2, 0.4, 0.9], np.float32)
    filled = conditional_fill(image, hole((9, 9), 4, slice(2, 6)), np.random.default_rng(0))
    np.testing.assert_allclose(filled, image, atol=1e-6)


def test_sources_give_the_texture():
    """A left half of large contrast is not what a hole on the right takes its texture from."""
    image = texture(60, 100, blur=1)
    image[:, :50] = 0.5 + 3 * (image[:, :50] - 0.5)
    holes = hole((60, 100), slice(15, 45), slice(60, 90))
    right = hole((60, 100), slice(None), slice(52, 100))
    rng = np.random.default_rng
    spread = {
        name: conditional_fill(image, holes, rng(0), sources=used)[25:35, 70:80].std()
        for name, used in {"all": None, "right": right, "left": ~right}.items()
    }
    assert spread["left"] > spread["all"] > 1.3 * spread["right"]
    assert spread["right"] == pytest.approx(image[:, 52:].std(), rel=0.4)


# -- the method -------------------------------------------------------------------------------


def test_gaussian_inpaints_from_sources():
    image, holes = texture(), hole((24, 30), slice(5, 12), slice(6, 15))
    some = hole((24, 30), slice(12, 24))
    result = Gaussian().inpaint(image, holes, sources=some, rng=1)
    expected = conditional_fill(image, holes, np.random.default_rng(1), sources=some)
    assert np.array_equal(result, expected)
    assert not np.array_equal(result, Gaussian().inpaint(image, holes, rng=1))
    assert not np.array_equal(result, Gaussian().inpaint(image, holes, sources=some, rng=2))


@pytest.mark.parametrize(
    ("sources", "why"),
    [
        (np.ones((24, 30)), "source mask: holds float64 values"),
        (np.ones((20, 31), bool), "source mask: is 31x20, the picture is 30x24"),
        (np.zeros((24, 30), bool), "source mask: selects no known pixel"),
        (hole((24, 30), 4), "source mask: selects no known pixel"),
    ],
)
def test_bad_sources_are_refused(sources, why):
    with pytest.raises(TextoError, match=why):
        Gaussian().inpaint(texture(), hole((24, 30), slice(2, 7)), sources=sources, rng=0)


def test_sources_leave_the_holes_out():
    holes, sources = hole((4, 4), 1), hole((4, 4), slice(0, 3))
    assert np.array_equal(as_sources(None, holes), ~holes)
    assert np.array_equal(np.flatnonzero(as_sources(sources, holes)), [0, 1, 2, 3, 8, 9, 10, 11])


# -- several holes ----------------------------------------------------------------------------


def test_holes_far_apart_are_drawn_as_if_alone():
    """The first of two has the values that it has without the second, but for the colours."""
    image = texture(96, 40)
    first, second = (hole((96, 40), rows, slice(10, 16)) for rows in (slice(8, 14), slice(80, 88)))
    used = ~(first | second)
    both = conditional_fill(image, first | second, np.random.default_rng(1), sources=used)
    alone = conditional_fill(image, first, np.random.default_rng(1), sources=used)
    np.testing.assert_allclose(both[first], alone[first], atol=1e-5)
    assert np.array_equal(both[used], image[used])


def test_boxes_share_the_covariances_of_the_largest():
    kernel = masked_texton(texture(40, 44) - 0.5, np.ones((40, 44), bool))
    points = [np.argwhere(np.ones((3, 4), bool))]
    own, shared = Covariance(kernel, (3, 5)), Covariance(kernel, (6, 5)).within((3, 5))
    field = np.random.default_rng(1).standard_normal((3, 3, 5)).astype(np.float32)
    np.testing.assert_allclose(shared.product(field), own.product(field), atol=1e-5)
    for one, other in zip(shared.inverses(points, 0.1), own.inverses(points, 0.1), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("count", [2, 12])
def test_work_follows_the_holes_and_not_their_distance(count, monkeypatch):
    shapes = []
    product = Covariance.product

    def counted(self, field):
        shapes.append(field.shape[1:])
        return product(self, field)

    monkeypatch.setattr(Covariance, "product", counted)
    image, holes = texture(200, 180), np.zeros((200, 180), bool)
    for number in range(count):
        row, column = divmod(number, 4)
        holes[10 + 60 * row : 13 + 60 * row, 10 + 45 * column : 14 + 45 * column] = True
    filled = conditional_fill(image, holes, np.random.default_rng(2))
    assert set(shapes) == {(9, 10)} and len(shapes) < 10 * count
    assert np.array_equal(filled[~holes], image[~holes]) and (filled[holes] != image[holes]).all()

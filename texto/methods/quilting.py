"""Image quilting: blocks of the exemplar side by side, cut where they agree best."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.errors import TextoError
from ..core.settings import PERIODIC, check_settings, setting, tileable_setting
from ..core.state import only, take
from ..core.threads import single_blas
from ..core.types import Progress, Rng, Step, as_image, as_shape, generator, silent
from ..patches.block_search import BlockSearch
from ..patches.cuts import between

SMALLEST = 4  # pixels: the side of the smallest block
SHARE = 6  # an automatic overlap is so many times narrower than a block (the paper: 6)
BLOCKS = 4  # automatic blocks are so many times smaller than the exemplar's shorter side
EXACT = 1e-9  # squared difference a value up to which a block fits exactly, but for rounding


@dataclass(frozen=True)
class Quilting:
    """Image quilting: overlapping blocks of the exemplar, each cut along its best boundary.

    Efros, Freeman 2001. Blocks are laid row by row. Each is drawn among the blocks of the
    exemplar whose difference to what is there, in the overlap, is within `tolerance` of the
    least; the boundary between old and new pixels then runs where they differ least. Every pixel
    is one of the exemplar's. The published rule copies the exemplar up to its border: what
    lies there beside a neighbour's block fits with difference 0, and 1.1 times 0 lets nothing
    else in. Some blocks (`novelty`) have to come from elsewhere; if all had to, the plainest
    part of the exemplar, which fits to itself everywhere, would spread over the picture.
    """

    summary: ClassVar[str] = (
        "overlapping blocks of the exemplar, cut where they agree best (Efros, Freeman 2001)"
    )
    good_for: ClassVar[str] = (
        "sharp pictures within a second or two, elements kept whole; copies pieces, which repeat"
    )
    quick: ClassVar[Mapping[str, Any]] = {}

    block_size: int | None = setting(
        None,
        "side of a block in pixels: more than the largest element of the texture; larger blocks "
        "copy more, smaller ones lose structure; none: a quarter of the exemplar's shorter side",
        low=SMALLEST,
        high=1024,
        automatic=True,
    )
    overlap: int | None = setting(
        None,
        "pixels that blocks have in common, at most half a block; none: a sixth, at least 2",
        low=1,
        high=512,
        automatic=True,
    )
    tolerance: float = setting(
        0.1,
        "how much worse than the best a block may fit to be drawn; 0: only the best",
        low=0,
        high=10,
        stage="synthesis",
    )
    novelty: float = setting(
        0.3,
        "share of blocks that may not go on where a neighbour's block ends in the exemplar; 0: "
        "the published form, which copies large pieces",
        low=0,
        high=1,
        stage="synthesis",
    )
    tileable: str = tileable_setting()

    def __post_init__(self):
        check_settings(self)
        if self.overlap and self.block_size and 2 * self.overlap > self.block_size:
            raise TextoError(
                "overlap",
                f"is {self.overlap}, more than half of block_size={self.block_size}",
                "lower it or raise block_size",
            )

    def fit(
        self, exemplar: np.ndarray, *, rng: Rng = None, progress: Progress = silent
    ) -> QuiltingModel:
        """A model that holds `exemplar` (H, W, C) in [0, 1]: all work is in `synthesize`.

        Raises TextoError where a side is shorter than a block.
        """
        generator(rng)  # nothing is drawn, but a bad seed is told
        model = self._model(np.array(exemplar), "exemplar")
        progress(Step("fit", 0, 1, 1))
        return model

    def restore(self, state: Mapping[str, np.ndarray]) -> QuiltingModel:
        """The model whose `state()` is `state`; TextoError where it makes no sense."""
        only(state, ["exemplar"])
        exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
        return self._model(exemplar, "tensor 'exemplar'")

    def adapted(self, exemplar: np.ndarray) -> Quilting:
        """This method with the sizes of blocks and overlaps for `exemplar` (H, W, C)."""
        size, overlap = self.sizes(exemplar.shape)
        return dataclasses.replace(self, block_size=size, overlap=overlap)

    def sizes(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The side of blocks and the overlap, in pixels, for an exemplar of `shape` (H, W, ...)."""
        least = max(SMALLEST, 2 * (self.overlap or 0))
        size = self.block_size or max(least, min(shape[:2]) // BLOCKS)
        return size, self.overlap or max(2, round(size / SHARE))

    def _model(self, exemplar: np.ndarray, what: str) -> QuiltingModel:
        """The model of `exemplar`; TextoError where it has no room for a block."""
        exemplar = as_image(exemplar, what)
        size, overlap = self.sizes(exemplar.shape)
        if min(exemplar.shape[:2]) < size:
            raise TextoError(
                what,
                f"is {exemplar.shape[1]}x{exemplar.shape[0]}, smaller than a block of {size} "
                f"pixels with an overlap of {overlap}",
                "lower block_size or overlap, or give a larger picture",
            )
        return QuiltingModel(self.adapted(exemplar), exemplar)


@dataclass(frozen=True, eq=False)
class QuiltingModel:
    """An exemplar to take blocks from."""

    method: Quilting
    exemplar: np.ndarray

    @single_blas()
    def synthesize(
        self, shape: tuple[int, int], *, rng: Rng = None, progress: Progress = silent
    ) -> np.ndarray:
        """New texture (height, width, C) float32, each pixel one of the exemplar's.

        On a periodic axis the last blocks meet the first ones, and are cut on both sides.
        Cost: O(n H W C log(H W)) for n blocks, of which there are about h w / (b - o)^2;
        memory is that of a few pictures.
        """
        shape, rng, method = as_shape(shape), generator(rng), self.method
        size, overlap = method.sizes(self.exemplar.shape)
        periodic = PERIODIC[method.tileable]
        rows, columns = (
            _Axis.of(*each, size, overlap) for each in zip(shape, periodic, strict=True)
        )
        quilt = _Quilt(method, self.exemplar, rows, columns)
        total = len(rows.starts) * len(columns.starts)
        for number, (i, j) in enumerate(np.ndindex(len(rows.starts), len(columns.starts)), 1):
            quilt.lay(i, j, rng)
            progress(Step("synthesize", 0, number, total))
        return np.ascontiguousarray(quilt.picture[: shape[0], : shape[1]])

    def state(self) -> dict[str, np.ndarray]:
        """The exemplar: everything else follows from it."""
        return {"exemplar": self.exemplar}


@dataclass(frozen=True, eq=False)
class _Axis:
    """Where blocks of `side` pixels lie along one axis of a canvas of `length` pixels.

    `starts` : (n,), their first pixels. A `closed` axis is circular: the last block meets the
    first.
    """

    length: int
    side: int
    starts: np.ndarray
    closed: bool

    @classmethod
    def of(cls, length: int, closed: bool, side: int, overlap: int) -> _Axis:
        """Blocks of `side` pixels over `length`, which have `overlap` pixels in common.

        On a circle they are as much smaller as makes them meet; on a short one there are two.
        """
        step = side - overlap
        if not closed:
            starts = np.arange(0, max(1, length - overlap), step)
            return cls(int(starts[-1]) + side, side, starts, False)
        count = min(length, max(2, -(-length // step)))
        widest = -(-length // count)
        side = widest + min(overlap, max(0, widest - 2))
        return cls(length, side, np.arange(count) * length // count, True)

    def pixels(self, number: int) -> np.ndarray:
        """(side,): the pixels of a block."""
        return (self.starts[number] + np.arange(self.side)) % self.length

    def met(self, number: int) -> list[tuple[int, int]]:
        """The blocks that a block meets which are laid before it, and the steps from them to it."""
        found = []
        if number:
            found.append((number - 1, int(self.starts[number] - self.starts[number - 1])))
            if self.closed and number == len(self.starts) - 1:
                found.append((0, int(self.starts[number]) - self.length))
        return found

    def shared(self, number: int) -> tuple[int, int]:
        """How many pixels a block has in common with those at its beginning and its end."""
        steps = [step for _, step in self.met(number)]
        before, after = ([self.side - abs(s) for s in steps if s * way > 0] for way in (1, -1))
        return sum(before), sum(after)


@dataclass(eq=False)
class _Quilt:
    """A picture in the making, of blocks of `exemplar` (H, W, C) on `rows` and `columns`.

    `picture` : (height, width, C) of the canvas, what is laid so far. `places` : row and column
    where each block that is laid begins in the exemplar.
    """

    method: Quilting
    exemplar: np.ndarray
    rows: _Axis
    columns: _Axis

    def __post_init__(self):
        channels = self.exemplar.shape[2]
        self.picture = np.zeros((self.rows.length, self.columns.length, channels), np.float32)
        self.places: dict[tuple[int, int], np.ndarray] = {}
        self.search = BlockSearch(self.exemplar)

    def lay(self, i: int, j: int, rng: np.random.Generator) -> None:
        """Draw the block in row `i`, column `j`, cut it, and lay it."""
        spot = np.ix_(self.rows.pixels(i), self.columns.pixels(j))
        old, down, across = self.picture[spot], self.rows.shared(i), self.columns.shared(j)
        errors = self.search.errors(old, down, across)
        row, column = self.places[i, j] = self.draw(errors, i, j, rng)
        new = self.exemplar[row : row + len(old), column : column + old.shape[1]]
        difference = np.square(new - old).sum(axis=2)
        laid = between(difference.T, *down).T & between(difference, *across)
        self.picture[spot] = np.where(laid[:, :, None], new, old)

    def draw(self, errors: np.ndarray, i: int, j: int, rng: np.random.Generator) -> np.ndarray:
        """(2,): where block (i, j) begins, one of the best by `errors` (r, s)."""
        continuing = self.continuing(errors.shape, i, j)
        if rng.random() < self.method.novelty and not continuing.all():
            errors = np.where(continuing, np.inf, errors)
        largest = (1 + self.method.tolerance) * errors.min() + EXACT
        return rng.choice(np.argwhere(errors <= largest))

    def continuing(self, shape: tuple[int, ...], i: int, j: int) -> np.ndarray:
        """(r, s) bool: the places where the exemplar goes on from a neighbour of block (i, j).

        Up to half a block beside: a copy that is moved a little is a copy.
        """
        met = [((k, j), (step, 0)) for k, step in self.rows.met(i)]
        met += [((i, k), (0, step)) for k, step in self.columns.met(j)]
        half = np.array((self.rows.side, self.columns.side)) // 2
        near = np.zeros(shape, bool)
        for block, step in met:
            place = self.places[block] + step
            top, left = np.maximum(place - half, 0)
            bottom, right = np.maximum(place + half + 1, 0)
            near[top:bottom, left:right] = True
        return near

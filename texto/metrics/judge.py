"""All scores of many results against one exemplar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..core.errors import TextoError
from ..core.types import as_image, generator
from .pictures import check_channels
from .table import Column, Measure, chosen

N_DRAWS = 2


@dataclass(frozen=True)
class Score:
    """A `value` with its `spread`, or the `reason` why there is none.

    The spread is the standard deviation over draws, of the floor over pairs of halves; None
    where there is one value only.
    """

    value: float | None = None
    spread: float | None = None
    reason: str | None = None


class Judge:
    """Scores results against one exemplar; what depends on the exemplar is computed once.

    exemplar : (H, W, C) float32 in [0, 1]. `columns` are names of `texto.metrics.columns()`,
    or columns themselves; all where None. `seed` and `n_draws` decide what is drawn: each column
    starts from the seed anew, so a score equals that of its function with `rng=seed,
    n_draws=n_draws`, whatever else is computed. A column that cannot run gives its reason and
    does not disturb the others.
    """

    def __init__(
        self,
        exemplar: np.ndarray,
        columns: Iterable[str | Column] | None = None,
        *,
        seed: int = 0,
        n_draws: int = N_DRAWS,
    ):
        if n_draws < 1:
            raise TextoError("n_draws", f"is {n_draws}", "give at least 1")
        generator(seed)
        self.exemplar = as_image(exemplar)
        self.columns = tuple(chosen(columns))
        self.seed, self.n_draws = seed, n_draws
        self._measures: dict[str, Measure] = {}
        self._floor: dict[str, Score] | None = None

    def scores(self, result: np.ndarray) -> dict[str, Score]:
        """The scores of `result`, (H, W, C) float32 in [0, 1] of any size, by column.

        TextoError for other channels than the exemplar's, or what is no picture. Cost: 4 s on
        two cores for all scores without a network, an exemplar of 256 x 256 and two draws.
        """
        result = as_image(result, "result")
        check_channels(result, self.exemplar)
        return {column.name: self._score(column, result) for column in self.columns}

    def floor(self) -> dict[str, Score]:
        """What another piece of the same texture gets: halves of the exemplar against each other.

        The mean over left against right, top against bottom, and both the other way round, with
        the standard deviation over these four; one draw each. The halves share no pixel, so the
        exemplar's own unevenness is in it. On stationary photographs of 256 x 256 it is what
        other parts of the same photograph get in transport, and up to twice that in `spectrum`
        and 1.4 times in `autocorrelation`, where halves know less than wholes. An exemplar of
        few large objects or with uneven light has a high floor, below which good results come;
        what no result can beat is `scores(exemplar)`. Computed once.
        """
        if self._floor is None:
            self._floor = {column.name: self._floor_of(column) for column in self.columns}
        return self._floor

    def _score(self, column: Column, result: np.ndarray) -> Score:
        def values() -> np.ndarray:
            measure = self._measures.get(column.name) or column.prepare(self.exemplar)
            self._measures[column.name] = measure
            return measure(result, generator(self.seed), self.n_draws)

        return _scored(column, values)

    def _floor_of(self, column: Column) -> Score:
        def values() -> np.ndarray:
            rng = generator(self.seed)
            return np.concatenate(
                [column.prepare(first)(second, rng, 1) for first, second in _halves(self.exemplar)]
            )

        if column.absent() is None and min(self.exemplar.shape[:2]) // 2 < column.smallest:
            return Score(reason=f"the exemplar's halves are below {column.smallest} pixels a side")
        return _scored(column, values)


def score(
    result: np.ndarray,
    exemplar: np.ndarray,
    columns: Iterable[str | Column] | None = None,
    *,
    seed: int = 0,
    n_draws: int = N_DRAWS,
) -> dict[str, Score]:
    """`Judge(exemplar, columns, ...).scores(result)`, for a single result."""
    return Judge(exemplar, columns, seed=seed, n_draws=n_draws).scores(result)


def _scored(column: Column, values: Callable[[], np.ndarray]) -> Score:
    """The mean and the spread of `values()`, or the reason why there are none."""
    reason = column.absent()
    if reason is not None:
        return Score(reason=reason)
    try:
        found = np.asarray(values(), np.float64)
    except TextoError as error:
        return Score(reason=f"{error.what} {error.why}")
    except MemoryError:
        return Score(reason="needs more memory than there is")
    spread = float(found.std(ddof=1)) if len(found) > 1 else None
    return Score(float(found.mean()), spread)


def _halves(exemplar: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Left and right, top and bottom, in both orders; an odd middle line belongs to neither."""
    height, width = exemplar.shape[:2]
    left, right = exemplar[:, : width // 2], exemplar[:, -(width // 2) :]
    top, bottom = exemplar[: height // 2], exemplar[-(height // 2) :]
    yield from ((left, right), (right, left), (top, bottom), (bottom, top))

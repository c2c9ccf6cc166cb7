"""What a method's `restore` checks about the arrays of a model file.

The file's checksum says that nothing was damaged; these checks say that the arrays make sense
together, so that a model which loads can also be used. Each raises TextoError naming the tensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn

import numpy as np

from .errors import TextoError
from .types import as_image

_SUM_TOLERANCE = 1e-4
_ROUNDING = 1e-5  # relative: float32 arithmetic in a few hundred dimensions


def only(state: Mapping[str, np.ndarray], names: Iterable[str]) -> None:
    """Raise TextoError unless the tensors of `state` are exactly `names`."""
    expected = set(names)
    if missing := sorted(expected - set(state)):
        _refuse(missing[0], "is missing")
    if extra := sorted(set(state) - expected):
        _refuse(extra[0], f"does not belong here (known are {', '.join(sorted(expected))})")


def take(
    state: Mapping[str, np.ndarray],
    name: str,
    *,
    shape: tuple[int | None, ...],
    dtype: np.typing.DTypeLike,
) -> np.ndarray:
    """The tensor `name`; TextoError if it is missing, not finite or of another shape or dtype.

    In `shape`, None stands for any size of at least 1.
    """
    if name not in state:
        _refuse(name, "is missing")
    array = state[name]
    if array.dtype != np.dtype(dtype):
        _refuse(name, f"is {array.dtype}, expected {np.dtype(dtype)}")
    fits = array.ndim == len(shape) and all(
        size >= 1 if wanted is None else size == wanted
        for size, wanted in zip(array.shape, shape, strict=False)
    )
    if not fits:
        _refuse(name, f"has shape {_shape(array.shape)}, expected {_shape(shape)}")
    _check_finite(array, name)
    return array


def kept_exemplar(state: Mapping[str, np.ndarray], *, smallest: int = 1) -> np.ndarray:
    """The tensor `exemplar`, (H, W, C) float32 in [0, 1], no side under `smallest` pixels."""
    exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
    return as_image(exemplar, "tensor 'exemplar'", smallest=smallest)


def check_probabilities(array: np.ndarray, name: str) -> None:
    """Raise TextoError unless `array`, of any shape, is finite, >= 0 and sums to 1 within 1e-4."""
    _check_finite(array, name)
    if array.size and array.min() < 0:
        _refuse(name, f"has the negative weight {array.min():g}")
    with np.errstate(over="ignore"):
        total = float(array.sum(dtype=np.float64))
    if abs(total - 1) > _SUM_TOLERANCE:
        _refuse(name, f"sums to {total:g}, expected 1")


def check_covariances(array: np.ndarray, name: str) -> None:
    """Raise TextoError unless `array` holds covariances.

    array : (K, d, d), each symmetric with no eigenvalue below 0 (both up to rounding), or
    (K, d) variances, all > 0. Cost: O(K d^3), or O(K d).
    """
    _check_finite(array, name)
    if array.ndim == 2:
        if array.size and array.min() <= 0:
            _refuse(name, f"has the variance {array.min():g}, expected more than 0")
        return
    if array.ndim != 3 or array.shape[1] != array.shape[2]:
        _refuse(name, f"has shape {_shape(array.shape)}, expected (K, d, d) or (K, d)")
    for k, covariance in enumerate(array.astype(np.float64, copy=False)):
        _check_covariance(covariance, f"covariance {k}", name)


def _check_covariance(covariance: np.ndarray, which: str, name: str) -> None:
    tolerance = _ROUNDING * np.abs(covariance).max(initial=0)
    with np.errstate(over="ignore"):
        asymmetry = np.abs(covariance - covariance.T).max(initial=0)
    if asymmetry > tolerance:
        _refuse(name, f"{which} is not symmetric")
    lowest = np.linalg.eigvalsh(covariance).min(initial=0)
    if lowest < -tolerance:
        _refuse(name, f"{which} is not positive: it has the eigenvalue {lowest:.3g}")


def _check_finite(array: np.ndarray, name: str) -> None:
    if not np.isfinite(array).all():
        _refuse(name, "is not finite")


def _shape(shape: tuple[int | None, ...]) -> str:
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _refuse(name: str, why: str) -> NoReturn:
    raise TextoError(f"tensor {name!r}", why, "fit the model again")

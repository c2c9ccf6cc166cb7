"""What goes into a mix: exemplars with weights, and the checks on models, settings, weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import numpy as np

from ...core.contract import Adapts, Method, Mixed, Model
from ...core.errors import TextoError
from ...core.settings import replaced, settings_of
from ...core.state import check_probabilities, take
from ...core.types import as_image

M = TypeVar("M", bound=Method)

SEED = 0  # of what is drawn for a mix itself: the same models give the same mix
SUM = 1e-6  # how far from one the sum of weights may be


@dataclass(frozen=True, eq=False)
class Ingredient:
    """`exemplar` (H, W, C) with its `weight`; `model` is its pure model, None if not at hand."""

    model: Model | None
    exemplar: np.ndarray
    weight: float


def ingredients(
    method: Method, models: Sequence[Model], weights: Sequence[float]
) -> list[Ingredient]:
    """The exemplars of `models` with a weight > 0, none twice.

    A mix counts as its ingredients, weights multiplied. TextoError for models of another method
    or of other settings, for channels that differ and for wrong weights.
    """
    shares = checked_weights(weights, len(models))
    for model in models:
        _check_model(method, model)
    check_channels([model.exemplar for model in models])
    found: list[Ingredient] = []
    for model, share in zip(models, shares, strict=True):
        for part in _parts(model):
            _add(found, dataclasses.replace(part, weight=float(share * part.weight)))
    return found


def normalised(parts: Sequence[Ingredient]) -> np.ndarray:
    """The weights (r,) float64 of `parts`, summing to one."""
    weights = np.array([part.weight for part in parts])
    return weights / weights.sum()


def pure_pair(method: Method, models: Sequence[Model]) -> list[Ingredient]:
    """The two `models` that a map lies between, or one where both are of one exemplar."""
    if len(models) != 2:
        raise TextoError("map", f"lies between two textures, got {len(models)}", "give two")
    parts = ingredients(method, models, [0.5, 0.5])
    if len(parts) > 2 or any(part.model is None for part in parts):
        raise TextoError("map", "lies between pure textures, got a mix", "give its ingredients")
    return parts


def shared(method: M, models: Sequence[Model]) -> M:
    """`method` with its automatic settings as the `models` of a mix have them.

    None where they differ, as those of exemplars of other sizes do: the mix then finds its own;
    None of the synthesis stays, for it follows from other settings that `method` may have.
    TextoError where `method` has a setting of the fit that none of them has.
    """
    changes = {}
    for name in automatic_settings(method):
        own, held = getattr(method, name), {getattr(model.method, name) for model in models}
        of_fit = settings_of(method)[name].stage == "fit"
        if own in held or (own is None and of_fit):
            changes[name] = held.pop() if len(held) == 1 else None
        elif of_fit:
            _refuse(name, own, held.pop())
    return replaced(method, **changes)


def method_for_others(model: Model) -> Method:
    """The method of `model` to fit exemplars of other sizes with.

    Automatic settings are None again, but where the model's is not what its exemplar asks for.
    """
    free = replaced(model.method, **dict.fromkeys(automatic_settings(model.method)))
    if isinstance(model, Mixed) or not isinstance(free, Adapts):
        return free
    held = {name: getattr(model.method, name) for name in automatic_settings(free)}
    own = free.adapted(model.exemplar)
    return replaced(
        free, **{name: value for name, value in held.items() if value != getattr(own, name)}
    )


def automatic_settings(method: Method) -> list[str]:
    """The names of the settings of `method` that follow from the exemplar where they are None."""
    return [name for name, known in settings_of(method).items() if known.automatic]


def pure_model(method: Method, part: Ingredient) -> Model:
    """The pure model of an ingredient, with the settings of the synthesis of `method`.

    `method` is a `shared` one: what is None there stays as the model has it.
    """
    if part.model is None:  # only mixes held it, and they have no maps of its own
        return method.fit(part.exemplar, rng=SEED)
    own = {
        name: getattr(part.model.method, name)
        for name in automatic_settings(method)
        if getattr(method, name) is None
    }
    return replaced(part.model, method=replaced(method, **own))


def mixed_state(exemplars: Sequence[np.ndarray], weights: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays that `restored` needs."""
    state = {"exemplar": exemplars[0], "mix.weights": weights}
    for number, exemplar in enumerate(exemplars[1:], start=1):
        state[f"mix.exemplar{number}"] = exemplar
    return state


def restored(
    state: Mapping[str, np.ndarray], *, smallest: int
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """The exemplars and weights of a mix from its state; TextoError where they make no sense.

    No side of an exemplar is under `smallest` pixels.
    """
    weights = take(state, "mix.weights", shape=(None,), dtype=np.float64)
    check_probabilities(weights, "mix.weights")
    if len(weights) < 2 or weights.min() <= 0:
        raise TextoError("tensor 'mix.weights'", "is not of a mix", "mix the models again")
    exemplars: list[np.ndarray] = []
    for name in ["exemplar", *(f"mix.exemplar{number}" for number in range(1, len(weights)))]:
        array = take(state, name, shape=(None, None, None), dtype=np.float32)
        exemplars.append(as_image(array, f"tensor {name!r}", smallest=smallest))
        if array.shape[2] != exemplars[0].shape[2]:
            raise TextoError(f"tensor {name!r}", "has other channels", "mix the models again")
    return tuple(exemplars), weights


def checked_weights(weights: Sequence[float], count: int) -> np.ndarray:
    """`weights` (count,) float64, exactly normalised; TextoError unless >= 0 with sum 1."""
    values = np.asarray(weights, np.float64)
    if count == 0 or values.shape != (count,):
        raise TextoError(
            "weights", f"are {values.size} for {count} models", "give one weight for each model"
        )
    if not np.isfinite(values).all() or values.min() < 0 or abs(values.sum() - 1) > SUM:
        raise TextoError(
            "weights", f"must be >= 0 with sum 1, got {values.tolist()}", "divide by their sum"
        )
    return values / values.sum()


def check_channels(exemplars: Sequence[np.ndarray]) -> None:
    """TextoError unless all exemplars (H_i, W_i, C) have one C."""
    counts = sorted({exemplar.shape[2] for exemplar in exemplars})
    if len(counts) > 1:
        raise TextoError(
            "channels",
            f"of the exemplars are {' and '.join(map(str, counts))}",
            "give pictures of one kind, all in colour or all grey",
        )


def _parts(model: Model) -> list[Ingredient]:
    """The ingredients of one model: itself, or those of a mix."""
    if not isinstance(model, Mixed):
        return [Ingredient(model, model.exemplar, 1.0)]
    return [
        Ingredient(None, exemplar, float(weight))
        for exemplar, weight in zip(model.exemplars, model.weights, strict=True)
    ]


def _add(found: list[Ingredient], new: Ingredient) -> None:
    """Append `new`, or add its weight to that of the same exemplar."""
    if new.weight == 0:
        return
    for number, known in enumerate(found):
        if np.array_equal(known.exemplar, new.exemplar):
            total, model = known.weight + new.weight, known.model or new.model
            found[number] = dataclasses.replace(known, model=model, weight=total)
            return
    found.append(new)


def _check_model(method: Method, model: Model) -> None:
    """TextoError unless `model` is of the same method, with the same settings of the fit."""
    kind = type(model.method) if isinstance(model, Model) else type(model)
    if kind is not type(method):
        raise TextoError(
            "models", f"one is of {kind.__name__}", f"give {type(method).__name__} models"
        )
    for name, known in settings_of(method).items():
        own, other = getattr(method, name), getattr(model.method, name)
        if known.stage == "fit" and not known.automatic and own != other:
            _refuse(name, own, other)


def _refuse(name: str, own: object, other: object) -> NoReturn:
    raise TextoError(
        f"setting {name!r}",
        f"is {own} for the mix and {other} in a model",
        "fit all models with the same settings",
    )

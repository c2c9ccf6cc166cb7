"""What losses have in common: nouns that add and scale."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

import torch

from texto.core.errors import TextoError

from ..features.kinds import Features

Maps = Mapping[str, torch.Tensor]


class Additive(ABC):
    """Sums and multiples: `patches + 0.05 * vgg`, `sum(losses)`."""

    @property
    @abstractmethod
    def terms(self) -> list[tuple[float, Term]]:
        """The terms and their weights."""

    def __add__(self, other: Additive) -> Loss:
        return Loss([*self.terms, *other.terms]) if isinstance(other, Additive) else NotImplemented

    def __radd__(self, other: int) -> Loss:
        return Loss(self.terms) if other == 0 else NotImplemented  # where `sum` begins

    def __mul__(self, factor: float) -> Loss:
        if not isinstance(factor, int | float):
            return NotImplemented
        return Loss([(factor * weight, term) for weight, term in self.terms])

    __rmul__ = __mul__


class Loss(Additive):
    """A weighted sum of terms: sum_k w_k term_k.

    >>> loss = SemiDual(patches, ...) + 0.05 * SemiDual(vgg, ...)
    >>> maps = loss.maps(picture)        # each distinct features object runs once
    >>> loss.ascend(detached(maps)); loss.settle()
    >>> loss.value(maps).backward()
    """

    def __init__(self, terms: Iterable[tuple[float, Term]]):
        self._terms = list(terms)

    @property
    def terms(self) -> list[tuple[float, Term]]:
        """The terms and their weights."""
        return self._terms

    @property
    def features(self) -> list[Features]:
        """The distinct features objects of the terms, in order."""
        return list({id(term.features): term.features for _, term in self.terms}.values())

    def maps(self, picture: torch.Tensor) -> dict[int, Maps]:
        """The maps of `picture` (1, C, H, W), by the `id` of the features object."""
        return {id(features): features(picture) for features in self.features}

    def value(self, maps: Mapping[int, Maps]) -> torch.Tensor:
        """The weighted sum, a scalar, differentiable in `maps`."""
        return total(weight * term.value(maps[id(term.features)]) for weight, term in self.terms)

    def ascend(self, maps: Mapping[int, Maps]) -> None:
        """One step of ascent of every term's potentials; `maps` need no gradients."""
        for _, term in self.terms:
            term.ascend(maps[id(term.features)])

    def settle(self) -> None:
        """Let every term go to its averaged potentials."""
        for _, term in self.terms:
            term.settle()

    def state(self) -> dict[str, torch.Tensor]:
        """All that `ascend` has changed, for a checkpoint."""
        return {
            f"{number}.{name}": tensor
            for number, (_, term) in enumerate(self.terms)
            for name, tensor in term.state().items()
        }

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a `state()` of the same loss. TextoError where it is of another one."""
        for number, (_, term) in enumerate(self.terms):
            start = f"{number}."
            term.load({k[len(start) :]: v for k, v in state.items() if k.startswith(start)})


class Term(Additive):
    """One loss on the maps of one features object, at `layers`.

    `weights` : of the layers, see `layer_weights`.
    """

    def __init__(
        self,
        features: Features,
        target_maps: Maps,
        *,
        layers: Sequence[str] | None,
        weights: float | Mapping[str, float] | None,
    ):
        self.features = features
        self.layers = tuple(layers if layers is not None else target_maps)
        for layer in self.layers:
            if layer not in target_maps or layer not in features.layers:
                known = ", ".join(name for name in features.layers if name in target_maps)
                raise TextoError(f"layer {layer!r}", "is not among the features", f"use {known}")
        if not self.layers:
            raise TextoError("layers", "are none", "name one at least")
        self.weights = layer_weights(self.layers, weights)

    @property
    def terms(self) -> list[tuple[float, Term]]:
        """Itself."""
        return [(1.0, self)]

    @abstractmethod
    def value(self, maps: Maps) -> torch.Tensor:
        """The loss of `maps` (1, C, h, w) by layer: a scalar, differentiable in them."""

    def ascend(self, maps: Maps) -> None:
        """One step of ascent on the potentials, where there are any."""

    def settle(self) -> None:
        """Go to the average of the potentials since the last time."""

    def state(self) -> dict[str, torch.Tensor]:
        """All that `ascend` has changed, on the CPU."""
        return {}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a `state()`. TextoError where it is of another term."""
        if state:
            raise TextoError("checkpoint", "is of another loss", "start anew")


def total(parts: Iterable[torch.Tensor]) -> torch.Tensor:
    """The sum of one scalar or more."""
    first, *others = parts
    return sum(others, start=first)


def layer_weights(
    layers: Sequence[str], weights: float | Mapping[str, float] | None
) -> dict[str, float]:
    """The weight of each layer: the mean where `weights` is None, one for all, or by name."""
    if isinstance(weights, Mapping):
        missing = [layer for layer in layers if layer not in weights]
        if missing:
            raise TextoError(f"layer {missing[0]!r}", "has no weight", "give one to every layer")
        return {layer: float(weights[layer]) for layer in layers}
    return dict.fromkeys(layers, 1 / len(layers) if weights is None else float(weights))


def columns(maps: torch.Tensor) -> torch.Tensor:
    """(C, n): the features of all positions of `maps` (1, C, h, w), (C, h, w) or (C, n)."""
    if maps.ndim == 4 and len(maps) != 1:
        raise ValueError(f"losses take one picture at a time, got {len(maps)}")
    return (maps[0] if maps.ndim == 4 else maps).flatten(1)


def detached(maps: Mapping[int, Maps]) -> dict[int, Maps]:
    """`Loss.maps` without their graphs."""
    return {key: {name: each.detach() for name, each in maps[key].items()} for key in maps}

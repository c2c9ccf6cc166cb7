"""Sliced transport towards the barycentre of several pictures' patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.threads import mapped
from ...core.types import Progress, Step
from ...patches.extraction import Grid, coverage, extract, extract_at, fold
from ...transport.sliced import barycentre, displacement, frame
from ..finish import Schedule
from ..sliced_flow import PATCH_SIZE, SAMPLES, random_grid
from .zones import Zones, draw_anywhere

Displace = Callable[[np.ndarray], np.ndarray]
DIRECTIONS = 64


@dataclass(frozen=True, eq=False)
class MixedFlow:
    """As `SlicedTransport`, with one target for each zone.

    Along a direction a zone's target is the barycentre of the samples' projections: quantiles
    averaged with the zone's row of `weights` (Z, s) (Rabin, Peyre, Delon, Bernot 2011).
    `samples` : s arrays (n, w w C) of equal length; analysis, synthesis : see there.
    """

    samples: Sequence[np.ndarray]
    weights: np.ndarray
    zones: Zones
    analysis: np.ndarray
    synthesis: np.ndarray

    def step(
        self,
        image: np.ndarray,
        *,
        rng: np.random.Generator,
        stride: int,
        gain: float = 1.0,
        periodic: tuple[bool, bool] = (False, False),
    ) -> None:
        """Move `image` (H, W, C), at least 7 x 7, one step towards its targets, in place."""
        rank = self.analysis.shape[1]
        if rank == 0:
            return
        gaussian = rng.standard_normal((rank, min(DIRECTIONS, rank)), dtype=np.float32)
        directions = np.linalg.qr(gaussian)[0]
        forth, back = self.analysis @ directions, (self.synthesis @ directions).T
        displaces = self._displacements(image, forth, rng)
        spots = random_grid(image.shape[:2], stride, rng, periodic)

        def moved(band: Grid) -> np.ndarray:
            return _moved(extract(image, band) @ forth, displaces, self.zones, band) @ back

        total = np.zeros_like(image)
        bands = [band for band, _ in spots.blocks(image.shape[2])]
        for band, move in zip(bands, mapped(moved, bands), strict=True):
            fold(total, move, band)
        count = coverage(spots)
        total *= (gain / np.maximum(count, count.max() / 3))[:, :, None]
        image += total

    def _displacements(
        self, image: np.ndarray, forth: np.ndarray, rng: np.random.Generator
    ) -> list[Displace | None]:
        """For each zone the map of projections onto its target; None for an empty zone."""
        places = self.zones.draw(image.shape, PATCH_SIZE, len(self.samples[0]), rng)
        quantiles = list(mapped(lambda part: np.sort(part @ forth, axis=0), self.samples))
        found: list[Displace | None] = []
        for weights, corners in zip(self.weights, places, strict=True):
            if corners is None:
                found.append(None)
                continue
            target = barycentre(quantiles, weights)
            found.append(displacement(extract_at(image, corners, PATCH_SIZE) @ forth, target))
        return found


def barycentre_flow(
    pictures: Sequence[np.ndarray], zones: Zones, *, rng: np.random.Generator
) -> MixedFlow:
    """The flow to the barycentres, at the zones' weights, of the patches of `pictures`.

    Each picture is (H_i, W_i, C), at least 7 x 7 pixels.
    """
    count = _count(pictures)
    samples = [_drawn(picture, count, rng) for picture in pictures]
    frames = _frame(samples, zones.weights.mean(axis=0))
    return MixedFlow(samples, zones.weights, zones, *frames)


def blended_flow(
    pictures: Sequence[np.ndarray], shares: np.ndarray, zones: Zones, *, rng: np.random.Generator
) -> MixedFlow:
    """The flow to patches that a zone z takes from picture i with probability shares[z, i].

    shares : (Z, r), rows summing to one, or zero for a zone without a target.
    """
    count = _count(pictures)
    samples = []
    for row in shares:
        parts = np.diff(np.round(np.cumsum([0, *row]) * count).astype(int))
        parts[row.argmax()] += count - parts.sum()
        drawn = [_drawn(p, n, rng) for p, n in zip(pictures, parts, strict=True) if n > 0]
        samples.append(np.concatenate(drawn))
    frames = _frame(samples, np.full(len(samples), 1 / len(samples)))
    return MixedFlow(samples, np.eye(len(shares)), zones, *frames)


def finished(
    image: np.ndarray,
    pictures: Sequence[np.ndarray],
    make_flow: Callable[[], MixedFlow],
    *,
    rng: np.random.Generator,
    periodic: tuple[bool, bool],
    progress: Progress,
) -> np.ndarray:
    """`image` (H, W, C) after the pass of `texto.steps.finish`, in place, by another flow.

    Where it or one of `pictures` is too small, it stays as it is.
    """
    schedule = Schedule()
    if smallest(image, *pictures) < 2 * PATCH_SIZE:
        return image
    flow, strides = make_flow(), schedule.strides[-1]
    for number, stride in enumerate(strides, start=1):
        flow.step(image, rng=rng, stride=stride, gain=schedule.gain, periodic=periodic)
        progress(Step("finish", 0, number, len(strides)))
    return image


def smallest(*pictures: np.ndarray) -> int:
    """The shortest side."""
    return min(side for picture in pictures for side in picture.shape[:2])


def _count(pictures: Sequence[np.ndarray]) -> int:
    positions = [np.prod([side - PATCH_SIZE + 1 for side in p.shape[:2]]) for p in pictures]
    return int(min(SAMPLES, 2 * max(positions)))


def _drawn(picture: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return extract_at(picture, draw_anywhere(picture.shape, PATCH_SIZE, count, rng), PATCH_SIZE)


def _frame(samples: Sequence[np.ndarray], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The frame of the weighted mean of the samples' covariances."""
    total = np.zeros((samples[0].shape[1],) * 2)
    for weight, part in zip(weights, samples, strict=True):
        centred = part - part.mean(axis=0)
        total += weight * (centred.T @ centred).astype(np.float64) / len(part)
    return frame(total)


def _moved(
    points: np.ndarray, displaces: Sequence[Displace | None], zones: Zones, band: Grid
) -> np.ndarray:
    """The displacement of `points` (n, k), each zone's counted by its share in the patch."""
    if len(zones) == 1 and displaces[0] is not None:
        return displaces[0](points)
    shares = zones.shares(band)
    total = np.zeros_like(points)
    for displace, share in zip(displaces, shares.T, strict=True):
        own = np.flatnonzero(share)
        if displace is not None and len(own):
            total[own] += share[own, None] * displace(points[own])
    return total

"""A drawing of the colours of two pictures, their mixtures, and the plan between these."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...io.plots import RESOLUTION, drawn
from ...transport.mixture import GaussianMixture
from .colours import ColourTransport, drawn_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .transfer import Recolored

WIDTH, HEIGHT = 9.0, 8.0  # inches
PANEL = np.array([1.2, 1.0])  # shape of one drawing
N_SHOWN = 3000  # colours of a picture
N_DEVIATIONS = 2  # where the ellipses are drawn
THICKEST = 4.0  # points, the line of the heaviest pair
GREYS = np.linspace(0, 1, 512, dtype=np.float32)[:, None]


def figure(recolored: Recolored, title: str = "") -> np.ndarray:
    """The colours of both pictures and the result, as a picture (960, 1080, 3) in [0, 1].

    Colours are shown in the plane in which those of both pictures vary most, each dot in its own
    colour, with ellipses at two standard deviations. The lines of the plan are the thicker, the
    more of the picture takes them. Grey pictures: their histograms, mixtures, and the map.
    """
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(WIDTH, HEIGHT), dpi=RESOLUTION, layout="constrained")
    sheet.suptitle(title)
    result = drawn_colours(recolored.image, np.random.default_rng(0))
    transport = recolored.transport
    axes = sheet.subplots(2, 2).ravel()
    if result.shape[1] == 1:
        _draw_greys(axes, transport, result)
    else:
        _draw_colours(axes, transport, result)
    for each, name in zip(axes, ("picture", "like", "plan", "result"), strict=True):
        each.set_title(name)
        each.grid(alpha=0.3)
    return drawn(sheet)


def _draw_colours(axes: np.ndarray, transport: ColourTransport, result: np.ndarray) -> None:
    plan, (source, target) = transport.plan, transport.samples
    plane = _Plane(np.concatenate([source, target]))
    for each, colours, mixture in (
        (axes[0], source, plan.source),
        (axes[1], target, plan.target),
        (axes[3], result, plan.target),
    ):
        plane.scatter(each, colours)
        plane.ellipses(each, mixture)
    plane.ellipses(axes[2], plan.source)
    plane.ellipses(axes[2], plan.target, linestyle="--")
    for k, l in plan.pairs:
        ends = plane(np.stack([plan.source.means[k], plan.target.means[l]]))
        width = THICKEST * np.sqrt(plan.matrix[k, l] / plan.matrix.max())
        style = {"arrowstyle": "-|>", "linewidth": width, "color": "0.2", "alpha": 0.7}
        axes[2].annotate("", ends[1], ends[0], arrowprops=style)
    limits = plane.limits(np.concatenate([source, target, result]))
    for each in axes:
        each.set(xlim=limits[0], ylim=limits[1])
        each.set_aspect("equal")


def _draw_greys(axes: np.ndarray, transport: ColourTransport, result: np.ndarray) -> None:
    plan, (source, target) = transport.plan, transport.samples
    for each, greys, mixture in (
        (axes[0], source, plan.source),
        (axes[1], target, plan.target),
        (axes[3], result, plan.target),
    ):
        each.hist(greys[:, 0], bins=64, range=(0, 1), density=True, color="0.7")
        density = np.exp(mixture.log_joint(GREYS))
        each.plot(GREYS[:, 0], density, color="tab:blue", linewidth=0.8)
        each.plot(GREYS[:, 0], density.sum(axis=1), color="tab:red")
        each.set(xlim=(0, 1))
    axes[2].plot(GREYS[:, 0], transport(GREYS)[:, 0], color="tab:red")
    axes[2].plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=0.8)
    axes[2].set(xlim=(0, 1), ylim=(0, 1), xlabel="grey of the picture", ylabel="where it goes")


class _Plane:
    """The plane through colours (n, C) in which they vary most."""

    def __init__(self, colours: np.ndarray):
        centred = colours - colours.mean(axis=0)
        axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)[1][:, :-3:-1]
        self._axes = axes * np.where(axes.sum(axis=0) < 0, -1, 1)  # light on the right

    def __call__(self, colours: np.ndarray) -> np.ndarray:
        """(n, 2) of (n, C)."""
        return colours @ self._axes

    def limits(self, colours: np.ndarray) -> np.ndarray:
        """The range (2, 2) of each coordinate of `colours`, as wide as `PANEL` tells."""
        places = self(colours)
        ends = np.stack([places.min(axis=0), places.max(axis=0)], axis=1)
        room = max(1.1 * (np.ptp(ends, axis=1) / PANEL).max(), 0.02)
        return ends.mean(axis=1)[:, None] + np.outer(PANEL, [-room / 2, room / 2])

    def scatter(self, axes: Axes, colours: np.ndarray) -> None:
        """Dots in their own colours."""
        shown = colours[:: -(-len(colours) // N_SHOWN)]
        inks = shown if shown.shape[1] == 3 else None
        across, up = self(shown).T
        axes.scatter(across, up, s=4, c=inks, linewidths=0)

    def ellipses(self, axes: Axes, mixture: GaussianMixture, linestyle: str = "-") -> None:
        """The Gaussians that have any weight."""
        from matplotlib.patches import Ellipse

        heaviest = mixture.weights.max()
        for weight, mean, covariance in zip(
            mixture.weights, mixture.means, mixture.covariances, strict=True
        ):
            values, vectors = np.linalg.eigh(self._axes.T @ covariance @ self._axes)
            width, height = 2 * N_DEVIATIONS * np.sqrt(np.maximum(values, 0))
            angle = np.degrees(np.arctan2(vectors[1, 0], vectors[0, 0]))
            ink = tuple(0.8 * np.clip(mean, 0, 1)) if len(mean) == 3 else "black"
            style = {"edgecolor": ink, "linestyle": linestyle, "fill": False}
            thick = 0.8 + 1.2 * weight / heaviest
            place = tuple(self(mean))
            axes.add_patch(Ellipse(place, width, height, angle=angle, linewidth=thick, **style))

"""Exemplars of nature: pebbles and spotted fur. Each function takes a seeded generator."""

from __future__ import annotations

import numpy as np
from drawing import (
    CANVAS,
    MARGIN,
    SCALE,
    SIZE,
    blur,
    coordinates,
    fractal,
    mix,
    pack,
    palette,
    photograph,
    sample,
    shade,
    smoothstep,
    srgb,
)
from scipy.spatial import cKDTree


def pebbles(rng: np.random.Generator) -> np.ndarray:
    """Water-worn stones of many kinds, packed as rounded weighted Voronoi cells over grit."""
    y, x = coordinates()
    y, x = y + 0.7 * fractal(rng, 14, 2.6), x + 0.7 * fractal(rng, 14, 2.6)
    sites, weights = pack(rng, np.sort(4.0 + 11.0 * rng.beta(1.3, 2.0, 9000))[::-1], 0.86)
    grit = fractal(rng, 1.8, 2.0)
    height = 0.7 * grit - 1.5
    owner = np.full(height.shape, -1)
    for stone in range(len(sites)):
        _lay_stone(stone, sites, weights, rng, y, x, height, owner)
    ground = srgb(92, 80, 66) * (1 + 0.35 * grit)[..., None]
    albedo = np.where((owner >= 0)[..., None], _stone_colour(rng, owner, y, x, sites), ground)
    height += np.where(owner >= 0, 0.05 * fractal(rng, 1.5, 1.6) + 0.2 * fractal(rng, 8, 2.2), 0)
    shine = np.where(owner >= 0, 0.06, 0.0)
    scene = shade(np.maximum(albedo, 0.01), height, reach=9, specular=shine, gloss=16, occluded=1.6)
    return photograph(scene, rng, exposure=1.4)


def _lay_stone(stone, sites, radii, rng, y, x, height, owner):
    """Raise one stone's dome into `height` and sign it in `owner`."""
    site, radius = sites[stone], radii[stone]
    reach = radius * 1.5
    low = np.clip(((site - reach + MARGIN) * SCALE).astype(int), 0, CANVAS)
    high = np.clip(((site + reach + MARGIN) * SCALE).astype(int), 0, CANVAS)
    window = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    here = np.stack([y[window] - site[0], x[window] - site[1]])
    distances = np.hypot(*(sites - site).T)
    near = np.argsort(distances)[1:12]
    away = (sites[near] - site) / distances[near, None]
    borders = 0.5 * distances[near] + (radius**2 - radii[near] ** 2) / (2 * distances[near])
    angle, stretch = rng.uniform(0, np.pi), rng.uniform(0.78, 1.0)
    turned = np.cos(angle) * here[0] + np.sin(angle) * here[1]
    side = np.cos(angle) * here[1] - np.sin(angle) * here[0]
    ratios = [np.hypot(turned, side / stretch) / (1.14 * radius)]
    for direction, border in zip(away, borders, strict=True):
        ratios.append(np.maximum(np.tensordot(direction, here, 1), 0) / (border - 0.35))
    # the 7-norm of the ratios to each border is a rounded maximum: 1 on the stone's outline
    t = (np.stack(ratios) ** 7).sum(0) ** (1 / 7)
    tilt = rng.normal(0, 0.07, 2)
    dome = 0.52 * radius * np.sqrt(np.maximum(1 - t**2.2, 0)) + np.tensordot(tilt, here, 1)
    dome += rng.uniform(-0.8, 0.8)
    inside = (t < 1) & (dome > height[window])
    height[window][inside] = dome[inside]
    owner[window][inside] = stone


def _stone_colour(rng, owner, y, x, sites):
    """Albedo of each sample from its stone: tone, mottling, strata and speckle."""
    count = len(sites)
    tones = palette(
        (150, 146, 138), (112, 112, 112), (178, 164, 142), (184, 177, 165), (132, 104, 82),
        (96, 98, 102), (160, 132, 104), (136, 102, 86), (196, 190, 180), (120, 116, 102),
    )  # fmt: skip
    colour = tones[rng.integers(0, len(tones), count)] * rng.normal(1, 0.1, (count, 1))
    mottled, fine = fractal(rng, 9), fractal(rng, 1.6, 1.4)
    colour = colour[owner] * (1 + 0.12 * mottled + 0.07 * fine)[..., None]
    angle = rng.uniform(0, np.pi, count)[owner]
    place = (y - sites[owner, 0]) * np.cos(angle) + (x - sites[owner, 1]) * np.sin(angle)
    bands = np.sin(1.1 * place + 1.4 * mottled) + 0.6 * np.sin(2.7 * place + mottled)
    banded = (rng.uniform(size=count) < 0.3)[owner]
    colour = colour * np.where(banded, 1 + 0.14 * bands, 1)[..., None]
    speckled = rng.uniform(0, 1, count)[owner] ** 2
    dark, light = (smoothstep(1.0, 1.7, fractal(rng, 1.7, 2.2)) * speckled for _ in range(2))
    colour = mix(colour, 0.35 * colour, 0.8 * dark)
    colour = mix(colour, np.broadcast_to(srgb(226, 222, 214), colour.shape), 0.5 * light)
    vein = smoothstep(0.10, 0.03, np.abs(fractal(rng, 24, 2.4) + 0.3 * mottled))
    veined = (rng.uniform(size=count) < 0.25)[owner]
    return mix(colour, np.broadcast_to(srgb(220, 214, 204), colour.shape), 0.7 * vein * veined)


def spots(rng: np.random.Generator) -> np.ndarray:
    """Leopard fur: rosettes from warped cells, painted on single hairs."""
    coat = _rosettes(rng)
    hairs = 90_000
    roots = rng.uniform(-MARGIN - 8, SIZE + MARGIN, (hairs, 2))
    # the coat lies like shingles: hairs rooted higher up cover the roots below them
    roots = roots[np.argsort(roots[:, 0] + rng.normal(0, 5, hairs))[::-1]]
    clump = sample(fractal(rng, 6, 3), *roots.T)
    angle = 0.3 + 0.2 * sample(fractal(rng, 60, 3), *roots.T) + 0.2 * clump
    owner, along, side = _comb(rng, roots, angle + rng.normal(0, 0.12, hairs))
    bright = (rng.normal(1, 0.17, hairs) + 0.07 * clump)[owner]
    bright = bright * (0.62 + 0.5 * along) * (1 - 0.16 * side)
    dye = np.stack([sample(coat[..., c], *roots.T) for c in range(3)], axis=-1)
    dye += 0.10 * smoothstep(1.6, 2.4, rng.normal(0, 1, hairs))[:, None]  # a few white hairs
    albedo = np.maximum(dye[owner] * bright[..., None], 0.004)
    lift = rng.uniform(0, 0.7, hairs)[owner] + 1.1 * along
    height = blur(lift, 0.35) + 0.8 * fractal(rng, 10, 3)
    shine = 0.035 * along * bright
    scene = shade(albedo, height, reach=2, radii=(0.8, 2.5), specular=shine, gloss=6, occluded=0.8)
    return photograph(scene, rng, exposure=1.35)


def _comb(rng, roots, angle):
    """Which hair is seen at each sample, how far along it (0..1), and on which side (-1..1)."""
    hairs, steps = len(roots), 36
    t = np.linspace(0, 1, steps)
    reach = rng.uniform(4.5, 9.5, (hairs, 1)) * t
    bend = angle[:, None] + rng.normal(0, 0.22, (hairs, 1)) * t
    rows = roots[:, :1] + reach * np.cos(bend)
    columns = roots[:, 1:] + reach * np.sin(bend)
    sides = np.array([-1, 0, 1])
    row = ((rows[..., None] + MARGIN) * SCALE).astype(int)
    column = ((columns[..., None] + MARGIN) * SCALE).astype(int) + sides
    thin = t[:, None] > np.array([0.55, 1.0, 0.75])  # tips taper
    hidden = thin | (row < 0) | (row >= CANVAS) | (column < 0) | (column >= CANVAS)
    seen = np.full((CANVAS, CANVAS), 0)
    index = np.arange(row.shape[0] * steps * 3).reshape(hairs, steps, 3)
    row = np.broadcast_to(row, column.shape)
    seen[row[~hidden], column[~hidden]] = index[~hidden]  # the last hair drawn is on top
    return seen // (3 * steps), t[seen // 3 % steps], sides[seen % 3]


def _rosettes(rng):
    """Colour of the coat at each sample: tawny, with dark broken rings and small full spots."""
    y, x = coordinates()
    wobble = [1.5 * fractal(rng, 13, 2.6) + 0.5 * fractal(rng, 4, 2.4) for _ in range(2)]
    y, x = y + wobble[0], x + wobble[1]
    wanted = np.concatenate([rng.uniform(9.5, 13, 4000), rng.uniform(3.2, 5.0, 4000)])
    sites, radii = pack(rng, wanted, 1.12)
    large = radii > 6
    rim, inside = _rings(sites[large], radii[large], y, x)
    ragged = fractal(rng, 9, 2.4)
    ring = smoothstep(0.36, 0.26, np.abs(rim - 0.72) - 0.07 * ragged)
    ring *= smoothstep(-1.15, -0.8, fractal(rng, 11, 2.8))
    full = smoothstep(1.0, 0.8, _rings(sites[~large], radii[~large], y, x)[0])
    tawny = srgb(206, 160, 98) * (1 + 0.1 * fractal(rng, 24) + 0.06 * fractal(rng, 3))[..., None]
    coat = mix(tawny, np.broadcast_to(srgb(166, 112, 58), tawny.shape), inside)
    return mix(coat, np.broadcast_to(srgb(38, 27, 20), coat.shape), np.maximum(ring, full))


def _rings(sites, radii, y, x):
    """Distance from the nearest site over its radius, and a soft indicator of its inside."""
    _, near = cKDTree(sites).query(np.stack([y, x], axis=-1))
    ratio = np.hypot(y - sites[near, 0], x - sites[near, 1]) / radii[near]
    return ratio, smoothstep(1.0, 0.6, ratio)

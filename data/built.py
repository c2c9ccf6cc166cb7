"""Exemplars of what people make: cane, brick and planks. Each function takes a seeded generator."""

from __future__ import annotations

import numpy as np
from drawing import (
    coordinates,
    fractal,
    mix,
    noise,
    palette,
    photograph,
    sample,
    shade,
    smoothstep,
    srgb,
)


def woven(rng: np.random.Generator) -> np.ndarray:
    """Plain weave of split cane: strands pass over and under, with fibres along them."""
    y, x = coordinates()
    y, x = (c + 1.0 * fractal(rng, 70, 3) + 0.3 * fractal(rng, 12, 3) + 4.3 for c in (y, x))
    weft = _strands(rng, x, y, pitches=(21.8, 15.6), width=15.0, sign=1)
    warp = _strands(rng, y, x, pitches=(15.6, 21.8), width=14.0, sign=-1)
    on_top = weft[0] >= warp[0]
    height = np.where(on_top, weft[0], warp[0])
    albedo = np.where(on_top[..., None], weft[1], warp[1])
    albedo *= mix(np.ones(3), np.array([0.80, 0.74, 0.66]), smoothstep(0.2, 2, fractal(rng, 45)))
    scene = shade(albedo, height, reach=7, specular=0.10, gloss=24, occluded=2.2)
    return photograph(scene, rng, exposure=1.25)


def _strands(rng, along, across, *, pitches, width, sign):
    """Height and colour of one family of parallel strands; `pitches` along and across them."""
    strand = np.floor(across / pitches[1]).astype(int) + 8
    middle = rng.normal(0, 0.35, 64)[strand] + (strand - 7.5) * pitches[1]
    half = 0.5 * width * (1 + rng.normal(0, 0.04, 64)[strand])
    v = (across - middle) / half
    u = along + rng.uniform(0, 288, 64)[strand]
    row = across - middle + 31.7 * strand
    fibre = sample(noise(rng, length=(1.1, 60), slope=1.6), row, u)
    coarse = sample(noise(rng, length=(4, 90), slope=2.5), row, u)
    split = smoothstep(1.5, 2.6, sample(noise(rng, length=(0.9, 26), slope=2.5), row, u))
    t = np.clip(np.abs(v) + 0.03 * coarse, 0, 1)
    wave = np.sin(np.pi * along / pitches[0]) * np.where(strand % 2, -sign, sign)
    rise = 2.2 * np.sign(wave) * np.abs(wave) ** 0.8
    body = 2.4 * np.sqrt(1 - t**2.8) + 0.13 * fibre + 0.25 * coarse - 0.6 * split
    height = np.where(t < 1, rise + body, -5.0)
    tones = palette((214, 170, 106), (196, 148, 84), (226, 190, 132), (176, 126, 70))
    tint = tones[rng.integers(0, 4, 64)] * rng.normal(1, 0.08, (64, 1))
    colour = tint[strand] * (1 + 0.13 * fibre + 0.15 * coarse)[..., None]
    colour = mix(colour, 0.35 * colour, 0.8 * split)
    return height, np.where((t < 1)[..., None], np.maximum(colour, 0.02), 0.03)


def bricks(rng: np.random.Generator) -> np.ndarray:
    """Running bond of fired clay in sandy mortar."""
    y, x = coordinates()
    y = y + 0.45 * fractal(rng, 40, 2.8) + 0.16 * fractal(rng, 3, 2) + 7
    x = x + 0.45 * fractal(rng, 40, 2.8) + 0.16 * fractal(rng, 3, 2) + 11
    brick, u, v, depth = _bond(rng, y, x, long=50.4, tall=17.8, joint=3.4)
    depth += 0.35 * fractal(rng, 4, 1.6)
    chips = smoothstep(1.3, 2.2, fractal(rng, 7, 2.2)) * smoothstep(5, 0, depth)
    depth -= 2.4 * chips
    clay = smoothstep(-0.15, 0.25, depth)
    grain, pits = fractal(rng, 1.3, 1.5), smoothstep(1.7, 2.6, fractal(rng, 2.2, 2.5))
    tilt = rng.normal(0, (0.02, 0.03, 0.3), (512, 3))[brick]
    face = 2.1 * smoothstep(-0.6, 1.6, depth) + 0.13 * grain - 0.55 * pits
    face += 0.25 * fractal(rng, 9, 2) + tilt[..., 0] * u + tilt[..., 1] * v + tilt[..., 2]
    sand = fractal(rng, 1.0, 1.4)
    mortar = 0.28 * sand + 0.3 * fractal(rng, 6, 2)
    height = mortar + (face - mortar) * clay
    albedo = mix(_mortar_colour(rng, sand), _clay_colour(rng, brick, grain, pits), clay)
    scene = shade(albedo, height, reach=5, specular=0.02, gloss=8, occluded=0.9)
    return photograph(scene, rng, exposure=1.4)


def _bond(rng, y, x, *, long, tall, joint):
    """Identity of each sample's brick, place along and across it, pixels inside its edge."""
    course = np.floor(y / tall).astype(int) + 4
    shift = (0.5 * long * (np.arange(32) % 2) + rng.normal(0, 1.6, 32))[course]
    place = np.floor((x + shift) / long).astype(int) + 4
    brick = course * 16 + place  # identity, used to look up random numbers

    def each(mean, deviation):
        return rng.normal(mean, deviation, 512)[brick]

    v = y - (course - 3.5) * tall - each(0, 0.25)
    u = x + shift - (place - 3.5) * long - each(0, 0.45) + each(0, 0.012) * v
    v = v + each(0, 0.008) * u
    inner = (0.5 * (long - joint) + each(0, 0.4) - 1.5, 0.5 * (tall - joint) + each(0, 0.2) - 1.5)
    a, b = np.abs(u) - inner[0], np.abs(v) - inner[1]
    outside = np.hypot(np.maximum(a, 0), np.maximum(b, 0)) + np.minimum(np.maximum(a, b), 0)
    return brick, u, v, 1.5 - outside


def _clay_colour(rng, brick, grain, pits):
    tones = palette(
        (166, 98, 76), (152, 84, 66), (174, 112, 86), (138, 78, 66), (120, 74, 66), (182, 128, 100)
    )
    colour = tones[rng.integers(0, 6, 512)] * rng.normal(1, 0.10, (512, 1))
    colour = colour[brick] * (1 + 0.10 * grain + 0.10 * fractal(rng, 5))[..., None]
    burnt = smoothstep(0.4, 2.2, fractal(rng, 16) + rng.normal(0, 0.8, 512)[brick])
    colour = mix(colour, srgb(82, 62, 60) * (1 + 0.1 * grain)[..., None], 0.65 * burnt)
    lime = smoothstep(1.1, 2.8, fractal(rng, 20) + 0.4 * fractal(rng, 1.5))
    colour = mix(colour, np.broadcast_to(srgb(206, 190, 176), colour.shape), 0.55 * lime)
    return np.maximum(mix(colour, 0.5 * colour, pits), 0.01)


def _mortar_colour(rng, sand):
    grey = srgb(190, 182, 168) * (1 + 0.16 * sand + 0.14 * fractal(rng, 12))[..., None]
    return np.maximum(mix(grey, 0.5 * grey, smoothstep(1.2, 2.2, fractal(rng, 1.2, 2))), 0.02)


def wood(rng: np.random.Generator) -> np.ndarray:
    """Oiled planks: growth rings cut lengthwise, fibres, pores and a few knots."""
    y, x = coordinates()
    wide = 42.7
    edge = y + 0.25 * fractal(rng, 40, 2.5) + 13
    plank = np.floor(edge / wide).astype(int) + 2
    inside = 0.5 * wide - np.abs(edge - (plank - 1.5) * wide)  # pixels from the plank's edge
    across = edge - (plank - 1.5) * wide
    along = x + rng.uniform(0, 288, 12)[plank]
    grain = noise(rng, length=(7, 110), slope=2.6)
    ripple = noise(rng, length=(2.5, 45), slope=2.2)
    knots, swirl, calm = _knots(rng, y, x)
    ripples = 2.2 * sample(grain, edge + 41 * plank, along)
    ripples += 0.5 * sample(ripple, edge + 41 * plank, along)
    bent = across + ripples * calm
    heart = rng.uniform(-30, 30, 12)[plank]
    depth = rng.uniform(4, 16, 12)[plank] + rng.normal(0, 0.05, 12)[plank] * (x - 128)
    radius = np.hypot(bent - heart, depth)
    late = _rings_of_years(rng, radius + swirl) * (1 - knots)
    return _plank_colour(rng, plank, along, edge, late, knots, inside)


def _knots(rng, y, x):
    """Darkness of knots (0..1), detour of the rings around them, and share of ripples there."""
    dark, swirl, calm = np.zeros_like(y), np.zeros_like(y), np.ones_like(y)
    for row, column, size in [(52, 80, 4.2), (139, 204, 5.2), (226, 58, 3.4)]:
        d = np.hypot(y - row + 0.5 * fractal(rng, 24, 3), (x - column) / 1.35)
        d = d + 0.25 * fractal(rng, 9, 2.5)
        core = 0.4 * smoothstep(0.8, 0.3, d / size) + 0.12 * np.sin(9 * d / size)
        dark = np.maximum(dark, smoothstep(1.15 * size, 0.85 * size, d) * (1 - core))
        calm *= 1 - 0.8 * np.exp(-((d / (3 * size)) ** 2))
        swirl += 2.6 * size * np.exp(-((d / (2.3 * size)) ** 2))
    return dark, swirl, calm


def _rings_of_years(rng, radius):
    """Share of dark latewood: rises slowly through a year, ends at once, years vary in width."""
    widths = np.clip(rng.normal(3.2, 0.9, 80), 1.6, 5.5)
    years = np.interp(radius, np.cumsum(widths) - 10, np.arange(80))
    phase = years % 1
    return smoothstep(0.1, 0.9, phase) ** 2 * smoothstep(1.0, 0.93, phase)


def _plank_colour(rng, plank, along, edge, late, knots, inside):
    row = edge + 41 * plank
    fibre = sample(noise(rng, length=(0.9, 50), slope=1.5), row, along)
    streak = sample(noise(rng, length=(5, 140), slope=2.2), row, along)
    pores = smoothstep(1.5, 2.3, sample(noise(rng, length=(0.7, 9), slope=2.4), row, along))
    pores = pores * (1 - 0.6 * late)
    early = palette((196, 150, 104), (184, 136, 92), (200, 160, 116), (172, 122, 80))
    tone = (early[rng.integers(0, 4, 12)] * rng.normal(1, 0.06, (12, 1)))[plank]
    colour = mix(tone, tone * np.array([0.46, 0.37, 0.28]), 0.9 * late)
    colour = colour * (1 + 0.13 * fibre + 0.10 * streak)[..., None]
    colour = mix(colour, colour * np.array([0.42, 0.36, 0.30]), 0.8 * pores)
    colour = mix(colour, colour * np.array([0.20, 0.12, 0.08]), knots)
    shift = rng.normal(0, 1, 12)[plank]
    height = 0.09 * fibre + 0.10 * late - 0.30 * pores - 0.2 * knots
    height += 1.6 * smoothstep(0.2, 1.7, inside + 0.15 * streak) + 0.25 * shift
    colour = mix(0.12 * colour, colour, smoothstep(0.1, 0.7, inside))
    scene = shade(np.maximum(colour, 0.01), height, reach=3, specular=0.07, gloss=14, occluded=1.0)
    return photograph(scene, rng, exposure=1.3)

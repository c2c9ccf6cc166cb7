"""Noise, cells, light and lens: what the drawn exemplars have in common.

Every field is a float64 array over a square canvas that is larger than the final picture: a
margin keeps shadows and blurs right at the border, and SCALE samples per pixel antialias.
Lengths and heights are in pixels of the final picture.
"""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

SIZE, SCALE, MARGIN = 256, 3, 16
CANVAS = (SIZE + 2 * MARGIN) * SCALE
SUN = np.array([1.0, 0.95, 0.86])
SKY = np.array([0.80, 0.92, 1.12])


def coordinates() -> tuple[np.ndarray, np.ndarray]:
    """Row and column of every canvas sample, (CANVAS, CANVAS), in pixels; 0 is a margin outside."""
    line = (np.arange(CANVAS) + 0.5) / SCALE - MARGIN
    return np.meshgrid(line, line, indexing="ij")


def noise(rng: np.random.Generator, *, length: tuple[float, float], slope: float) -> np.ndarray:
    """Gaussian field of mean 0 and deviation 1, (CANVAS, CANVAS).

    `length` is the correlation length down and across; above that frequency the amplitude falls
    as frequency ** -slope (1.5: rough; 2.5: soft; 4: nearly one octave).
    """
    shape = (CANVAS, CANVAS // 2 + 1)
    down = fft.fftfreq(CANVAS, 1 / SCALE)[:, None] * length[0]
    across = fft.rfftfreq(CANVAS, 1 / SCALE)[None, :] * length[1]
    amplitude = (1 + 9 * (down**2 + across**2)) ** (-slope / 2)
    amplitude[0, 0] = 0
    field = fft.irfft2(
        amplitude * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)),
        s=(CANVAS, CANVAS),
    )
    return field / field.std()


def fractal(rng: np.random.Generator, length: float, slope: float = 1.8) -> np.ndarray:
    """Isotropic `noise`."""
    return noise(rng, length=(length, length), slope=slope)


def sample(field: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Values of a canvas `field` at pixel coordinates that may lie anywhere (it repeats)."""
    places = [(axis + MARGIN) * SCALE - 0.5 for axis in (rows, columns)]
    return ndimage.map_coordinates(field, places, order=1, mode="grid-wrap")


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between; low > high gives the falling step."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Colours (..., 3) between `first` and `second`; `share` (...) is the part of `second`."""
    return first + (second - first) * share[..., None]


def srgb(*colour: float) -> np.ndarray:
    """Linear colour (3,) of an sRGB triple in 0..255."""
    value = np.array(colour) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def palette(*colours: tuple[int, int, int]) -> np.ndarray:
    """Linear colours (n, 3) of sRGB triples."""
    return np.stack([srgb(*colour) for colour in colours])


def pack(
    rng: np.random.Generator, wanted: np.ndarray, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 2) and radii (n,) of the discs that find room, thrown in the order `wanted`.

    Two discs keep `spread` times the sum of their radii between their centres.
    """
    low, high = -MARGIN, SIZE + MARGIN
    sites, radii = np.empty((0, 2)), np.empty(0)
    for radius in wanted:
        site = rng.uniform(low, high, 2)
        gap = np.hypot(*(sites - site).T) - spread * (radii + radius)
        if gap.size == 0 or gap.min() > 0:
            sites, radii = np.vstack([sites, site]), np.append(radii, radius)
    return sites, radii


def blur(field: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur with `sigma` in pixels."""
    return ndimage.gaussian_filter(field, sigma * SCALE, mode="wrap", truncate=3)


def occlusion(height: np.ndarray, radii: tuple[float, ...], strength: float) -> np.ndarray:
    """Share of the sky that each point sees, from how deep it lies below its surroundings."""
    open_sky = np.ones_like(height)
    for radius in radii:
        depth = np.maximum(blur(height, radius) - height, 0) / radius
        open_sky /= 1 + strength * depth
    return open_sky


def shadow(height: np.ndarray, light: np.ndarray, reach: float, softness: float) -> np.ndarray:
    """Share of the sun that reaches each point of a height field: 1 lit, 0 in shadow."""
    flat = np.hypot(light[0], light[1])
    covered = np.full_like(height, -np.inf)
    for distance in np.arange(0.5, reach, 0.5):
        shift = np.rint(-distance * SCALE * light[:2] / flat).astype(int)
        blocker = np.roll(height, shift, axis=(0, 1)) - distance * light[2] / flat
        np.maximum(covered, blocker, out=covered)
    return smoothstep(softness, 0, covered - height)


def shade(
    albedo: np.ndarray,
    height: np.ndarray,
    *,
    light: tuple[float, float, float] = (-0.62, -0.45, 0.75),
    reach: float = 6.0,
    radii: tuple[float, ...] = (1.0, 3.0, 8.0),
    occluded: float = 1.5,
    specular: float | np.ndarray = 0.05,
    gloss: float = 20.0,
) -> np.ndarray:
    """Linear light (CANVAS, CANVAS, 3) of a surface lit by a warm sun and a bluish sky.

    `light` points to the sun: down, right, up. `reach` bounds the length of shadows.
    """
    sun = np.array(light) / np.linalg.norm(light)
    slopes = np.gradient(height, 1 / SCALE)
    norm = np.sqrt(1 + slopes[0] ** 2 + slopes[1] ** 2)
    facing = np.maximum((sun[2] - sun[0] * slopes[0] - sun[1] * slopes[1]) / norm, 0)
    half = sun + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    mirror = np.maximum((half[2] - half[0] * slopes[0] - half[1] * slopes[1]) / norm, 0) ** gloss
    lit = shadow(height, sun, reach, softness=0.6)
    sky = occlusion(height, radii, occluded)
    direct = 1.05 * facing * lit * np.sqrt(sky)
    light_in = direct[..., None] * SUN + 0.38 * sky[..., None] * SKY
    return albedo * light_in + (specular * mirror * lit * sky)[..., None] * SUN


def photograph(scene: np.ndarray, rng: np.random.Generator, *, exposure: float) -> np.ndarray:
    """The picture (SIZE, SIZE, 3) float32 in [0, 1] that a camera takes of linear light `scene`.

    Crops the margin, averages the samples of each pixel, compresses highlights, adds grain.
    """
    inner = slice(MARGIN * SCALE, -MARGIN * SCALE)
    blocks = scene[inner, inner].reshape(SIZE, SCALE, SIZE, SCALE, 3)
    pixels = exposure * blocks.mean(axis=(1, 3))
    soft = ndimage.gaussian_filter(pixels, (0.7, 0.7, 0))
    # a camera sharpens mildly, and its lens lets no shadow be quite black
    pixels = np.maximum(pixels + 0.25 * (pixels - soft), 0.0025)
    toned = pixels * (1 + pixels / 2.6) / (1 + 0.9 * pixels)
    encoded = np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned ** (1 / 2.4) - 0.055)
    grain = 0.008 * rng.standard_normal((SIZE, SIZE, 1)) + 0.004 * rng.standard_normal(
        (SIZE, SIZE, 3)
    )
    return np.clip(encoded + grain, 0, 1).astype(np.float32)

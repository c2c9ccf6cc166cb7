"""Colours as a file means them -> sRGB, by its ICC profile or by what a PNG says instead of one."""

from __future__ import annotations

import numpy as np

from ..core.kinds import encoded, light
from .codecs.samples import Metadata

_SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x and y of white, red, green, blue
_SRGB_GAMMA = 1 / 2.2  # what a PNG in sRGB may say instead of saying so
_SPACES = {1: (b"GRAY", "gray"), 3: (b"RGB ", "rgb")}  # by channels


def in_srgb(
    pixels: np.ndarray, metadata: Metadata, notes: list[str]
) -> tuple[np.ndarray, list[str]]:
    """`pixels` (H, W, 1 or 3) in sRGB, relative colorimetric, and what was done, if anything was.

    A profile goes before an sRGB chunk, and that before gAMA and cHRM (PNG 3, section 4.3).
    Profiles of other colour spaces are left alone, broken ones with one of `notes`.
    """
    if metadata.profile:
        return _by_profile(pixels, metadata.profile, notes)
    own = _own_curve(metadata, pixels.shape[2])
    if own is None:
        return pixels, []
    gamma, white = own
    try:
        linear = pixels ** np.float32(1 / gamma)
        if white is None:
            return encoded(linear), [f"converted to sRGB from the gamma {gamma:.5g}"]
        done = [f"converted to sRGB from the gamma {gamma:.5g} and primaries of its own"]
        return _transformed(linear ** np.float32(1 / 2.2), _profile_of(white)), done
    except Exception:  # whatever absurd numbers do to the library
        notes.append("has colours that no screen has, which are taken for sRGB")
        return pixels, []


def in_file(pixels: np.ndarray, metadata: Metadata) -> np.ndarray:
    """`pixels` (H, W, 1 or 3), in sRGB, as the file of `metadata` means colours: see `in_srgb`.

    Colours that the file's space lacks become the nearest it has. Broken profiles and absurd
    numbers change nothing, as they do not when the file is read.
    """
    try:
        if metadata.profile:
            if _keeps(metadata.profile, pixels.shape[2]):
                return pixels
            return _transformed(pixels, metadata.profile, back=True)
        own = _own_curve(metadata, pixels.shape[2])
        if own is None:
            return pixels
        gamma, white = own
        if white is None:
            return light(pixels) ** np.float32(gamma)
        values = _transformed(pixels, _profile_of(white), back=True)
        return values ** np.float32(2.2 * gamma)
    except Exception:  # as in `in_srgb`
        return pixels


def _own_curve(metadata: Metadata, channels: int) -> tuple[float, tuple[float, ...] | None] | None:
    """The gamma and the chromaticities of a PNG without a profile; None for those of sRGB."""
    gamma = metadata.gamma or _SRGB_GAMMA
    white = metadata.chromaticities or _SRGB
    other = channels == 3 and np.abs(np.subtract(white, _SRGB)).max() > 2e-3
    if metadata.srgb or (abs(gamma - _SRGB_GAMMA) < 2e-3 and not other):
        return None
    return gamma, white if other else None


def _by_profile(
    pixels: np.ndarray, profile: bytes, notes: list[str]
) -> tuple[np.ndarray, list[str]]:
    try:
        if _keeps(profile, pixels.shape[2]):
            return pixels, []
        return _transformed(pixels, profile), ["converted to sRGB by its profile"]
    except Exception:  # whatever a broken profile does to the library
        notes.append("has a broken colour profile, which is ignored")
        return pixels, []


def _keeps(profile: bytes, channels: int) -> bool:
    """Whether the profile changes no colour by as much as half a step of 8 bits.

    That is sRGB, by whatever name, or the profile of another space than such pixels have.
    """
    if profile[16:20] != _SPACES[channels][0]:
        return True
    axes = [np.linspace(0, 1, 5, dtype=np.float32)] * channels
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 5, channels)
    return bool(np.abs(_transformed(grid, profile) - grid).max() < 0.5 / 255)


def _transformed(pixels: np.ndarray, profile: bytes, *, back: bool = False) -> np.ndarray:
    """`pixels` from `profile` to sRGB, or `back`.

    In floats, as the integer transforms of Little CMS are off by up to 19 levels at 16 bits.
    """
    import imagecodecs

    channels, srgb = pixels.shape[2], imagecodecs.cms_profile("srgb")
    ends = [(profile, _SPACES[channels][1]), (srgb, "rgb")]
    (given, space), (wanted, out) = ends[::-1] if back else ends
    if channels == 1 and back:
        pixels = np.repeat(pixels, 3, axis=2)
    values = imagecodecs.cms_transform(
        np.ascontiguousarray(pixels), given, wanted, intent=1, colorspace=space, outcolorspace=out
    ).reshape(*pixels.shape[:2], -1)
    if not np.isfinite(values).all():
        raise ValueError("the profile leads to values that are not finite")
    return values[..., :channels].clip(0, 1)


def _profile_of(white: tuple[float, ...]) -> bytes:
    """An RGB profile of the gamma 2.2 with these chromaticities."""
    import imagecodecs

    pairs = [(*white[at : at + 2], 1.0) for at in range(0, 8, 2)]
    primaries = [number for pair in pairs[1:] for number in pair]
    return imagecodecs.cms_profile("rgb", whitepoint=list(pairs[0]), primaries=primaries, gamma=2.2)

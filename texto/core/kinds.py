"""What the numbers of a picture mean: colour, normals, data or labels, and in which range.

Methods work on (H, W, C) in [0, 1] and know nothing of meanings: `Meaning.worked` brings values
there, `Meaning.stored` brings what was made of them back to values that such a picture may have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from .choices import KINDS, Kind
from .errors import TextoError

_WORDS: dict[Kind, str] = {
    "normal": "normal normals normalgl normaldx normalmap nrm norm nor n",
    "data": "height h disp displacement bump depth rough roughness gloss glossiness ao occlusion "
    "ambientocclusion metal metallic metalness specular cavity curvature thickness arm orm mask "
    "opacity translucency",
    "labels": "id ids label labels",
}
_BY_WORD = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_ASIDE = re.compile(r"gl|dx|ogl|opengl|directx|[0-9]{1,2}k|[0-9]{3,5}(x[0-9]+)?|png|jpe?g|exr")
_COLOUR_WORDS = "albedo basecolor basecolour color colour diffuse diff col"
_COLOURS = frozenset(_COLOUR_WORDS.split())
_RESOLUTION = re.compile(r"[0-9]{1,2}k|[0-9]{3,5}(x[0-9]+)?")
_MOST_LABELS = 1 << 16


def kind_in_name(path: str | os.PathLike) -> Kind | None:
    """The kind that the name of a file tells, as in `wall_normal.png`; None where it tells none.

    The last word counts, but for resolutions and the like, as in `wall_nor_gl_1k.png`. A letter
    or two alone are a name, as in `n.png`.
    """
    return _BY_WORD.get(_parted(path)[1])


def set_in_name(path: str | os.PathLike) -> tuple[str, str]:
    """The name of the set that a picture belongs to, and what it is in it: a kind, or "".

    The set's name is what stands before the word of the map, with the resolution:
    `wall_normal.png` is ("wall", "normal"), `wall_albedo_1k.png` is ("wall_1k", "colour"), and
    `wall.png`, which has no word, is ("wall", "").
    """
    before, word, aside = _parted(path)
    part = "colour" if word in _COLOURS else _BY_WORD.get(word, "")
    resolution = [each for each in aside if _RESOLUTION.fullmatch(each)]
    return "_".join([*before, *resolution]), part


def _parted(path: str | os.PathLike) -> tuple[list[str], str, list[str]]:
    """The words of a file's name: those before the one that tells the map, that one, those after.

    It is "" where none tells it. Two words that are one, as in ambient occlusion, are joined.
    """
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", PurePath(os.fspath(path)).stem)
    words = [word.casefold() for word in re.split(r"[_\-. ]+", stem) if word]
    aside: list[str] = []
    while len(words) > 1 and _ASIDE.fullmatch(words[-1]):
        aside.insert(0, words.pop())
    for n in (2, 1):
        word = "".join(words[-n:])
        if word not in _BY_WORD and word not in _COLOURS:
            continue
        if len(words) > n or (len(words) == n and len(words[0]) > 2):
            return words[:-n], word, aside
    return words, "", aside


@dataclass(frozen=True)
class Meaning:
    """What values (H, W, C) mean.

    kind : "colour", "normal" (a unit vector as (v + 1) / 2 in the first three channels), "data"
    or "labels". low, high : the values that become 0 and 1. linear : they are proportional to
    light; the curve of sRGB, carried on above 1, is laid over them before `low` and `high` count.
    opacity : the last channel is the opacity of the others.
    """

    kind: Kind = "colour"
    low: float = 0.0
    high: float = 1.0
    linear: bool = False
    opacity: bool = False

    @classmethod
    def of(
        cls, stored: np.ndarray, kind: Kind, *, linear: bool = False, opacity: bool = False
    ) -> Meaning:
        """The meaning of values `stored` (H, W, C) of a `kind`, which may lie beyond [0, 1].

        Those within are taken as they are. Signed normals have the ends -1 and 1, light has 0 or
        less and 1 or more, and all others what they hold.
        """
        linear = linear and kind == "colour"
        values = stored[..., :-1] if opacity else stored
        values = encoded(values) if linear else values
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        elif kind == "normal":
            low, high = float(min(low, -1)), float(max(high, 1))
        elif kind == "colour":
            low, high = float(min(low, 0)), float(max(high, 1))
        return cls(kind, low, max(high, low + 1e-6), linear, opacity)

    @property
    def plain(self) -> bool:
        """Whether it is colour in [0, 1], of which there is nothing to say."""
        return self == PLAIN

    @property
    def in_range(self) -> bool:
        """Whether values are worked on as they are stored."""
        return (self.low, self.high, self.linear) == (0.0, 1.0, False)

    def worked(self, stored: np.ndarray) -> np.ndarray:
        """What methods see of values `stored` (H, W, C) float32: (H, W, C) in [0, 1].

        Colours are multiplied by their opacity, so that those that nobody sees do not count.
        """
        n = stored.shape[2] - self.opacity
        if self.in_range and not self.opacity:
            return stored
        worked = stored.copy()
        if not self.in_range:
            span = self.high - self.low
            curved = encoded(stored[..., :n]) if self.linear else stored[..., :n]
            worked[..., :n] = (curved - self.low) / span
        if self.opacity and self.kind == "colour":
            worked[..., :n] *= stored[..., n:]
        return np.clip(worked, 0, 1, out=worked)

    def stored(self, worked: np.ndarray, exemplar: np.ndarray) -> np.ndarray:
        """Values that may be stored for `worked` (H, W, C), made of `exemplar` (h, w, C) of [0, 1].

        Normals get length 1; labels are the nearest of those in the exemplar. Cost: of labels
        O(H W log n) for n grey ones, and a tree search for several channels.
        """
        if self.kind == "normal" and worked.shape[2] >= 3:
            worked = _with_unit_normals(worked)
        if self.kind == "labels":
            worked = _nearest_labels(worked, exemplar)
        n = worked.shape[2] - self.opacity
        if self.in_range and not self.opacity:
            return worked
        stored = worked.astype(np.float32)
        if self.opacity and self.kind == "colour":
            opacity = worked[..., n:]
            colours = np.divide(
                worked[..., :n], opacity, out=np.zeros_like(stored[..., :n]), where=opacity > 0
            )
            stored[..., :n] = np.clip(colours, 0, 1)
        if not self.in_range:
            values = self.low + (self.high - self.low) * stored[..., :n].astype(np.float64)
            stored[..., :n] = light(values) if self.linear else values
            if self.kind == "labels":  # numbers of things, so whole ones
                stored[..., :n] = np.rint(stored[..., :n])
        return stored

    def notes(self) -> dict[str, Any]:
        """What tells it, but for what is as in a plain picture."""
        return {key: value for key, value in vars(self).items() if value != vars(PLAIN)[key]}

    @classmethod
    def told(cls, notes: Mapping[str, Any]) -> Meaning:
        """The meaning that `notes` tell of; TextoError where they make no sense."""
        try:
            found = cls(**notes)
            right = found.kind in KINDS and type(found.linear) is bool
            ends = [float(found.low), float(found.high)]
            right = right and type(found.opacity) is bool and -np.inf < ends[0] < ends[1] < np.inf
        except (TypeError, ValueError):
            right = False
        if not right:
            raise TextoError("kind", "makes no sense in this file", f"use {', '.join(KINDS)}")
        return found


PLAIN = Meaning()


def encoded(light: np.ndarray) -> np.ndarray:
    """The curve of sRGB (IEC 61966-2-1) over `light` of any size, odd below 0."""
    size = np.abs(light)
    curved = np.where(
        size <= 0.0031308, 12.92 * size, 1.055 * np.power(size, 1 / 2.4, dtype=np.float32) - 0.055
    )
    return np.copysign(curved, light, dtype=np.float32)


def light(values: np.ndarray) -> np.ndarray:
    """The inverse of `encoded`."""
    size = np.abs(values)
    light = np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return np.copysign(light, values, dtype=np.float32)


def _with_unit_normals(worked: np.ndarray) -> np.ndarray:
    vectors = 2 * worked[..., :3].astype(np.float64) - 1
    length = np.linalg.norm(vectors, axis=2, keepdims=True)
    flat = np.array([0.0, 0.0, 1.0])  # where nothing points anywhere
    unit = np.where(length > 1e-6, vectors / np.maximum(length, 1e-6), flat)
    result = worked.astype(np.float32)
    result[..., :3] = np.clip((unit + 1) / 2, 0, 1)
    return result


def _nearest_labels(worked: np.ndarray, exemplar: np.ndarray) -> np.ndarray:
    channels = worked.shape[2]
    labels = np.unique(exemplar.reshape(-1, channels), axis=0)
    if len(labels) > _MOST_LABELS:
        why = f"has {len(labels)} values, and labels are {_MOST_LABELS} at most"
        raise TextoError("label map", why, "read it as data")
    if channels == 1:
        middles = (labels[1:, 0] + labels[:-1, 0]) / 2
        return labels[np.searchsorted(middles, worked[..., 0])]
    from scipy.spatial import cKDTree

    near = cKDTree(labels).query(worked.reshape(-1, channels))[1]
    return labels[near].reshape(worked.shape)

"""Colour transfer: a picture in the colours of another, by transport between mixtures."""

from .transfer import Recolored, Recoloring, joined, recolor, recolored

__all__ = ["Recolored", "Recoloring", "joined", "recolor", "recolored"]

"""Side by side: every method on every exemplar and seed, with times, memory and scores."""

from .api import compare
from .results import Cell, Entry, Exemplar, Results, load

__all__ = ["Cell", "Entry", "Exemplar", "Results", "compare", "load"]

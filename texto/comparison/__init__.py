"""Side by side: every method on every exemplar and seed, with times, memory and scores."""

from .api import compare
from .plan import load
from .results import Cell, Entry, Exemplar, Results

__all__ = ["Cell", "Entry", "Exemplar", "Results", "compare", "load"]

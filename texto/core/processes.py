"""Which of several processes this is, where `torchrun` started one a GPU."""

from __future__ import annotations

import os


def count() -> int:
    """The processes that train together; 1 where nothing says more."""
    return _number("WORLD_SIZE", 1)


def rank() -> int:
    """The number of this one; 0 leads: it alone writes and reports."""
    return _number("RANK", 0) if count() > 1 else 0


def local_rank() -> int:
    """The number of this one on its machine."""
    return _number("LOCAL_RANK", rank())


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else default

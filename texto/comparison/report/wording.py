"""Numbers as the report prints them."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

DASH = "–"


def figure(value: float) -> str:
    """Three significant figures; whole numbers up to 99949 in full."""
    decimals = _decimals(value)
    return f"{value:.1e}" if decimals is None else f"{value:.{decimals}f}"


def spread_of(value: float, spread: float | None) -> str | None:
    """`spread` with the decimals of its `value`, or one figure where that would be zero."""
    if spread is None:
        return None
    decimals = _decimals(value)
    if spread == 0:
        return "0"
    if decimals is None or float(f"{spread:.{decimals}f}") == 0:
        return f"{spread:.1g}"
    return f"{spread:.{decimals}f}"


def seconds(value: float) -> str:
    """A time: three figures, but nothing below a thousandth of a second."""
    return figure(value) if value >= 0.01 else f"{value:.3f}" if value >= 0.0005 else "<0.001"


def seconds_spread(value: float, spread: float | None) -> str | None:
    """As `spread_of` for a time; None where it is below half a thousandth of a second."""
    if spread is None or spread < 0.0005:
        return None
    return spread_of(value, spread) if value >= 0.01 else f"{spread:.3f}"


def moment(text: str) -> str:
    """A time in ISO 8601 as people write it; other text as it is."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    if when.tzinfo is not None:
        return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{when:%Y-%m-%d %H:%M}"


def plain(value: Any) -> str:
    """A setting as text: words as they are, all else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _decimals(value: float) -> int | None:
    """Decimals that make three figures; None where only an exponent is short."""
    if value == 0:
        return 0
    size = math.floor(math.log10(abs(float(f"{value:.2e}"))))  # 9.999 has the size of 10
    return max(0, 2 - size) if -4 <= size <= 4 else None

"""What a method can do beyond synthesis, asked for on behalf of a command."""

from __future__ import annotations

from typing import Any

from ..core import registry
from ..core.errors import TextoError


def require(method: Any, power: str, lack: str) -> Any:
    """`method` if it has the function `power`; else a TextoError naming those that have it.

    `lack` says what the method does not do, as in "fills no holes".
    """
    if hasattr(method, power):
        return method
    name, able = registry.name_of(method), ", ".join(methods_with(power))
    raise TextoError("-m/--method", f"{name!r} {lack}", f"use {able}")


def methods_with(power: str) -> list[str]:
    """The names of the registered methods that have the function `power`."""
    return [name for name in registry.names() if _has(name, power)]


def _has(name: str, power: str) -> bool:
    try:
        return hasattr(registry.method_class(name), power)
    except Exception:  # third parties' code, or a package it needs is missing
        return False

"""What a method can do beyond synthesis, asked for on behalf of a command."""

from __future__ import annotations

from typing import TypeVar

from ..core import registry
from ..core.contract import Method
from ..core.errors import TextoError

Power = TypeVar("Power", bound=Method)


def require(method: Method, power: type[Power], lack: str) -> Power:
    """`method` if it has the `power`, a protocol; else a TextoError naming those that have it.

    `lack` says what the method does not do, as in "fills no holes".
    """
    if isinstance(method, power):
        return method
    name, able = registry.name_of(method), ", ".join(methods_with(power))
    raise TextoError("-m/--method", f"{name!r} {lack}", f"use {able}")


def methods_with(power: type[Method]) -> list[str]:
    """The names of the registered methods that have the `power` with their defaults."""
    return [name for name in registry.names() if _has(name, power)]


def _has(name: str, power: type[Method]) -> bool:
    try:
        return isinstance(registry.method_class(name)(), power)
    except Exception:  # third parties' code, or a package it needs is missing
        return False

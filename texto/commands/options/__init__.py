"""The options of every command. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Options:
    """What the command line says, by name; nothing changes it once it is parsed."""

    def __init__(self, values: Mapping[str, Any]):
        vars(self).update(values)

    def but(self, **changes: Any) -> Options:
        """The same with `changes`."""
        return Options({**vars(self), **changes})

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this command has no option {name!r}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"options are frozen: {name!r} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"options are frozen: {name!r} cannot be deleted")

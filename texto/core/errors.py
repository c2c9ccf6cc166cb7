"""The two ways to tell a user something: an error in one line, and a warning."""

from __future__ import annotations


class TextoError(ValueError):
    """A foreseeable failure, told in one line: what is wrong, why, and what to do about it."""

    def __init__(self, what: str, why: str, remedy: str):
        super().__init__(what, why, remedy)
        self.what, self.why, self.remedy = what, why, remedy

    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.remedy}"


class TextoWarning(UserWarning):
    """Something the user should know about a result that is still valid."""

"""What a method declares as unused by `inpaint` is what it never looks at, and nothing else."""

import sys

import numpy as np
import pytest

from texto.core import registry, settings
from texto.core.contract import Inpaints
from texto.core.settings import settings_of
from texto.steps.inpainting import wrapping

NULLED = {"variety", "tone"}  # read on the way, and put aside by what fills holes
BESIDE = ("dataclasses.py", settings.__file__, "<string>", wrapping.__file__)  # copy them all
METHODS = ["gaussian", "ot-flow", "nifty", "textogmm", "kwatra", "patch-ot"]


@pytest.mark.parametrize("name", METHODS)
def test_declared_is_what_is_not_read(name, monkeypatch):
    cls = registry.method_class(name)
    method, known, seen = cls(**cls.quick), settings_of(cls), set()

    def noted(self, key):
        if key in known and not any(part in _caller() for part in BESIDE):
            seen.add(key)
        return object.__getattribute__(self, key)

    picture = np.random.default_rng(0).random((40, 40, 3), np.float32)
    mask = np.zeros((40, 40), bool)
    mask[18:24, 18:24] = True
    monkeypatch.setattr(cls, "__getattribute__", noted, raising=False)
    assert isinstance(method, Inpaints)
    method.inpaint(picture, mask, rng=0)
    monkeypatch.undo()
    unread = set(known) - seen - {"tileable"}
    declared = {key for key, each in known.items() if "inpaint" in each.unused_by}
    assert unread <= declared <= unread | NULLED


def _caller() -> str:
    return sys._getframe(2).f_code.co_filename

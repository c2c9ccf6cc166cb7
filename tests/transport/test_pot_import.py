"""POT without torch in our own processes, and whole in a user's."""

import builtins
import os
import subprocess
import sys

import pytest

from texto.transport import pot_import

SCRIPT = """
import os, sys
from texto.transport import pot_import
{first}
pot_import.pot().emd([1.0], [1.0], [[0.0]])
print("torch" in sys.modules, any(name.startswith("POT_BACKEND") for name in os.environ))
"""


def told(first, monkeypatch):
    monkeypatch.delenv("POT_BACKEND_DISABLE_PYTORCH", raising=False)
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT.format(first=first)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.split()


def test_a_process_of_our_own_loads_no_torch_and_leaves_no_switch(monkeypatch):
    assert told("pot_import.keep_out()", monkeypatch) == ["False", "False"]


def test_a_users_process_has_pot_whole(monkeypatch):
    pytest.importorskip("torch", reason="needs torch, from the extra 'neural'")
    assert told("", monkeypatch) == ["True", "False"]


def test_where_torch_is_there_already_it_stays_with_pot(monkeypatch):
    seen = []
    real = builtins.__import__

    def watched(name, *rest, **more):
        if name == "ot":
            seen.append("POT_BACKEND_DISABLE_PYTORCH" in os.environ)
        return real(name, *rest, **more)

    monkeypatch.delenv("POT_BACKEND_DISABLE_PYTORCH", raising=False)
    monkeypatch.setattr(pot_import, "_bare", True)
    monkeypatch.setattr(builtins, "__import__", watched)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torch", sys.modules.get("torch", object()))
        pot_import.pot()
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "torch", raising=False)
        pot_import.pot()
    assert seen == [False, True] and "POT_BACKEND_DISABLE_PYTORCH" not in os.environ

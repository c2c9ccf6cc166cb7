"""What methods share that train a network: a setting, and the arrays of their models' files.

Importing this loads no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from texto.core.errors import TextoError
from texto.core.settings import setting
from texto.core.state import only, take
from texto.core.types import as_image

NETWORK = "network."  # before the names of its tensors in a state
EVERY = 100  # steps between checkpoints

Arrays = dict[str, np.ndarray]


def precision_setting() -> Any:
    """The setting `precision` of a method, see `neural.runtime.devices.takes_bfloat16`."""
    return setting(
        "auto",
        "numbers of networks in training; auto: bfloat16 on processors that compute in it",
        choices=("auto", "float32", "bfloat16"),
    )


def stored_state(
    exemplar: np.ndarray, network: Mapping[str, np.ndarray], losses: np.ndarray
) -> Arrays:
    """The state of a model: the exemplar, the network's tensors and the losses."""
    named = {NETWORK + name: array for name, array in network.items()}
    return {"exemplar": exemplar, "losses": losses, **named}


def stored_exemplar(state: Mapping[str, Any]) -> np.ndarray:
    """The exemplar (H, W, C) in a `stored_state`; TextoError where it makes no sense."""
    exemplar = take(state, "exemplar", shape=(None, None, None), dtype=np.float32)
    return as_image(exemplar, "tensor 'exemplar'")


def stored_network(
    state: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], n_steps: int
) -> tuple[Arrays, np.ndarray]:
    """The network's tensors of these `shapes`, and the losses (n_steps,), in a `stored_state`.

    TextoError where they are others or make no sense.
    """
    only(state, ["exemplar", "losses", *(NETWORK + name for name in shapes)])
    network = {
        name: take(state, NETWORK + name, shape=shape, dtype=np.float32)
        for name, shape in shapes.items()
    }
    for name, array in network.items():
        if name.endswith("running_var") and array.min() < 0:
            raise TextoError(f"tensor {NETWORK + name!r}", "is negative", "fit the model again")
    return network, take(state, "losses", shape=(n_steps,), dtype=np.float32)

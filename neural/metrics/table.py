"""The columns of this package. Light: torch is imported when a column is prepared."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from texto.core.errors import TextoError
from texto.metrics.table import Column, Measure

from ..runtime import weights

GRAM = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
GRAM3 = GRAM[:3]
SIFID = {"sifid64": "Conv2d_2b_3x3", "sifid192": "Conv2d_4a_3x3"}
NEEDED = ("torch", "torchvision")
SMALLEST = {"gram": 32, "gram3": 16, "sifid64": 32, "sifid192": 64}  # pixels a side


def _prepare(module: str, name: str, exemplar: np.ndarray) -> Measure:
    """The measure that `<module>.against(name, exemplar)` gives."""
    return import_module(f"neural.metrics.{module}").against(name, exemplar)


def _absent(network: str, last: str) -> str | None:
    """Why a score of `network` up to the layer with weights `last` cannot run here."""
    if any(find_spec(package) is None for package in NEEDED):
        return "needs the extra 'neural'"
    try:
        found = weights.find(network)
    except TextoError as error:
        return f"{error.what} {error.why} ({error.remedy})"
    names = weights.tensor_names(found.file)
    lacks = names and weights.lacking(found.network, names)
    layers = list(found.network.layers)
    if lacks and layers.index(lacks) <= layers.index(last):
        return f"needs {last}, and {found.name} ends before {lacks}"
    return None


def _gram(name: str, layers: tuple[str, ...]) -> Column:
    return Column(
        name,
        f"relative squared difference of VGG-19's Gram matrices, the mean over {', '.join(layers)}",
        partial(_prepare, "grams", name),
        smallest=SMALLEST[name],
        absent=partial(_absent, "vgg19", layers[-1].replace("relu", "conv")),
    )


def _sifid(name: str, help: str) -> Column:
    return Column(
        name,
        help,
        partial(_prepare, "sifid", name),
        smallest=SMALLEST[name],
        absent=partial(_absent, "inception_v3", SIFID[name]),
    )


COLUMNS = {
    column.name: column
    for column in (
        _gram("gram", GRAM),
        _gram("gram3", GRAM3),
        _sifid("sifid64", "Frechet distance of Inception features before the first pooling"),
        _sifid("sifid192", "Frechet distance of Inception features before the second pooling"),
    )
}

"""Every method by its name on the command line: classical, neural, and third parties'.

A new method is one file in `methods/` and one line here. Other packages add theirs through the
entry point group `texto.methods`.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import entry_points
from importlib.util import find_spec

from .errors import TextoError

METHODS = {
    "gaussian": "texto.methods.gaussian:Gaussian",
    "ot-flow": "texto.methods.ot_flow:OTFlow",
    "nifty": "texto.methods.nifty:Nifty",
    "textogmm": "texto.methods.textogmm.method:TextoGMM",
    "kwatra": "texto.methods.kwatra.method:Kwatra",
    "patch-ot": "texto.methods.patch_ot.method:PatchOT",
    "patch-assignment": "texto.methods.patch_assignment.method:PatchAssignment",
    "texto": "texto.methods.texto.method:Texto",
    "gpnn": "texto.methods.gpnn.method:GPNN",
    "efros-leung": "texto.methods.efros_leung.method:EfrosLeung",
    "quilting": "texto.methods.quilting:Quilting",
    "gotex-patch": "neural.methods.gotex.pixels:GotexPatch",
    "gotex-vgg": "neural.methods.gotex.pixels:GotexVGG",
    "gotex-mix": "neural.methods.gotex.pixels:GotexMix",
    "gotex-all": "neural.methods.gotex.pixels:GotexAll",
    "gotex-mix-iv3": "neural.methods.gotex.pixels:GotexMixIV3",
    "gatys": "neural.methods.gatys:Gatys",
    "sw-vgg": "neural.methods.sw_vgg:SlicedVGG",
    "gpdm": "neural.methods.gpdm:GPDM",
    "gotex-patch-net": "neural.methods.gotex.nets:GotexPatchNet",
    "gotex-vgg-net": "neural.methods.gotex.nets:GotexVGGNet",
    "gotex-mix-net": "neural.methods.gotex.nets:GotexMixNet",
    "gotex-all-net": "neural.methods.gotex.nets:GotexAllNet",
    "gotex-mix-iv3-net": "neural.methods.gotex.nets:GotexMixIV3Net",
    "texnet": "neural.methods.texnet:TexNet",
    "singan": "neural.methods.singan.method:SinGAN",
    "psgan": "neural.methods.psgan.method:PSGAN",
}


class MissingExtra(TextoError, ModuleNotFoundError):
    """A method of the extra `neural` was asked for where PyTorch is not installed."""

    def __init__(self, method: str, package: str):
        remedy = "pip install 'texto[neural]'"
        super().__init__(f"method {method!r}", f"needs {package}, which is not here", remedy)
        self.name = package

    def __reduce__(self):
        return type(self), (self.what.partition(" ")[2].strip("'"), self.name)


def names() -> list[str]:
    """All registered names, ours first."""
    return [*METHODS, *(name for name in _third_party() if name not in METHODS)]


def method_class(name: str, *, to_run: bool = True) -> type:
    """The dataclass of the method called `name`; TextoError with the nearest names if unknown.

    Small and capital letters are the same. A method of `neural` needs PyTorch: MissingExtra
    where it is not installed, unless the class is only to tell of itself (`to_run` false).
    PyTorch is not loaded before the method runs.
    """
    known = {each.casefold(): target for each, target in {**_third_party(), **METHODS}.items()}
    target = known.get(name.casefold())
    if target is None:
        near = difflib.get_close_matches(name, names(), n=3) or names()
        raise TextoError(f"method {name!r}", "is not known", f"did you mean {', '.join(near)}?")
    module, _, attribute = target.partition(":")
    if to_run and module.startswith("neural."):
        require_torch(name)
    return getattr(importlib.import_module(module), attribute)


def needs_extra(name: str) -> bool:
    """Whether the method called `name` is one of the extra `neural`."""
    return METHODS.get(name, "").startswith("neural.")


def classes() -> dict[str, str]:
    """The module of each of our methods' classes, by the class's name."""
    pairs = (target.partition(":") for target in METHODS.values())
    return {name: module for module, _, name in pairs}


def name_of(method: object) -> str:
    """The registered name of a method instance."""
    target = f"{type(method).__module__}:{type(method).__qualname__}"
    for name, known in {**_third_party(), **METHODS}.items():
        if known == target:
            return name
    raise TextoError(target, "is not a registered method", "add it to texto.core.registry.METHODS")


def missing_torch() -> str | None:
    """The package of the extra `neural` that is not installed; None where all are."""
    return next((name for name in ("torch", "torchvision") if find_spec(name) is None), None)


def require_torch(method: str) -> None:
    """MissingExtra where what the method called `method` needs is not installed."""
    missing = missing_torch()
    if missing:
        raise MissingExtra(method, missing)


def _third_party() -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group="texto.methods")}

"""texto: texture synthesis, mixing and inpainting by optimal transport.

>>> import texto
>>> model = texto.TextoGMM().fit(texto.read_image("wall.png"), rng=0)
>>> texto.write_image("more.png", model.synthesize((512, 512), rng=1))

Names are imported when first used, so `import texto` loads nothing heavy.
"""

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "read_image": "texto.images",
    "write_image": "texto.images",
    "load": "texto.storage",
    "save": "texto.storage",
    "tile": "texto.tiling",
    "recolor": "texto.recoloring",
    "History": "texto.history",
    "stack": "texto.maps",
    "stack_of": "texto.maps",
    "compare": "texto.comparison",
    "metrics": "texto",
    "Gaussian": "texto.methods.gaussian",
    "TextoGMM": "texto.methods.textogmm",
    "Kwatra": "texto.methods.kwatra",
    "PatchAssignment": "texto.methods.patch_assignment",
    "PatchOT": "texto.methods.patch_ot",
    "Texto": "texto.methods.texto",
    "GPNN": "texto.methods.gpnn",
    "EfrosLeung": "texto.methods.efros_leung",
    "GotexPatch": "neural.methods.gotex",
    "GotexVGG": "neural.methods.gotex",
    "GotexMix": "neural.methods.gotex",
    "GotexAll": "neural.methods.gotex",
    "GotexMixIV3": "neural.methods.gotex",
    "Gatys": "neural.methods.gatys",
    "SlicedVGG": "neural.methods.sw_vgg",
    "GPDM": "neural.methods.gpdm",
    "GotexPatchNet": "neural.methods.nets",
    "GotexVGGNet": "neural.methods.nets",
    "GotexMixNet": "neural.methods.nets",
    "GotexAllNet": "neural.methods.nets",
    "GotexMixIV3Net": "neural.methods.nets",
    "TexNet": "neural.methods.texnet",
    "SinGAN": "neural.methods.singan",
    "PSGAN": "neural.methods.psgan",
    "TextoError": "texto.protocols",
}
__all__ = ["method", *sorted(_PUBLIC)]


def method(name, **settings):
    """The method registered as `name`, with `settings` in place of its defaults."""
    return import_module("texto.registry").method_class(name)(**settings)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'texto' has no attribute {name!r}")
    if name == "metrics":
        return import_module("texto.metrics")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__():
    return sorted([*globals(), *_PUBLIC])

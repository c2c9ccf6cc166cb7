"""texto: texture synthesis, mixing and inpainting by optimal transport.

>>> import texto
>>> model = texto.TextoGMM().fit(texto.read_image("wall.png"), rng=0)
>>> texto.write_image("more.png", model.synthesize((512, 512), rng=1))

Names are imported when first used, so `import texto` loads nothing heavy.
"""

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "read_image": "texto.io.images",
    "write_image": "texto.io.images",
    "load": "texto.io.model_files",
    "save": "texto.io.model_files",
    "inpaint": "texto.editing.inpainting",
    "tile": "texto.editing.tiling",
    "recolor": "texto.editing.recoloring",
    "mix": "texto.editing.mixing",
    "History": "texto.core.history",
    "stack": "texto.editing.maps",
    "stack_of": "texto.editing.maps",
    "compare": "texto.comparison",
    "TextoError": "texto.core.errors",
}


def method(name, **settings):
    """The method registered as `name`, with `settings` in place of its defaults.

    Raises TextoError for a name or a setting that is not known, and for a value out of range.
    """
    cls, core = (
        import_module("texto.core.registry").method_class(name),
        import_module("texto.core.settings"),
    )
    known = core.settings_of(cls)
    for key in settings:
        if key not in known:
            raise core.no_setting(f"setting {key!r}", key, known)
    return cls(**settings)


def __getattr__(name):
    if name == "__all__":
        return ["method", "metrics", *sorted({**_PUBLIC, **_classes()})]
    if name == "metrics":
        return import_module("texto.metrics")
    module = _PUBLIC.get(name) or (None if name.startswith("_") else _classes().get(name))
    if module is None:
        raise AttributeError(f"module 'texto' has no attribute {name!r}")
    return getattr(import_module(module), name)


def __dir__():
    return sorted([*globals(), "metrics", *_PUBLIC, *_classes()])


def _classes():
    """The module of each method's class, by the class's name."""
    return import_module("texto.core.registry").classes()

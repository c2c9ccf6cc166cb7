"""The method that a command line asks for: `-m`, `--set`, and options that are settings."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..core import registry
from ..core.contract import Adapts, Method, Mixed, Model, OnDevice
from ..core.errors import TextoError, TextoWarning
from ..core.settings import Setting, parse_settings, replaced, settings_of
from ..io import stored_settings
from ..patches.search import resolve_device
from ..steps.mixing.ingredients import automatic_settings, method_for_others
from .options import Options
from .options.common import DEFAULT_METHOD

# options that are settings of some methods, and what is true of those without
_LACKS = {
    "tileable": "makes no tileable pictures",
    "device": "runs on the CPU only",
    "weights": "has no network that needs weights",
}


_FILLING = {"tile": "inpaint"}  # commands that use a method as others do


@dataclass(frozen=True)
class Wanted:
    """What a `command` asks for: the `name` of a method or None, `pairs` key=value, and settings.

    `named` : the values of the options in `_LACKS` that are given.
    """

    command: str
    name: str | None
    pairs: tuple[str, ...]
    named: Mapping[str, str]

    @classmethod
    def of(cls, options: Options) -> Wanted:
        """What `options` ask for, of a command that has `-m`."""
        given = vars(options)
        values = {key: given.get(key) for key in ("tileable", "device")}
        values["weights"] = given.get("network_weights")  # `texto mix` has other weights
        named = {key: value for key, value in values.items() if value is not None}
        command = _FILLING.get(options.command, options.command)
        command = "guide" if given.get("guide") else command
        return cls(command, options.method, options.settings, named)

    def method(self, stored: tuple[str, Mapping[str, Any]] | None = None) -> Method:
        """The method, with its defaults or on top of a picture's `stored` (name, settings)."""
        name, settings = stored or (self.name or DEFAULT_METHOD, {})
        if self.name is not None and self.name.casefold() != name.casefold():
            raise TextoError(
                "-m/--method", f"--from repeats with {name!r}", "leave one of them out"
            )
        cls = registry.method_class(name)
        known, settings = settings_of(cls), stored_settings.of_format_1(name, settings)
        for key in settings:
            if key not in known:
                raise TextoError(
                    f"setting {key!r}",
                    f"is stored, but {name!r} of this version does not have it",
                    "use the version of texto that 'texto info' names",
                )
        given = self._settings(cls)
        if stored is None:
            return _on_its_device(cls(**given))
        kept = {key: known[key].check(value) for key, value in settings.items()}
        return _on_its_device(replaced(cls(**_without_paths(kept, given)), **given))

    def changed(self, model: Model, repeated: Mapping[str, Any]) -> Model:
        """`model` with the settings of its synthesis as in `repeated`, and then as asked for.

        TextoError where settings of its fit are asked for.
        """
        if self.name is not None:
            raise TextoError("-m/--method", "a model has its method already", "leave it out")
        known = settings_of(model.method)
        kept = {
            key: known[key].check(value)
            for key, value in repeated.items()
            if key in known and _may_change(known[key])
        }
        given = self._settings(type(model.method))
        for key in given:
            if not _may_change(known[key]):
                what, remedy = f"setting {key!r}", "fit again, or leave it"
                raise TextoError(what, "is fixed when the model is fitted", remedy)
        before = replaced(model.method, **_without_paths(kept, given))
        method = _adapted_anew(replaced(before, **given), model, {*kept, *given})
        return replaced(model, method=_on_its_device(method))

    def _settings(self, cls: type) -> dict[str, Any]:
        """The values asked for, for the fields of `cls`."""
        values = parse_settings(cls, list(self.pairs))
        known = settings_of(cls)
        for key in values:
            if self.command in known[key].unused_by:
                why = f"changes nothing in what this method does to {self.command}"
                raise TextoError(f"--set {key}", why, "leave it out")
        for key, value in self.named.items():
            if key in values:
                raise TextoError(f"--{key}", f"is given again by --set {key}", "give it once")
            if key in known:
                values[key] = known[key].check(value)
            elif key != "device" or value not in ("auto", "cpu"):
                what, why = f"--{key} {value}", f"this method {_LACKS[key]}"
                raise TextoError(what, why, "see 'texto methods' for others")
        return values


def made_with(method: object, *, note: bool = False) -> Mapping[str, str]:
    """`stored_settings.made_with`; with `note`, random weights are told of."""
    found = stored_settings.made_with(method)
    if note and found.get("random_layers"):
        warnings.warn(
            f"random weights in the layers {found['random_layers']} of "
            f"{registry.name_of(method)}: not a network as trained",
            TextoWarning,
            stacklevel=2,
        )
    return found


def name_in_files(name: str, random_layers: str | None) -> str:
    """The method's `name` as files are called: not like those of a trained network."""
    return f"{name}-random" if random_layers else name


def _without_paths(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The `stored` settings of a picture but for paths; those that are not `given` are told of."""
    rest = {key: value for key, value in stored.items() if key not in given}
    dropped = rest.keys() - stored_settings.without_paths(rest, "the picture").keys()
    return {key: value for key, value in stored.items() if key not in dropped}


def _adapted_anew(method: Method, model: Model, told: Collection[str]) -> Method:
    """The changed `method` of `model`, with numbers that follow from what was changed.

    Only those of the synthesis that are not `told`, and that the exemplar asked for: a number
    that somebody chose stays. A mix has no one exemplar to ask.
    """
    if isinstance(model, Mixed) or not isinstance(method, Adapts) or method == model.method:
        return method
    asked, known = method_for_others(model), settings_of(method)
    free = [
        name
        for name in automatic_settings(method)
        if known[name].stage == "synthesis" and name not in told and getattr(asked, name) is None
    ]
    return replaced(method, **dict.fromkeys(free)).adapted(model.exemplar)


def _on_its_device(method: Method) -> Method:
    """`method`; TextoError now, not after the fit, where its device is not here."""
    if isinstance(method, OnDevice) and method.device not in ("auto", "cpu"):
        declared = settings_of(method).get("device")
        if declared is not None and declared.of_search:  # others may not run on FAISS
            resolve_device(method.device)
    return method


def _may_change(setting: Setting) -> bool:
    return setting.stage == "synthesis" or setting.name == "device"

"""`texto methods`: the methods, and the settings of one."""

from __future__ import annotations

import inspect
from typing import Any

from ..core import registry
from ..core.settings import Setting, settings_of
from .console import say, say_json
from .options import Options


def run(options: Options) -> None:
    """Print the table of methods, or of one method's settings."""
    if options.name is None:
        _print_methods(options)
    else:
        _print_settings(options)


def _print_methods(options: Options) -> None:
    summaries = {name: _summary(name) for name in registry.names()}
    if options.json:
        say_json([{"name": name, "summary": text} for name, text in summaries.items()])
        return
    width = max(map(len, summaries))
    for name, text in summaries.items():
        say(f"{name:{width}}  {text}")


def _print_settings(options: Options) -> None:
    cls = registry.method_class(options.name)
    known = settings_of(cls).values()
    if options.json:
        described = [_described(setting) for setting in known]
        say_json({"name": options.name, "about": inspect.getdoc(cls), "settings": described})
        return
    say(f"{options.name}: {inspect.getdoc(cls)}")
    for setting in known:
        say(f"\n{setting.name} = {_shown(setting.default)}   ({setting.range}; {setting.stage})")
        say(f"    {setting.help}")


def _summary(name: str) -> str:
    """The first line of the method's docstring; a broken one must not hide the others."""
    try:
        return (inspect.getdoc(registry.method_class(name)) or "").partition("\n")[0]
    except registry.MissingExtra:
        return "needs the extra 'neural': pip install 'texto[neural]'"
    except Exception as error:  # third parties' code, or a package it needs is missing
        return f"cannot be loaded: {type(error).__name__}: {error}"


def _described(setting: Setting) -> dict[str, Any]:
    return {
        "name": setting.name,
        "default": setting.default,
        "range": setting.range,
        "stage": setting.stage,
        "help": setting.help,
    }


def _shown(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)

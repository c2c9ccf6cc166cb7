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
    found = {name: _about(name) for name in registry.names()}
    if options.json:
        say_json([{"name": name, **about} for name, about in found.items()])
        return
    width = max(map(len, found))
    for name, about in found.items():
        say(f"{name:{width}}  {about['summary']}")
        good = about["good_for"]
        for line in filter(None, (good and f"good for: {good}", about["missing"])):
            say(f"{'':{width}}    {line}")


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


def _about(name: str) -> dict[str, str | None]:
    """What the method says of itself; a broken one must not hide the others."""
    try:
        cls = registry.method_class(name, to_run=False)
    except Exception as error:  # third parties' code, or a package it needs is missing
        why = f"cannot be loaded: {type(error).__name__}: {error}"
        return {"summary": why, "good_for": None, "missing": None}
    own = (inspect.getdoc(cls) or "").partition("\n")[0]
    lacks = registry.needs_extra(name) and registry.missing_torch()
    return {
        "summary": getattr(cls, "summary", own),
        "good_for": getattr(cls, "good_for", None),
        "missing": f"needs {lacks}: pip install 'texto[neural]'" if lacks else None,
    }


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

"""`texto weights`: the trained networks, where they are and how to get them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from ..core.errors import TextoError
from .console import one_line, progress_bar, say, say_json
from .options import Options

_MODULE = "neural.runtime.weights"  # by its name only: texto imports nothing of neural
_USUAL = ("vgg19", "inception_v3")  # the others serve special scores


def run(options: Options) -> None:
    """List the weights, print their paths, or download what is missing."""
    neural = _neural()
    if options.action == "list":
        _list(neural, options)
        return
    names = [neural.network(name).name for name in dict.fromkeys(options.networks)]
    names = names or list(_USUAL)
    paths = _downloaded(neural, names, options) if options.action == "download" else None
    paths = paths or {name: str(neural.find(name).path) for name in names}
    if options.json:
        say_json(paths)
        return
    for path in paths.values():
        say(one_line(path))


def _neural() -> ModuleType:
    if find_spec(_MODULE.partition(".")[0]) is None:
        raise TextoError("weights", "the package 'neural' is missing", "install texto again")
    return import_module(_MODULE)


def _list(neural: ModuleType, options: Options) -> None:
    names = [neural.network(name).name for name in dict.fromkeys(options.networks)]
    names = names or list(neural.NETWORKS)
    found = [_entry(neural, name) for name in names]
    if options.json:
        say_json(found)
        return
    width = max(len(entry["network"]) for entry in found)
    for entry in found:
        if entry["path"] is None:
            text = f"{entry['reason']}; {entry['remedy']}"
        else:
            cut = f", without {entry['first_missing']} and later" if entry["first_missing"] else ""
            other = ", damaged: its SHA-256 is not that of its name" if entry["altered"] else ""
            text = f"{entry['path']} ({entry['origin']}{cut}{other})"
        say(f"{entry['network']:{width}}  {one_line(text)}")


def _entry(neural: ModuleType, name: str) -> dict[str, Any]:
    """What is known of the network's weights without loading them; the files are read once."""
    entry: dict[str, Any] = {
        "network": name,
        "path": None,
        "origin": None,
        "first_missing": None,
        "sha256": None,
        "altered": None,
        "url": neural.NETWORKS[name].url,
        "reason": None,
        "remedy": None,
    }
    try:
        found = neural.find(name)
    except TextoError as error:
        return entry | {"reason": f"{error.what} {error.why}", "remedy": error.remedy}
    names = neural.tensor_names(found.path)
    first = neural.lacking(found.network, names) if names else None
    return entry | {
        "path": str(found.path),
        "origin": found.origin,
        "first_missing": first,
        "sha256": found.checksum,
        "altered": found.altered,
    }


def _downloaded(neural: ModuleType, names: list[str], options: Options) -> dict[str, str]:
    with progress_bar(quiet=options.quiet) as progress:
        return {name: str(neural.download(name, progress=progress)) for name in names}

"""Which module runs a command, for one picture or for several. Imports nothing heavy."""

from __future__ import annotations

import os
from importlib import import_module

from . import existing, stdin
from .console import complain
from .options import Options


def run(options: Options) -> int:
    """Run the command; its exit code."""
    options = stdin.filled(options)
    if vars(options).get("skip_existing"):
        from .outputs import check_skipping

        check_skipping(options)
    if _is_many(options):
        from . import many

        return many.run(options)
    try:
        return import_module(f"texto.commands.{options.command}").run(options) or 0
    except existing.AllThere:
        if options.verbose:
            complain("texto: all files are there, nothing is made")
        return 0


def _is_many(options: Options) -> bool:
    """Whether several pictures are given, or a folder of them."""
    pictures = vars(options).get("pictures", ())
    return len(pictures) > 1 or any(map(os.path.isdir, pictures))

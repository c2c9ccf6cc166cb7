"""The report of a comparison: one HTML file that holds its pictures, style and script."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from ...io.files import replacing
from ..results import Results
from .facts import summary
from .pictures import strips
from .scopes import columns, scopes

_HERE = Path(__file__).parent
# Controls, marks that turn the direction of writing, halves of surrogate pairs.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def write_report(results: Results, path: Path) -> None:
    """Write `results` as the HTML file `path`, in one step; finished or not.

    The same results and pictures give the same bytes. A picture that cannot be read leaves a
    message in its place. The file is about four thirds of its pictures as lossless WebP.
    Raises TextoError where the disk refuses. Cost: 0.1 s for each 256 x 256 picture.
    """
    text = render(results)
    with replacing(path) as file:
        file.write(text.encode())


def render(results: Results) -> str:
    """The report as text. All that comes from outside is escaped; nothing of it is script."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        finalize=_visible,
        loader=FileSystemLoader(_HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (_source(name) for name in ("style.css", "script.js"))
    return environment.get_template("page.html").render(
        results=results,
        summary=summary(results),
        columns=columns(results),
        scopes=scopes(results),
        strips=strips(results),
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
    )


def _visible(value: Any) -> Any:
    """`value` without characters that no reader can see, or that a file cannot hold."""
    return _UNSEEN.sub("\ufffd", value) if type(value) is str else value


def _source(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """A content security policy: no network, and no style or script but ours."""
    hashes = (
        base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        for source in (style, script)
    )
    style_hash, script_hash = (f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; img-src data:; style-src {style_hash}; "
        f"script-src {script_hash}; base-uri 'none'; form-action 'none'"
    )

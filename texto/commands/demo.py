"""`texto demo`: two textures made on the spot."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..core import registry
from ..core.contract import Method
from ..core.errors import TextoError, TextoWarning
from ..core.types import Progress
from ..io.files import check_writable
from ..io.images import write_image
from .console import progress_bar, say, say_json
from .options import Options
from .options.common import DEFAULT_METHOD
from .reading import Reading

SIDE = 512  # of the results
CROP = 256  # of the exemplars, at most
SEED = 0
_GAP = 16
_PHOTOGRAPH, _SPARE, _DRAWN = "gravel", "brick", "woven"


def run(options: Options) -> None:
    """Write exemplar, result and sheet of two exemplars."""
    method = registry.method_class(options.method or DEFAULT_METHOD)()
    folder = _made_folder(options.output)
    for name in (_PHOTOGRAPH, _SPARE, _DRAWN):
        for path in _paths(folder, name):
            check_writable(path, force=options.force)
    report = []
    with progress_bar(quiet=options.quiet) as progress:
        for name, exemplar in _exemplars():
            report.append(_shown(folder, name, exemplar, method, progress))
            if not options.json:
                _print(report[-1])
    if options.json:
        say_json(report)


def _shown(
    folder: Path, name: str, exemplar: np.ndarray, method: Method, progress: Progress
) -> dict[str, Any]:
    """Synthesise from `exemplar` (H, W, C) and write the three pictures."""
    start = time.perf_counter()
    model = method.fit(exemplar, rng=SEED, progress=progress)
    fitted = time.perf_counter()
    result = model.synthesize((SIDE, SIDE), rng=SEED, progress=progress)
    done = time.perf_counter()
    paths = _paths(folder, name)
    for path, image in zip(paths, (exemplar, result, sheet(exemplar, result)), strict=True):
        write_image(path, image)
    return {
        "exemplar": name,
        "fit_seconds": round(fitted - start, 2),
        "synthesis_seconds": round(done - fitted, 2),
        "paths": [str(path) for path in paths],
    }


def sheet(exemplar: np.ndarray, result: np.ndarray) -> np.ndarray:
    """Both pictures, each (H, W, C), side by side on white."""
    height = max(exemplar.shape[0], result.shape[0])
    parts = []
    for picture in (exemplar, np.ones((height, _GAP, exemplar.shape[2]), np.float32), result):
        below = ((0, height - picture.shape[0]), (0, 0), (0, 0))
        parts.append(np.pad(picture, below, constant_values=1))
    return np.concatenate(parts, axis=1)


def _exemplars() -> Iterator[tuple[str, np.ndarray]]:
    """Names and pictures (H, W, C): a photograph, and a drawn exemplar where there is one."""
    import texto

    yield _PHOTOGRAPH, _photograph(_PHOTOGRAPH)
    drawn = Path(texto.__file__).parent.parent / "data" / f"{_DRAWN}.png"
    if drawn.is_file():
        yield _DRAWN, _crop(Reading().open(drawn).pixels)
        return
    warnings.warn(
        f"the repository's data folder is not here: {_SPARE!r} of scikit-image takes the place "
        f"of {_DRAWN!r}",
        TextoWarning,
        stacklevel=2,
    )
    yield _SPARE, _photograph(_SPARE)


def _photograph(name: str) -> np.ndarray:
    """A picture that is a file of scikit-image's wheel, so nothing is downloaded."""
    import skimage.data

    path = Path(skimage.data.__file__).parent / f"{name}.png"
    return _crop(Reading().open(path).pixels)


def _crop(picture: np.ndarray) -> np.ndarray:
    return picture[:CROP, :CROP]


def _made_folder(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TextoError(
            f"folder {name!r}", f"cannot be made: {error.strerror}", "choose another with -o"
        ) from error
    return folder


def _paths(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}_{part}.png" for part in ("exemplar", "result", "sheet")]


def _print(report: dict[str, Any]) -> None:
    say(
        f"{report['exemplar']}: fitted in {report['fit_seconds']} s, "
        f"synthesised in {report['synthesis_seconds']} s"
    )
    for path in report["paths"]:
        say(f"  {path}")

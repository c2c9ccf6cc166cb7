"""The folder of a comparison: where each file is, and reading and writing whole cells."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ..core.errors import TextoError
from ..io.files import replacing
from .kept import ScoreDict, checked, read_json, to_bytes
from .results import EXEMPLARS, FLOORS, PLAN, RUNS, Cell, Scores

GRID, TABLE, REPORT = "grid.png", "scores.csv", "report.html"
OUTPUTS = (GRID, TABLE, REPORT)
_MAX_NAME = 80  # characters: leaves room for the seed and the suffix within 255 bytes


def file_name(text: str) -> str:
    """`text` fit for a file's name on any system."""
    return re.sub(r"[^\w.-]+", "_", text)[:_MAX_NAME].lstrip(".-") or "_"


def stem_of(exemplar: str, label: str, seed: int) -> Path:
    """The file of a cell without its suffix, relative to the folder."""
    return Path(RUNS, file_name(exemplar), f"{file_name(label)}_s{seed}")


def write(path: Path, data: bytes) -> None:
    """Write `data` whole or not at all; missing folders are made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TextoError(
            f"cannot write {str(path)!r}", error.strerror or str(error), "choose another folder"
        ) from error
    with replacing(path) as file:
        file.write(data)


def save_cell(folder: Path, cell: Cell, picture: bytes | None) -> Cell:
    """Write `cell` and its `picture`, a PNG, and return it with its picture's name."""
    stem = stem_of(cell.exemplar, cell.label, cell.seed)
    if picture is None:
        (folder / f"{stem}.png").unlink(missing_ok=True)
    else:
        name = f"{stem.as_posix()}.png"
        cell = cell.replaced(picture=name)
        write(folder / name, picture)
    write(folder / f"{stem}.json", to_bytes(cell))
    return cell


def saved_cell(folder: Path, exemplar: str, label: str, seed: int) -> Cell | None:
    """The cell in `folder`; None where it is missing, or was not written whole."""
    path = folder / f"{stem_of(exemplar, label, seed)}.json"
    if not path.exists():
        return None
    what = f"cell {str(path)!r}"
    cell = checked(read_json(path, what), Cell, what)
    if (cell.exemplar, cell.label, cell.seed) != (exemplar, label, seed):
        raise TextoError(what, "is that of another run", "start anew with --force")
    whole = cell.picture is None or (folder / cell.picture).is_file()
    return cell if whole else None


def save_floor(folder: Path, exemplar: str, scores: Scores) -> None:
    """Write what a perfect result would get."""
    write(folder / FLOORS / f"{file_name(exemplar)}.json", to_bytes(scores))


def saved_floor(folder: Path, exemplar: str) -> Scores | None:
    """What a perfect result would get; None where it has not been computed."""
    path = folder / FLOORS / f"{file_name(exemplar)}.json"
    what = f"floor {str(path)!r}"
    return checked(read_json(path, what), dict[str, ScoreDict], what) if path.exists() else None


def clear(folder: Path) -> None:
    """Remove what a comparison wrote into `folder`, and nothing else."""
    for name in (EXEMPLARS, FLOORS, RUNS):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (*OUTPUTS, PLAN):
        (folder / name).unlink(missing_ok=True)

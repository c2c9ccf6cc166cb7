"""What the report says about the whole comparison and about each picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..kept import ScoreDict
from ..results import Cell, Exemplar, Results, Scores
from .curves import Curve, curve
from .wording import DASH, figure, moment, plain, seconds, spread_of

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ScoreLine:
    """One score of one picture beside its floor, as text."""

    name: str
    text: str
    floor: str
    reason: str | None = None


@dataclass(frozen=True)
class Facts:
    """All that is known about one picture."""

    about: Pairs
    scores: Sequence[ScoreLine] = ()
    settings: Pairs = ()
    versions: Pairs = ()
    loss: Curve | None = None


def summary(results: Results) -> list[tuple[str, str]]:
    """The head of the report: when, where and what."""
    done = [cell for cell in results.cells if cell.status == "done"]
    n_runs = len(results.entries) * len(results.exemplars) * len(results.seeds)
    size = "each exemplar's own" if results.shape is None else _size(results.shape)
    machine = results.machine
    pairs = [
        ("made", moment(results.created)),
        ("result size", size),
        ("seeds", ", ".join(map(str, results.seeds))),
        ("exemplars", ", ".join(exemplar.name for exemplar in results.exemplars)),
        ("runs", f"{len(done)} of {n_runs} done"),
        ("processor", f"{machine.get('cpu') or 'unknown'}, {machine.get('cores', '?')} cores"),
        ("graphics", str(machine.get("gpu") or "none")),
        ("threads a run", _all_of([str(cell.threads) for cell in done])),
    ]
    common = _common([cell.versions for cell in done])
    return [*pairs, ("versions", ", ".join(f"{name} {text}" for name, text in common.items()))]


def exemplar_facts(results: Results, exemplar: Exemplar) -> Facts:
    """The exemplar's file, size and floors."""
    about = [
        ("file", exemplar.path),
        ("size", _size(exemplar.shape)),
        ("SHA-256 of its pixels", exemplar.sha256),
    ]
    floors = results.floors.get(exemplar.name, {})
    return Facts(about, _score_lines(results, {}, floors) if floors else ())


def run_facts(results: Results, cell: Cell) -> Facts:
    """What one run cost, how it scored, and all that it takes to make it again."""
    entry = next((each for each in results.entries if each.label == cell.label), None)
    about = [
        ("method", entry.method if entry else cell.label),
        ("seed", str(cell.seed)),
        ("fit", _seconds(cell.fit_s)),
        ("synthesis", _seconds(cell.synthesis_s)),
        ("peak memory", _mebibytes(cell.peak_bytes)),
        ("threads", str(cell.threads)),
    ]
    scores: Sequence[ScoreLine] = ()
    if cell.status == "done":
        scores = _score_lines(results, cell.scores, results.floors.get(cell.exemplar, {}))
    settings = cell.settings or (entry.settings if entry else {})
    return Facts(
        about,
        scores,
        [(str(name), plain(value)) for name, value in settings.items()],
        list(cell.versions.items()),
        curve(cell.loss or ()),
    )


def _score_lines(results: Results, scores: Scores, floors: Scores) -> list[ScoreLine]:
    lines = []
    for column in results.columns:
        name = column["name"]
        score, floor = scores.get(name), floors.get(name)
        reason = (score and score["reason"]) or column["reason"]
        lines.append(ScoreLine(name, _score(score), _score(floor), reason))
    return lines


def _score(score: ScoreDict | None) -> str:
    value = score and score["value"]
    if score is None or value is None:
        return DASH
    spread = spread_of(value, score["spread"])
    return figure(value) if spread is None else f"{figure(value)} ± {spread}"


def _size(shape: tuple[int, int]) -> str:
    height, width = shape
    return f"{width} × {height}"


def _seconds(value: float | None) -> str:
    return DASH if value is None else f"{seconds(value)} s"


def _mebibytes(value: int | None) -> str:
    return DASH if value is None else f"{figure(value / 2**20)} MiB"


def _all_of(texts: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(texts)) or DASH


def _common(versions: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The versions that every run shares."""
    first = versions[0] if versions else {}
    return {
        name: text
        for name, text in first.items()
        if all(other.get(name) == text for other in versions)
    }

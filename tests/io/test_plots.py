"""The losses of a run: kept, written into a PNG, drawn."""

import json

import numpy as np

from texto.core.history import History
from texto.core.types import Step
from texto.io.plots import loss_curve


def steps(losses, level=0):
    return [
        Step("synthesize", level, number, len(losses), loss)
        for number, loss in enumerate(losses, 1)
    ]


def test_history_keeps_losses_and_passes_everything_on():
    seen = []
    history = History(seen.append)
    given = [Step("fit", 0, 1, 2), *steps([0.5, 0.25], level=1)]
    for step in given:
        history(step)
    assert seen == given
    assert history.steps == given[1:]
    assert json.loads(history.text()["texto-loss"]) == [[1, 0.5], [1, 0.25]]
    assert History().text() == {}


def test_a_curve_shows_every_level_in_its_colour():
    picture = loss_curve(steps([3.0, 2.0, 1.0], 1) + steps([2.0, 1.0, 0.5], 0), "two levels")
    assert picture.shape == (540, 960, 3) and picture.dtype == np.float32
    for colour in [(31, 119, 180), (255, 127, 14)]:  # the first two of the standard cycle
        drawn = np.abs(picture - np.array(colour) / 255).max(axis=2) < 0.02
        assert drawn.sum() > 200
    assert np.array_equal(
        picture, loss_curve(steps([3.0, 2.0, 1.0], 1) + steps([2, 1, 0.5]), "two levels")
    )


def test_a_falling_curve_falls():
    picture = loss_curve(steps(list(np.geomspace(1, 0.01, 50))))
    drawn = np.abs(picture - np.array((31, 119, 180)) / 255).max(axis=2) < 0.05
    drawn[:, 700:] = False  # the legend
    heights = [np.flatnonzero(column).mean() for column in drawn.T if column.any()]
    assert heights[-1] > heights[0] + 200


def test_negative_and_single_losses_are_drawn():
    assert loss_curve(steps([-1.0, 0.5])).shape == loss_curve(steps([2.0])).shape
    assert loss_curve([]).shape == (540, 960, 3)

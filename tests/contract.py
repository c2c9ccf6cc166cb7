"""What every registered method must do: one function a clause, each given a `Case`.

Not collected by itself: test_contract.py runs every clause on every method of the registry.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math
import random
import re
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pytest

import texto
from texto.core import registry
from texto.core.contract import Adapts, Guides, Inpaints, Method, Mixes, MixesAlong, Model
from texto.core.errors import TextoError
from texto.core.settings import settings_of
from texto.core.types import Step

# At a corner, inside, at two borders.
HOLES = (np.s_[:12, :9], np.s_[26:38, 18:32], np.s_[10:14, 50:], np.s_[47:, 26:44])
SEAM = 1.25  # a seam may be this much rougher than the roughest line inside


def quick_settings(name: str) -> dict[str, Any]:
    """Settings with which the method called `name` is quick."""
    return dict(registry.method_class(name).quick)


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A method with quick settings and one model of it, fitted when first asked for."""

    name: str
    exemplar: np.ndarray

    @cached_property
    def method(self) -> Method:
        return registry.method_class(self.name)(**quick_settings(self.name))

    @cached_property
    def model(self) -> Model:
        return self.method.fit(self.exemplar, rng=0)

    @cached_property
    def other(self) -> Model:
        """A model of another exemplar, of another size."""
        return self.method.fit(self.exemplar[::-1, 4:].copy(), rng=3)

    @cached_property
    def picture(self) -> np.ndarray:
        """(24, 31, C): what the model makes of seed 1."""
        return self.model.synthesize((24, 31), rng=1)


class Stopped(Exception):
    """Raised by a progress callback."""


def it_is_a_frozen_documented_method(case: Case) -> None:
    cls = type(case.method)
    assert isinstance(case.method, Method) and isinstance(case.model, Model)
    for thing in (case.method, case.model):
        assert thing.__dataclass_params__.frozen, f"{type(thing)} can be changed"
    documented = (cls, cls.fit, cls.restore, type(case.model), type(case.model).synthesize)
    for thing in documented:
        assert len(inspect.getdoc(thing) or "") > 20, f"{thing} has no docstring"
    assert cls() == registry.method_class(case.name)(), "defaults do not construct"
    assert registry.name_of(case.method) == case.name
    assert all(setting.help for setting in settings_of(cls).values())


def settings_are_validated(case: Case) -> None:
    for name, known in settings_of(case.method).items():
        assert known.kind is not int or None not in (known.low, known.high), f"{name}: no limit"
        bad: list[Any] = [[], object()] + ([] if known.optional else [None])
        if known.kind in (int, float):
            bad += ["x", "", math.nan, math.inf, -math.inf]
            bad += [] if known.low is None else [known.low - 1]
            bad += [] if known.high is None else [known.high + 1]
        bad += [2.5, True] if known.kind is int else []
        bad += ["nonsense", ""] if known.choices else []
        for value in bad:
            with pytest.raises(TextoError, match=name):
                dataclasses.replace(case.method, **{name: value})


def fit_changes_nothing_and_its_seed_decides(case: Case) -> None:
    first, exemplar, seen = case.model, case.exemplar.copy(), list[Step]()
    before = global_state()
    model = case.method.fit(exemplar, rng=np.random.default_rng(0), progress=seen.append)
    assert global_state() == before, "fit used a global random state"
    assert np.array_equal(exemplar, case.exemplar), "fit changed the exemplar"
    assert np.array_equal(model.exemplar, case.exemplar)
    assert seen, "fit reports nothing"
    assert_whole(seen)
    assert same_state(model, first), "fit differs from run to run, or when watched"
    exemplar[:] = 0
    result = model.synthesize((24, 31), rng=1)
    assert np.array_equal(result, case.picture), "the model shares memory with its exemplar"
    assert model.method == case.model.method


def automatic_settings_are_set_in_a_model(case: Case) -> None:
    method = case.model.method
    left = [
        name
        for name, known in settings_of(method).items()
        if known.automatic and getattr(method, name) is None
    ]
    assert not left, f"the model does not tell {left}"
    if isinstance(method, Adapts):
        assert method.adapted(case.exemplar) == method
        assert case.method.adapted(case.exemplar) == method


def synthesize_changes_nothing_and_its_seed_decides(case: Case) -> None:
    state, before, seen = state_bytes(case.model), global_state(), list[Step]()
    rng = np.random.default_rng(1)
    again = case.model.synthesize((24, 31), rng=rng, progress=seen.append)
    assert global_state() == before, "synthesize used a global random state"
    assert state_bytes(case.model) == state, "synthesize changed the model"
    assert np.array_equal(again, case.picture), "it differs from run to run, or when watched"
    assert seen, "synthesize reports nothing"
    assert_whole(seen)
    other = case.model.synthesize((24, 31), rng=2)
    assert not np.allclose(other, case.picture, atol=1e-3), "another seed gives the same picture"
    free = [case.model.synthesize((20, 20), rng=None) for _ in range(2)]
    assert not np.array_equal(*free), "rng=None gives the same picture twice"


def bad_seeds_are_refused(case: Case) -> None:
    for seed in (-1, 2**32):
        with pytest.raises(TextoError, match="seed"):
            case.model.synthesize((8, 8), rng=seed)
        with pytest.raises(TextoError, match="seed"):
            case.method.fit(case.exemplar, rng=seed)


def any_size_is_a_finite_picture(case: Case) -> None:
    for shape in [(1, 1), (3, 20), (70, 33)]:
        result = case.model.synthesize(shape, rng=1)
        assert_picture(result, (*shape, 3))
        assert not np.shares_memory(result, case.model.exemplar)


def any_channels_and_grey_work(case: Case) -> None:
    for channels in (2, 5):
        exemplar = np.repeat(case.exemplar[:, :, :1], channels, axis=2) * np.float32(0.9)
        exemplar[:, :, -1] = 0.5 * exemplar[:, :, -1] + 0.25
        takes = getattr(case.method, "takes_channels", None)  # networks see colours only
        if takes is not None and channels not in takes:
            with pytest.raises(TextoError, match=f"exemplar: has {channels} channels"):
                case.method.fit(exemplar, rng=0)
            continue
        model = case.method.fit(exemplar, rng=0)
        assert_picture(model.synthesize((21, 26), rng=1), (21, 26, channels))
    flat = case.method.fit(case.exemplar[:, :, 0], rng=0)
    assert_picture(flat.synthesize((21, 26), rng=1), (21, 26, 1))


def a_callback_can_stop_the_run(case: Case) -> None:
    def stop(step: Step) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        case.method.fit(case.exemplar, rng=0, progress=stop)
    with pytest.raises(Stopped):
        case.model.synthesize((24, 31), rng=1, progress=stop)
    assert np.array_equal(case.model.synthesize((24, 31), rng=1), case.picture)


def a_saved_model_is_the_same(case: Case, folder) -> None:
    path, second = folder / "model.safetensors", folder / "again.safetensors"
    texto.save(case.model, path)
    model = texto.load(path)
    assert model.method == case.model.method and same_state(model, case.model)
    assert np.array_equal(model.synthesize((24, 31), rng=1), case.picture)
    texto.save(model, second)
    assert path.read_bytes() == second.read_bytes()


def a_damaged_state_is_refused_by_name(case: Case) -> None:
    with pytest.raises(TextoError):
        case.method.restore({})
    assert_damage_is_refused(case.method, dict(case.model.state()))


def bad_exemplars_are_refused(case: Case) -> None:
    good = case.exemplar
    bad = {
        "NaN": np.full_like(good, np.nan),
        "integers": (255 * good).astype(np.uint8),
        "no rows": good[:0],
    }
    for what, exemplar in bad.items():
        with pytest.raises(TextoError, match="exemplar"):
            case.method.fit(exemplar, rng=0)
            pytest.fail(f"an exemplar with {what} was accepted")


def bad_sizes_are_refused(case: Case) -> None:
    for shape in [(0, 10), (10, 2.5)]:
        with pytest.raises(TextoError, match="size"):
            case.model.synthesize(shape, rng=1)


def tileable_output_is_periodic(case: Case) -> None:
    known = settings_of(case.method).get("tileable")
    if known is None:
        pytest.skip(f"{case.name} has no setting 'tileable'")
    for value, axes, seeds in (("x", {1}, (1,)), ("y", {0}, (1,)), ("xy", {0, 1}, (1, 2))):
        method = dataclasses.replace(case.method, tileable=value)
        if known.stage == "synthesis":
            model = method.restore(case.model.state())
        else:
            model = method.fit(case.exemplar, rng=0)
        results = [model.synthesize((33, 40), rng=seed) for seed in seeds]
        for axis in axes:
            seam = np.mean([roughness(result, axis) for result in results])
            assert seam < SEAM, f"tileable={value} has a seam on axis {axis}"


def inpainting_keeps_known_pixels(case: Case) -> None:
    if not isinstance(case.method, Inpaints):
        pytest.skip(f"{case.name} does not inpaint")
    image, mask = case.exemplar.copy(), np.zeros(case.exemplar.shape[:2], bool)
    for rows, columns in HOLES:
        mask[rows, columns] = True
    seen: list[Step] = []
    result = case.method.inpaint(image, mask, rng=0, progress=seen.append)
    assert seen, "inpaint reports nothing"
    assert_whole(seen)
    assert_picture(result, image.shape)
    assert np.array_equal(result[~mask], case.exemplar[~mask]), "known pixels changed"
    assert np.array_equal(image, case.exemplar)
    hidden = image.copy()
    hidden[mask] = np.nan
    anywhere = np.ones_like(mask)
    other = case.method.inpaint(image, mask, rng=1)
    assert not np.array_equal(other, result), "another seed fills alike"
    again = case.method.inpaint(hidden, mask, sources=anywhere, rng=0)
    assert np.array_equal(again, result), "it saw the hole"
    grey = case.method.inpaint(case.exemplar[:, :, :1], mask, rng=0)
    assert_picture(grey, (*mask.shape, 1))
    assert np.array_equal(grey[~mask], case.exemplar[:, :, :1][~mask])
    for nothing in (np.zeros_like(mask), anywhere, mask[1:]):
        with pytest.raises(TextoError, match="mask"):
            case.method.inpaint(image, nothing, rng=0)


def a_mix_is_a_model(case: Case, folder) -> None:
    if not isinstance(case.method, Mixes):
        pytest.skip(f"{case.name} does not mix")
    models = [case.model, case.other]
    pure = case.method.mix(models, [1.0, 0.0])
    assert np.allclose(pure.synthesize((24, 31), rng=1), case.picture, atol=1e-3)
    with pytest.raises(TextoError, match=r"^weights: "):
        case.method.mix(models, [0.5, 0.6])
    half = case.method.mix(models, [0.5, 0.5])
    assert np.array_equal(half.exemplar, case.exemplar) and len(half.exemplars) == 2
    picture = half.synthesize((24, 31), rng=1)
    assert_picture(picture, (24, 31, 3))
    assert_picture(half.synthesize((1, 3), rng=1), (1, 3, 3))
    assert same_state(case.method.mix(models, [0.5, 0.5]), half), "chance has a say in a mix"
    texto.save(half, folder / "half.safetensors")
    again = texto.load(folder / "half.safetensors")
    assert type(again) is type(half) and same_state(again, half)
    seen: list[Step] = []
    assert np.array_equal(again.synthesize((24, 31), rng=1, progress=seen.append), picture)
    assert_whole(seen)
    assert not np.allclose(half.synthesize((24, 31), rng=2), picture, atol=1e-3)
    assert_damage_is_refused(case.method, dict(half.state()))


def a_map_says_which_texture_is_where(case: Case) -> None:
    if not isinstance(case.method, MixesAlong):
        pytest.skip(f"{case.name} does not vary a mix over a picture")
    models = [case.model, case.other]
    states, seen = [state_bytes(model) for model in models], list[Step]()
    picture = case.method.mix_along(models, np.eye(2), (20, 25), rng=1, progress=seen.append)
    assert_picture(picture, (20, 25, 3))
    assert_whole(seen)
    assert np.array_equal(case.method.mix_along(models, np.eye(2), (20, 25), rng=1), picture)
    assert [state_bytes(model) for model in models] == states, "mixing changed a model"
    for given, weight_map in (
        (models, np.full((2, 2), np.nan)),
        ([*models, case.model], np.eye(2)),
    ):
        with pytest.raises(TextoError, match=r"^map: "):
            case.method.mix_along(given, weight_map, (20, 25), rng=1)


def a_guided_picture_is_the_seeds_and_the_guides(case: Case) -> None:
    if not isinstance(case.method, Guides):
        pytest.skip(f"{case.name} follows no guide")
    exemplar, guide = case.exemplar.copy(), case.exemplar[:20, :31] * np.float32(0.7)
    kept, seen = guide.copy(), list[Step]()
    picture = case.method.guide(exemplar, guide, weight=0.1, rng=1, progress=seen.append)
    assert_picture(picture, (20, 31, 3))
    assert np.array_equal(exemplar, case.exemplar) and np.array_equal(guide, kept)
    assert seen, "guide reports nothing"
    assert_whole(seen)
    again, other = (case.method.guide(exemplar, guide, weight=0.1, rng=seed) for seed in (1, 2))
    assert np.array_equal(again, picture) and not np.array_equal(other, picture)
    for channels, shape in ((1, (1, 9)), (2, (33, 20))):
        result = case.method.guide(exemplar[:, :, :channels], guide, shape, rng=1)
        assert_picture(result, (*shape, channels))
    with pytest.raises(TextoError, match="guide weight"):
        case.method.guide(exemplar, guide, weight=-0.1)
    with pytest.raises(TextoError, match="exemplar: is 3x3"):
        case.method.guide(exemplar[:3, :3], guide)


CLAUSES = [
    it_is_a_frozen_documented_method,
    settings_are_validated,
    fit_changes_nothing_and_its_seed_decides,
    synthesize_changes_nothing_and_its_seed_decides,
    bad_seeds_are_refused,
    automatic_settings_are_set_in_a_model,
    any_size_is_a_finite_picture,
    any_channels_and_grey_work,
    a_callback_can_stop_the_run,
    a_saved_model_is_the_same,
    a_damaged_state_is_refused_by_name,
    bad_exemplars_are_refused,
    bad_sizes_are_refused,
    tileable_output_is_periodic,
    inpainting_keeps_known_pixels,
    a_mix_is_a_model,
    a_map_says_which_texture_is_where,
    a_guided_picture_is_the_seeds_and_the_guides,
]
OF_A_FAMILY = {  # what methods that one module defines share: they differ in what they sum up
    any_size_is_a_finite_picture,
    any_channels_and_grey_work,
    a_callback_can_stop_the_run,
    tileable_output_is_periodic,
    inpainting_keeps_known_pixels,
    a_mix_is_a_model,
    a_map_says_which_texture_is_where,
}


def of_a_known_family(name: str) -> bool:
    """Whether the first and the last method of the module stand for the one called `name`."""
    module = registry.method_class(name).__module__
    family = [each for each, place in registry.METHODS.items() if place.startswith(f"{module}:")]
    return name in family[1:-1]


def assert_damage_is_refused(method: Method, state: dict[str, np.ndarray]) -> None:
    with pytest.raises(TextoError, match="stowaway"):
        method.restore({**state, "stowaway": np.zeros(3, np.float32)})
    # core.state refuses every damage; here each tensor must be asked for by it
    for number, (name, array) in enumerate(some_of(state).items()):
        changed = {
            "missing": {key: value for key, value in state.items() if key != name},
            "with one more axis": {**state, name: array[None]},
            "empty": {**state, name: array[:0]},
            "of another type": {**state, name: array.astype(np.float16)},
        }
        if array.dtype.kind == "f":
            spoilt = array.copy()
            spoilt.flat[-1] = (np.nan, np.inf)[number % 2]
            changed["not finite"] = {**state, name: spoilt}
        damage = list(changed)[number % len(changed)]
        with pytest.raises(TextoError, match=name.rpartition(".")[0] or name):
            method.restore(changed[damage])
            pytest.fail(f"tensor {name} was accepted {damage}")


def assert_picture(result: np.ndarray, shape: tuple[int, ...]) -> None:
    assert result.shape == shape, f"shape {result.shape}, expected {shape}"
    assert result.dtype == np.float32 and result.flags.c_contiguous, result.dtype
    assert np.isfinite(result).all(), f"not finite at size {shape}"
    assert result.min() >= 0 and result.max() <= 1, f"{result.min()} .. {result.max()}"


def assert_whole(steps: list[Step]) -> None:
    """Each stage in one run, counting up, with one total, which its last step reaches."""
    stages = [(stage, list(group)) for stage, group in itertools.groupby(steps, lambda s: s.stage)]
    assert len({stage for stage, _ in stages}) == len(stages), "stages alternate"
    for stage, group in stages:
        counts = [step.iteration for step in group]
        assert counts == sorted(set(counts)) and counts[0] >= 1, f"{stage} counts {counts}"
        assert {step.total for step in group} == {counts[-1]}, f"{stage} ends at {counts[-1]}"
        assert all(step.level >= 0 for step in group)


def global_state() -> tuple[Any, ...]:
    """Of the generators that no method may use."""
    legacy = np.random.get_state()[1].tobytes()  # noqa: NPY002
    torch = sys.modules.get("torch")
    return legacy, random.getstate(), torch and torch.get_rng_state().numpy().tobytes()


def state_bytes(model: Model) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in model.state().items()}


def some_of(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All tensors but those of layers alike: of these the first and the last."""
    alike: dict[str, list[str]] = {}
    for name in state:
        alike.setdefault(re.sub(r"\d+", "0", name), []).append(name)
    chosen = {name for names in alike.values() for name in (names[0], names[-1])}
    return {name: state[name] for name in state if name in chosen}


def same_state(first: Model, second: Model) -> bool:
    one, two = first.state(), second.state()
    return one.keys() == two.keys() and all(
        one[name].dtype == two[name].dtype and np.array_equal(one[name], two[name]) for name in one
    )


def roughness(picture: np.ndarray, axis: int) -> float:
    """The mean difference across the wrapped border, over that of the roughest line inside."""
    others = tuple({0, 1, 2} - {axis})
    inside = np.abs(np.diff(picture, axis=axis)).mean(axis=others).max()
    return float(np.abs(picture.take(0, axis) - picture.take(-1, axis)).mean() / inside)

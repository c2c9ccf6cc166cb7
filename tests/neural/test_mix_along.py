"""Mixes of the GOTEX family that vary over the picture."""

import dataclasses
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import texto  # noqa: E402
from neural.features import PatchFeatures  # noqa: E402
from neural.losses import SemiDual  # noqa: E402
from neural.steps.canvas import on_canvas  # noqa: E402
from neural.steps.sights import patch_sight  # noqa: E402
from texto.core.errors import TextoError  # noqa: E402
from texto.io.images import write_image  # noqa: E402

METHOD = texto.method("gotex-patch", n_iter=8, n_first_dual=4, n_levels=3, device="cpu")


def plain(colour, side=40, seed=0):
    """(side, side, 3) of a colour, with noise."""
    noise = np.random.default_rng(seed).random((side, side, 3), dtype=np.float32) / 10
    return np.asarray(colour, np.float32) + noise


@pytest.fixture(scope="module")
def models():
    return [METHOD.fit(plain(colour), rng=0) for colour in ((0.8, 0.2, 0.1), (0.1, 0.2, 0.8))]


def redness(picture):
    """(H, W): 1 red, 0 blue."""
    return (picture[:, :, 0] - picture[:, :, 2] + 0.7) / 1.4


@pytest.mark.parametrize("name", ["gotex-patch", "gotex-all"])
def test_a_ramp_goes_from_one_texture_to_the_other(name, models):
    method = METHOD
    if name != "gotex-patch":
        filters = {"weights": "random", "layers": "random5"}
        method = texto.method(name, n_iter=4, n_first_dual=3, device="cpu", **filters)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*random.* weights")
        given = [method.fit(model.exemplar, rng=0) for model in models]
    ramp = np.linspace(0, 1, 20, dtype=np.float32)[None]
    steps = []
    picture = method.mix_along(given, ramp, (24, 80), rng=1, progress=steps.append)
    assert picture.shape == (24, 80, 3) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1 and picture.flags.c_contiguous
    columns = redness(picture).mean(axis=0).reshape(10, 8).mean(axis=1)
    assert columns[:3].min() > 0.85 and columns[-3:].max() < 0.15, columns
    assert (np.diff(columns) < 0.05).all() and np.diff(columns).min() > -0.45, "there is a jump"
    counts = [step.iteration for step in steps]
    assert counts == sorted(set(counts)) and counts[-1] == steps[0].total
    if name == "gotex-patch":
        assert np.array_equal(method.mix_along(given, ramp, (24, 80), rng=1), picture)


@pytest.mark.parametrize("value", [1.0])
def test_a_black_or_white_map_is_one_texture(models, value):
    picture = METHOD.mix_along(models, np.full((3, 5), value), (20, 23), rng=1)
    assert np.array_equal(picture, models[int(value)].synthesize((20, 23), rng=1))


def test_two_of_one_exemplar_are_its_texture(models):
    picture = METHOD.mix_along([models[0], models[0]], np.eye(4), (20, 23), rng=1)
    assert np.array_equal(picture, models[0].synthesize((20, 23), rng=1))


def test_a_tile_follows_a_map_that_repeats(models):
    method = dataclasses.replace(METHOD, tileable="xy")
    wave = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(64) + 0.5) / 64))[None].astype(np.float32)
    picture = method.mix_along(models, wave, (40, 64), rng=0)
    columns = redness(picture).mean(axis=0)
    assert columns[:6].min() > 0.8 and columns[-6:].min() > 0.8 and columns[28:36].max() < 0.2


def test_maps_lie_between_two_pure_textures(models):
    half = METHOD.mix(models, [0.5, 0.5])
    for given in ([*models, models[0]], [models[0], half]):
        with pytest.raises(TextoError, match=r"^map: "):
            METHOD.mix_along(given, np.eye(2), (20, 20), rng=0)
    for bad in (np.full((3, 3), 2.0), np.eye(3, dtype=int), np.zeros((0, 3))):
        with pytest.raises(TextoError, match=r"^map: "):
            METHOD.mix_along(models, bad, (20, 20), rng=0)


def test_texto_mix_takes_a_map(models, tmp_path):
    from texto.cli import main

    for name, model in zip("ab", models, strict=True):
        write_image(tmp_path / f"{name}.png", model.exemplar)
    ramp = np.linspace(0, 1, 16, dtype=np.float32)[None].repeat(8, 0)[:, :, None]
    write_image(tmp_path / "map.png", ramp)
    files = [str(tmp_path / name) for name in ("a.png", "b.png")]
    options = ["-m", "gotex-patch", "--set", "n_iter=4", "--set", "n_levels=2", "-s", "48x24"]
    out = tmp_path / "mix.png"
    code = main(["mix", *files, "--map", str(tmp_path / "map.png"), *options, "-o", str(out)])
    made = texto.read_image(out)
    columns = redness(made).mean(axis=0)
    assert code == 0 and columns[:8].min() > 0.7 and columns[-8:].max() < 0.3


# -- parts --------------------------------------------------------------------------------------


def test_the_gradient_is_weighed_by_the_map():
    """W OT(mu, nu) at psi = 0: each patch pulls as its place weighs, over all patches."""
    rng = np.random.default_rng(0)
    exemplar, picture = (rng.random((12, 12, 3), dtype=np.float32) for _ in range(2))
    chances = np.zeros((12, 12), np.float32)
    chances[:, 6:] = 1
    sight = patch_sight(exemplar, 3, 1, device="cpu", chances=chances)
    assert np.array_equal(sight.where("level0", (12, 12)), np.roll(chances, -1, axis=1))
    point = torch.tensor(np.moveaxis(picture, 2, 0)[None], requires_grad=True)
    options = {"rng": np.random.default_rng(1)}
    loss = SemiDual(sight.features, sight.targets, where=sight.where, **options)
    (0.5 * loss.value(sight.features(point))).backward()
    maps = sight.features(point.detach())["level0"][0].flatten(1).T
    targets = sight.targets["level0"].flatten(1).T
    nearest = targets[torch.cdist(maps, targets).argmin(dim=1)]
    taken = torch.tensor(np.roll(chances, -1, axis=1)).flatten()[:, None]
    again = torch.tensor(np.moveaxis(picture, 2, 0)[None], requires_grad=True)
    residuals = PatchFeatures(3, 1, device="cpu")(again)["level0"][0].flatten(1).T - nearest
    ((residuals.square() * taken).sum() / 144).backward()
    torch.testing.assert_close(point.grad, again.grad, rtol=1e-4, atol=1e-6)


def test_chances_are_met_on_average():
    points = torch.arange(400.0).reshape(1, 1, 20, 20)

    class Plain:
        layers = ("all",)

    seen = []
    loss = SemiDual(
        Plain(),
        {"all": torch.zeros(1, 3, 1)},
        where=lambda layer, sides: np.linspace(0, 1, 400).reshape(sides),
        rng=np.random.default_rng(0),
    )
    for _ in range(200):
        seen.append(loss._points({"all": points}, "all", None).flatten())
    counts = torch.bincount(torch.cat(seen).long(), minlength=400) / 200
    assert np.allclose(counts.numpy(), np.linspace(0, 1, 400), atol=0.17)
    assert counts[0] == 0 and counts[-1] == 1


def test_a_map_finds_back_to_where_it_began():
    ramp = np.linspace(0, 1, 5, dtype=np.float32)[None].repeat(3, 0)
    whole = on_canvas(ramp, (6, 9))
    assert whole.shape == (6, 9) and np.array_equal(whole[:3, :5], ramp)
    np.testing.assert_allclose(whole[0, 4:], [1, 0.8, 0.6, 0.4, 0.2], atol=1e-6)
    assert on_canvas(ramp, (3, 5)) is not None and np.array_equal(on_canvas(ramp, (3, 5)), ramp)

"""Devices that are absent, broken or too small."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import texto  # noqa: E402
from neural.features import VGG19Features, backbones  # noqa: E402
from neural.losses import ctransform  # noqa: E402
from neural.runtime import devices  # noqa: E402
from neural.runtime.devices import ShortMemory, in_blocks, on_device, resolve_device  # noqa: E402
from texto.cli import main  # noqa: E402
from texto.core.errors import TextoError, TextoWarning  # noqa: E402
from texto.io.images import write_image  # noqa: E402

OLD = "The NVIDIA driver on your system is too old\n(found version 9000)"


def raises(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.fixture(autouse=True)
def nothing_told():
    devices._tell.cache_clear()


@pytest.fixture
def gpus(monkeypatch):
    """Lets torch believe in a number of GPUs."""

    def put(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "init", lambda: None)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    return put


# -- absent and broken --------------------------------------------------------------------------


def warns_and_is_absent():
    warnings.warn(f"CUDA initialization: {OLD}", stacklevel=1)
    return False


@pytest.mark.parametrize(
    "name, broken",
    [
        ("is_available", warns_and_is_absent),
        ("is_available", raises(RuntimeError(OLD))),
        ("init", raises(RuntimeError(OLD))),
        ("init", raises(AssertionError(OLD))),
        ("init", raises(torch.OutOfMemoryError(OLD))),
        ("device_count", raises(RuntimeError(OLD))),
    ],
    ids=["warned", "asked", "started", "not compiled", "full", "counted"],
)
def test_an_old_driver(name, broken, gpus, monkeypatch):
    gpus(2)
    monkeypatch.setattr(torch.cuda, name, broken)
    with pytest.warns(TextoWarning, match=r"no GPU is used: .*too old \(found") as told:
        found = {resolve_device("auto") for _ in range(3)}
    assert found == {torch.device("cpu")} and len(told) == 1
    for asked in ("cuda", "cuda:1"):
        with pytest.raises(TextoError, match=rf"'{asked}': torch sees 0 GPUs here \(.*too old"):
            resolve_device(asked)
    assert resolve_device("cpu") == torch.device("cpu")


def test_no_gpu_is_no_news(gpus):
    gpus(0)
    assert resolve_device("auto") == torch.device("cpu")  # warnings are errors here


@pytest.mark.parametrize("method", ["gotex-patch", "gatys", "sw-vgg", "gotex-mix-iv3", "gaussian"])
@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps"])
def test_the_command_refuses_an_absent_device(method, device, gpus, picture, tmp_path, capsys):
    gpus(0)
    source = tmp_path / "wall.png"
    write_image(source, picture[:40, :40])
    more = [] if method in ("gotex-patch", "gaussian") else ["--weights", "random"]
    arguments = ["synth", str(source), "-m", method, "--device", device, *more]
    assert main([*arguments, "-o", str(tmp_path / "a.png")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("texto: error: ") and error.count("\n") == 1 and device in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wall.png"]


def test_fewer_gpus_than_asked_for(gpus):
    gpus(2)
    with pytest.raises(TextoError, match="'cuda:7': torch sees 2 GPUs here; use --device auto"):
        resolve_device("cuda:7")


# -- too small ----------------------------------------------------------------------------------

SHORT = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", SHORT, ids=["cuda", "python", "mps", "cpu"])
def test_a_device_that_is_too_small(error, gpus):
    gpus(1)
    ran = []

    def run(device):
        ran.append(device)
        if device != "cpu":
            raise error
        return 5

    with pytest.warns(TextoWarning, match="cuda:0 has too little memory for it: the CPU") as told:
        assert on_device("auto", run, "it", again=lambda: ran.append("again")) == 5
    assert ran == ["cuda:0", "again", "cpu"] and len(told) == 1
    with pytest.raises(ShortMemory, match=r"cuda:0: is too small for it; .* or use --device cpu"):
        on_device("cuda", run, "it")
    with pytest.raises(ShortMemory, match="memory of cpu: is too small for it") as caught:
        on_device("cpu", raises(error), "it")
    assert "--device" not in str(caught.value)


def test_too_small_on_the_cpu_too(gpus):
    gpus(1)
    with pytest.warns(TextoWarning), pytest.raises(ShortMemory, match="memory of cpu"):
        on_device("auto", raises(MemoryError()), "it")


def test_other_errors_stay(gpus):
    gpus(1)
    with pytest.raises(RuntimeError, match="size mismatch"):
        on_device("auto", raises(RuntimeError("size mismatch")), "it")


@pytest.mark.parametrize("method", ["gotex-patch", "gatys"])
def test_memory_that_runs_out_on_the_cpu_is_one_line(
    method, picture, tmp_path, monkeypatch, capsys
):
    source = tmp_path / "wall.png"
    write_image(source, picture[:40, :40])
    monkeypatch.setattr("neural.steps.synthesis.optimise", raises(SHORT[-1]))
    more = ["--weights", "random"] if method == "gatys" else []
    arguments = ["synth", str(source), "-m", method, "--device", "cpu", "-s", "32", *more]
    assert main([*arguments, "-q", "-o", str(tmp_path / "a.png")]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("texto: error: memory of cpu: is too small for 32x32; make a smaller")
    assert not (tmp_path / "a.png").exists()


def test_a_network_that_does_not_fit_on_the_gpu(gpus, picture, vgg_file, monkeypatch):
    real, gpu = torch.nn.Module.to, torch.device("cuda", 0)

    def to(self, device):
        if device == gpu:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, device)

    gpus(1)
    monkeypatch.setattr(torch.nn.Module, "to", to)
    with pytest.warns(TextoWarning, match="cuda:0 has too little memory for the network vgg19"):
        features = VGG19Features(("relu1_1",), weights=vgg_file)
    assert features.device == torch.device("cpu") and features.of(picture[:16, :16])
    method = texto.method("gotex-vgg", weights=str(vgg_file))
    with pytest.warns(TextoWarning, match="too little memory for the network of gotex-vgg"):
        method.fit(picture, rng=0)
    with pytest.raises(TextoError, match="memory of cuda:0: is too small for the network"):
        texto.method("gotex-vgg", weights=str(vgg_file), device="cuda").fit(picture, rng=0)
    backbones.forget()


# -- smaller blocks -----------------------------------------------------------------------------


def test_blocks_halve_until_they_fit():
    done, sizes = np.zeros(100, int), []

    def run(part):
        sizes.append(part.stop - part.start)
        if sizes[-1] > 15:
            raise torch.OutOfMemoryError
        done[part] += 1

    assert in_blocks(100, 64, run) == 8
    assert (done == 1).all() and sizes[:4] == [64, 32, 16, 8]
    with pytest.raises(torch.OutOfMemoryError):
        in_blocks(100, 64, raises(torch.OutOfMemoryError()))
    with pytest.raises(ValueError):
        in_blocks(100, 64, raises(ValueError()))


@pytest.mark.parametrize("entropic", [0.0, 0.3])
@pytest.mark.parametrize("failing", [1, 3])
def test_a_match_survives_short_memory(entropic, failing, monkeypatch):
    drawer = torch.Generator().manual_seed(3)
    points, queries = (torch.randn(5, n, generator=drawer) for n in (60, 200))
    potential = torch.randn(60, generator=drawer, dtype=torch.float64)

    def targets():
        found = ctransform.Targets(points, entropic=entropic)
        found._neighbors = None  # as on a GPU
        return found

    expected, real, failures = targets().match(queries, potential), torch.addmm, []

    def short(*given, **more):
        product = real(*given, **more)
        if len(failures) < failing:
            failures.append(len(product))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return product

    monkeypatch.setattr(torch, "addmm", short)
    tight = targets()
    found = tight.match(queries, potential)
    assert len(failures) == failing and failures == sorted(failures, reverse=True)
    for name in ("values", "residuals", "masses", "cost"):
        assert torch.allclose(getattr(found, name), getattr(expected, name), atol=1e-5)
    assert torch.isclose(found.masses.sum(), torch.tensor(1.0).to(found.masses))
    assert tight._scores < ctransform.BLOCK  # the next match begins with blocks that fit
    failures[:] = [0] * failing
    again = tight.match(queries, potential)
    assert torch.allclose(again.masses, expected.masses, atol=1e-6)

"""One training in two processes, which share the pictures of a step."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("this PyTorch has no gloo", allow_module_level=True)

from texto import write_image  # noqa: E402
from texto.cli import main  # noqa: E402

WORKER = Path(__file__).with_name("two_processes.py")
ROOT = WORKER.parents[2]


@pytest.fixture(scope="module")
def launched(tmp_path_factory, picture):
    """The folder in which two processes worked, and what they wrote on their streams."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "made").mkdir()
    write_image(folder / "made" / "ex.png", picture[:48, :48])
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    said = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}  # as torchrun says
    said |= {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **said, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in (0, 1)
    ]
    try:
        told = [worker.communicate(timeout=300) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], told
    return folder, *map("".join, zip(*told, strict=True))


@pytest.fixture(scope="module")
def found(launched):
    """What the two processes saw, the leading one first."""
    folder, _, _ = launched
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in (0, 1)]


def test_potentials_rise_as_with_all_points_in_one_process(found):
    for each in found:
        assert torch.equal(each["halves"], found[0]["halves"])
        torch.testing.assert_close(each["halves"], each["whole"], rtol=1e-5, atol=1e-7)
        assert each["halves"].abs().max() > 0.01


def test_both_hold_the_same_and_see_other_pictures(found):
    first, second = found
    assert (first["losses"] == second["losses"]).all() and len(first["losses"]) == 5
    assert first["task"].keys() == second["task"].keys()
    kept = [name for name in first["task"] if "running" not in name]
    assert all(torch.equal(first["task"][name], second["task"][name]) for name in kept)
    assert (first["drawn"] == second["drawn"]).all()
    assert (first["latest"] != second["latest"]).mean() > 0.5  # many are clipped


def test_an_interrupted_training_goes_on_to_the_same_bytes(found):
    for rank, each in enumerate(found):
        assert (each["resumed losses"] == each["losses"]).all()
        # Batch norm's running statistics are each process's own, and are measured anew at last.
        names = [name for name in each["task"] if rank == 0 or "running" not in name]
        assert all(torch.equal(each["resumed"][name], each["task"][name]) for name in names)


def test_what_the_leader_has_and_what_does_not_divide(found):
    assert [int(each["leader"]) for each in found] == [0, 0]
    for each in found:
        assert "batch_size is 3, for 2 processes" in each["refusal"].replace(":", "")


def test_the_command_line_joins_and_writes_and_reports_once(launched, found):
    folder, out, err = launched
    assert [each["command"] for each in found] == [(0, ["cpu"])] * 2
    assert out.count("a.safetensors") == 1
    assert err.count("texto: seed") == 1  # drawn by the leader, for both
    assert {each.name for each in (folder / "made").iterdir()} == {"ex.png", "a.safetensors"}


def test_a_method_for_one_process_is_refused(tmp_path, picture, monkeypatch, capsys):
    exemplar = tmp_path / "ex.png"
    write_image(exemplar, picture[:48, :48])
    monkeypatch.setenv("WORLD_SIZE", "2")  # as torchrun says it
    out = tmp_path / "a.safetensors"
    assert main(["fit", str(exemplar), "-m", "textogmm", "-o", str(out)]) == 2
    assert "textogmm runs in one" in capsys.readouterr().err and not out.exists()

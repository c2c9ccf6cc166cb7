"""What each of two processes does for `test_processes.py`, told so as by `torchrun`: FOLDER."""

import contextlib
import sys
from pathlib import Path

import numpy as np
import torch

from neural.generators.network import TextureGenerator
from neural.generators.task import GeneratorTask
from neural.losses.ctransform import Targets
from neural.losses.semidual import Potential
from neural.runtime import processes
from neural.steps.work import Work
from neural.training.loop import Keeping, train
from neural.training.resuming import Checkpoint
from texto import cli, method
from texto.core.errors import TextoError
from texto.core.processes import rank

N_ITER = 5


def potential_after(points):
    targets = Targets(torch.linspace(0, 1, 12).reshape(2, 6))
    potential = Potential(targets, rate=0.3, step="bounded", schedule="constant")
    for each in points:
        potential.ascend(each)
    return potential.value


def new_task():
    rng = np.random.default_rng(3)
    exemplar = np.random.default_rng(1).random((48, 48, 3), dtype=np.float32)
    network = TextureGenerator(3, n_scales=2, width=2, rng=rng)
    gotex = method("gotex-patch", n_patches=80, n_queries=60, n_levels=2, device="cpu")
    loss = gotex.loss(Work(exemplar, exemplar.shape, 0, (32, 32), "cpu", rng))
    options = {"sides": (32, 32), "rates": [0.01] * N_ITER, "batch_size": 4, "rng": rng}
    return GeneratorTask(network, loss, n_iter_dual=2, **options)


def trained(keeping=None, stop_at=None):
    """The task and its losses after N_ITER steps, or None where it was interrupted."""

    def stop(step):
        if step.iteration == stop_at:
            raise KeyboardInterrupt

    task = new_task()
    try:
        return task, train(task, N_ITER, run={"a": "test"}, keeping=keeping, progress=stop)
    except KeyboardInterrupt:
        return None


def main(folder):
    points = torch.from_numpy(np.random.default_rng(0).random((5, 2, 40), dtype=np.float32))
    found = {"whole": potential_after(points)}  # before there is a group
    with processes.joined("cpu") as device:
        assert device == "cpu" and processes.count() == 2 and processes.leads() == (rank() == 0)
        half = points.split(20, dim=2)[rank()]
        found["halves"] = potential_after(half)
        found["leader"] = torch.tensor(processes.of_leader(rank()))
        try:
            processes.share_of(3)
        except TextoError as error:
            found["refusal"] = str(error)
        task, losses = trained()
        found["latest"] = task.preview()
        found |= {"task": task.state(), "losses": losses, "drawn": task.rng.random(4)}
        keeping = Keeping(Checkpoint(Path(folder) / "kept", 2), Path(folder) / "now.png")
        assert trained(keeping, stop_at=3) is None
        resumed, found["resumed losses"] = trained(keeping)
        found["resumed"] = resumed.state()
        found["command"] = commanded(folder)
    torch.save(found, Path(folder) / f"{rank()}.pt")


def commanded(folder):
    """The exit code of `texto fit`, and the devices for which it joined the group.

    It is in one already: torch makes no second group of the same processes without races.
    """
    devices = []

    @contextlib.contextmanager
    def joined(device):
        devices.append(device)
        yield device

    processes.joined = joined
    sizes = {"n_iter": 4, "n_patches": 60, "n_queries": 60, "width": 2, "n_scales": 2}
    sizes |= {"batch_size": 2, "n_calibration": 2}
    settings = [f"--set={name}={value}" for name, value in sizes.items()]
    made = ["-m", "gotex-patch-net", "-o", f"{folder}/made/a.safetensors", "--device", "cpu"]
    return cli.main(["fit", f"{folder}/made/ex.png", *made, *settings]), devices


if __name__ == "__main__":
    main(sys.argv[1])

"""The Frechet Inception distance between two folders of pictures, through torch-fidelity."""

from __future__ import annotations

import os
import warnings
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from texto.core.errors import TextoError

from ..runtime import weight_files
from ..runtime.devices import exact_float32, is_short, on_device
from ..runtime.weights import Weights, find

SUFFIXES = (".png", ".jpg", ".jpeg")  # what torch-fidelity opens
N_PICTURES = 2
DIMS = (64, 192, 768, 2048)
_HEAD = (1008, 2048)  # the classifier of 2015


def fid(
    first: str | os.PathLike,
    second: str | os.PathLike,
    *,
    dims: int = 2048,
    weights: str | os.PathLike | None = None,
    device: str = "auto",
) -> float:
    """The FID of Heusel et al. 2017 between the pictures in two folders, subfolders included.

    Each picture is resized to 299 x 299 and gives one sample of `dims` features: 2048 as
    published, or 64, 192, 768 of shallower layers. Thousands of pictures are needed for 2048;
    with fewer it compares folders of equal numbers at best. `weights` : torch-fidelity's own
    file, as `neural.runtime.weights.find` finds it. TextoError for folders with fewer than two
    pictures, and where the package or weights are missing. Cost: 12 GFLOP a picture, and 15 to
    25 s for 2048 dimensions on two cores.
    """
    if dims not in DIMS:
        raise TextoError("dims", f"is {dims}", f"use {', '.join(map(str, DIMS))}")
    if find_spec("torch_fidelity") is None:
        raise TextoError("fid", "needs the extra 'neural'", "pip install 'texto[neural]'")
    folders = [_checked(folder) for folder in (first, second)]
    found = find("fid_inception", weights)
    if found.path is None:
        raise TextoError("fid", "of random weights means nothing", "give trained ones")
    _check_weights(found)
    return on_device(device, partial(_computed, folders, found.path, dims), "fid")


def _check_weights(found: Weights) -> None:
    """TextoError for a file that is not torch-fidelity's.

    It loads files with whatever code they hold; what `weight_files.read` accepts holds none.
    """
    if found.path.suffix.lower() == ".safetensors":
        raise TextoError(found.title, "is a safetensors file", "torch-fidelity reads .pth")
    head = weight_files.read(found.path).get("fc.weight")
    if head is None or tuple(head.shape) != _HEAD:
        raise TextoError(
            found.title,
            f"is not {found.network.title}: it has no fc.weight of {_HEAD[0]}x{_HEAD[1]}",
            f"run 'texto weights download {found.network.name}'",
        )


def _computed(folders: list[Path], weights: Path, dims: int, device: str) -> float:
    import torch
    from torch_fidelity import calculate_metrics

    cuda = device.startswith("cuda")
    if cuda:
        torch.cuda.set_device(device)
    try:
        with warnings.catch_warnings(), exact_float32():
            warnings.simplefilter("ignore")
            found = calculate_metrics(
                input1=str(folders[0]),
                input2=str(folders[1]),
                fid=True,
                feature_layer_fid=str(dims),
                cuda=cuda,
                batch_size=1,  # pictures may differ in size
                cache=False,
                samples_find_deep=True,
                feature_extractor_weights_path=str(weights),
                verbose=False,
            )
    except (RuntimeError, OSError, ValueError, EOFError, KeyError) as error:
        if is_short(error):
            raise
        raise TextoError(
            "fid", f"torch-fidelity failed: {error}".splitlines()[0], "check pictures and weights"
        ) from error
    return float(found["frechet_inception_distance"])


def _checked(folder: str | os.PathLike) -> Path:
    path = Path(folder)
    what = f"folder {str(folder)!r}"
    if not path.is_dir():
        raise TextoError(what, "is no folder", "name a folder of pictures")
    count = sum(each.suffix.lower() in SUFFIXES for each in path.rglob("*"))
    if count < N_PICTURES:
        raise TextoError(
            what, f"holds {count} pictures", f"fill it with {', '.join(SUFFIXES)}, at least two"
        )
    return path

"""SIGKILL at random moments in every command that writes: no broken file, nothing stale after.

python benchmarks/kills.py [--kills 100] [--seed 0]: one line a problem, and the count of kills
that hit. Each command first runs to its end, which gives the time within which it is killed.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from texto.io.files import _MARK
from texto.io.images import open_image, write_image
from texto.io.model_files import load

G = ("-m", "gaussian", "--seed", "1")
COMMANDS = {
    "synth": ("synth", "a.png", *G, "-s", "200", "-n", "3", "-o", "out/"),
    "synth --jobs": ("synth", "in", *G, "-s", "200", "--jobs", "2", "-o", "out/"),
    "fit": ("fit", "a.png", *G, "-o", "out/"),
    "mix": (
        "mix",
        "a.png",
        "b.png",
        "-m",
        "patch-ot",
        "--set=n_iter=1",
        "-s",
        "32",
        "--seed=1",
        "-o",
        "out/",
    ),
    "inpaint": ("inpaint", "a.png", "--mask", "mask.png", *G, "-o", "out/"),
    "tile": ("tile", "a.png", *G, "--check", "-o", "out/"),
    "recolor": ("recolor", "a.png", "--like", "b.png", "--seed", "1", "-o", "out/"),
    "compare": (
        "compare",
        "a.png",
        "-m",
        "gaussian",
        "--columns=sliced_w",
        "--seeds=1",
        "-o",
        "cmp",
    ),
    "demo": ("demo", "-m", "gaussian", "-o", "out"),
}


def run(folder: Path, words: tuple[str, ...], after: float | None = None) -> tuple[float, int]:
    """The seconds and the exit code of `words`, with --force, killed `after` so many seconds."""
    more = ["-q"] if after is None and words[0] == "compare" else ["--force", "-q"]
    command = [sys.executable, "-m", "texto", *words, *more]
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        child.wait(after)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    return time.perf_counter() - start, child.returncode


def problems(folder: Path, *, settled: bool) -> list[str]:
    """Files of `folder` that cannot be read; with `settled`, temporary ones as well."""
    found = []
    for path in folder.rglob("*"):
        if path.name.startswith(_MARK):
            found += [f"stale {path.name}"] if settled else []
        elif path.suffix in (".png", ".safetensors"):
            try:
                load(path) if path.suffix == ".safetensors" else open_image(path, alpha="keep")
            except Exception as error:
                found.append(f"broken {path.name}: {error}")
    return found


def main() -> None:
    """Kill, look, run to the end, look again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    draw, hit, wrong = random.Random(given.seed), 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder, noise = Path(name), np.random.default_rng(0)
        for place in ("in", "out"):
            (folder / place).mkdir()
        for path in ("a.png", "b.png", "in/c.png", "in/d.png", "in/e.png"):
            write_image(folder / path, noise.random((64, 64, 3), np.float32))
        mask = np.zeros((64, 64, 1), np.float32)
        mask[20:40, 20:40] = 1
        write_image(folder / "mask.png", mask)
        for number, (label, words) in enumerate(COMMANDS.items()):
            run(folder, words)  # functions are compiled
            seconds, code = run(folder, words, after=600)
            kills = len(range(number, given.kills, len(COMMANDS)))
            told = [f"exit code {code}"] if code else []
            for _ in range(kills):
                # Late rather than early: files are written at the end.
                _, code = run(folder, words, seconds * draw.uniform(0.3, 1.0))
                hit += code < 0
                told += problems(folder, settled=False)
            told += [f"exit code {code}"] if (code := run(folder, words)[1]) else []
            told += problems(folder, settled=True)
            wrong += len(told)
            for line in told:
                print(f"{label}: {line}")
            print(f"{label}: {kills} kills in {seconds:.1f} s each", flush=True)
    print(f"{hit} of {given.kills} kills hit, {wrong} problems")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()

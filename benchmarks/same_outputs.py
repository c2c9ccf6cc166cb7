"""Whether two checkouts make the same outputs: `python benchmarks/same_outputs.py BEFORE AFTER`.

Runs the commands below in both, each checkout in a folder of its own, and compares exit codes,
words and files. A PNG is compared by its pixels and, without texto's record, by its bytes; a model
by its tensors; the records by their fields. Differences in `settings` and in the version are told
and count as no fault: there, older files hold `null` where newer ones hold the value. `--only A,B`
runs the commands with these names and those they need, `--keep FOLDER` leaves everything there.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

NET = "n_iter=3 sample_size=32 width=2 n_scales=3 n_calibration=1 n_queries=100"
RANDOM = "weights=random layers=random5"
SYNTH = {  # each method with settings that make it quick
    "gaussian": "",
    "textogmm": "patch_size=6 n_components=3 n_patches=600 n_iter=2 n_iter_em=5 n_iter_sliced=1",
    "kwatra": "patch_size=16 n_iter=2 n_patches=1000",
    "patch-ot": "n_iter=2 n_iter_dual=2 n_patches=500 n_queries=400",
    "patch-assignment": "n_iter=2 n_exact=100",
    "texto": "n_patches=300 n_iter_dual=30 stride=2",
    "gpnn": "n_levels=4 n_iter=3",
    "efros-leung": "patch_size=5 n_patches=500",
    "gotex-patch": "n_iter=2 n_first_dual=2 n_queries=400",
    "gotex-vgg": f"n_iter=2 n_first_dual=2 n_queries=200 {RANDOM}",
    "gotex-mix": f"n_iter=2 n_first_dual=2 n_queries=200 {RANDOM}",
    "gotex-all": f"n_iter=2 n_first_dual=2 n_queries=200 {RANDOM}",
    "gotex-mix-iv3": f"n_iter=2 n_first_dual=2 n_queries=200 {RANDOM}",
    "gatys": f"n_iter=2 {RANDOM}",
    "sw-vgg": f"n_iter=2 n_directions=8 {RANDOM}",
    "gpdm": "factor=0.5 n_iter=3 n_directions=8",
    "gotex-patch-net": NET,
    "gotex-vgg-net": f"{NET} {RANDOM}",
    "gotex-mix-net": f"{NET} {RANDOM}",
    "gotex-all-net": f"{NET} {RANDOM}",
    "gotex-mix-iv3-net": f"{NET} {RANDOM}",
    "texnet": f"n_iter=3 sample_size=32 width=2 n_scales=3 n_calibration=1 {RANDOM}",
    "singan": "n_iter=2 n_critic=1 n_generator=1 width=4 factor=0.3 coarsest=20",
    "psgan": "n_iter=3 sample_size=24 n_doublings=3 width=4 discriminator_width=4 n_calibration=2",
}
QUICK_GMM = "--set n_components=3 --set n_iter_em=5"
QUICK_OT = "--set n_iter=3 --set n_queries=400"
COMMANDS = {
    **{
        f"synth {name}": f"synth bricks.png -m {name} -s 40x33 --seed 1 -o {name}.png "
        + " ".join(f"--set {pair}" for pair in settings.split())
        for name, settings in SYNTH.items()
    },
    "synth defaults": "synth bricks.png -s 48 --seed 2",
    "synth grey 16 bits": "synth grey16.png -m textogmm -s 40 --seed 3 -o deep.png",
    "synth tileable": "synth woven.png -m patch-ot --tileable -s 40 --seed 4 -o tiled.png",
    "synth published": "synth bricks.png -m gotex-patch --set as_published=true --set n_iter=3 "
    "-s 40 --seed 1 -o published.png",
    "synth preset": "synth bricks.png -m gpdm --set preset=fast --set n_iter=3 -s 40 --seed 1 "
    "-o fast.png",
    "synth again": "synth --from gpnn.png -o again.png",
    "synth with": "synth bricks.png --with height.png -s 40 --seed 5 -o with_{stem}.png",
    "synth guide": f"synth bricks.png --guide ramp.png --seed 6 -s 40 {QUICK_GMM} -o guided.png",
    "synth guide patch-ot": f"synth woven.png --guide ramp.png -m patch-ot {QUICK_OT} --seed 6 "
    "-s 40 -o guided_ot.png --plot",
    "fit": f"fit bricks.png -o bricks.safetensors --seed 7 {QUICK_GMM}",
    "fit texto": "fit bricks.png -m texto -o layers.safetensors --seed 7 --set n_patches=300 "
    "--set n_iter_dual=30",
    "fit generator": "fit bricks.png -m gotex-patch-net -o net.safetensors --seed 7 "
    + " ".join(f"--set {pair}" for pair in NET.split())
    + " --checkpoint kept --preview seen.png",
    "synth model": "synth bricks.safetensors -n 2 --seed 8 -s 50x40 --tileable x",
    "synth generator": "synth net.safetensors --seed 8 -s 50x70",
    "mix": f"mix bricks.png woven.png --weights .7,.3 -s 40 --seed 9 {QUICK_GMM} -o mix.png",
    "mix model": f"mix bricks.png woven.png {QUICK_GMM} --seed 9 -o mix.safetensors",
    "mix mixed": "mix mix.safetensors bricks.safetensors --seed 9 -s 40 -o remix.png",
    "mix steps": f"mix bricks.png woven.png -m patch-ot --steps 3 -s 40 --seed 9 {QUICK_OT} "
    "-o steps.png",
    "mix map": f"mix bricks.png woven.png --map ramp.png -s 40 --seed 9 {QUICK_GMM} -o along.png",
    "mix map gotex": "mix bricks.png woven.png -m gotex-patch --map ramp.png -s 40 --seed 9 "
    "--set n_iter=2 --set n_queries=400 -o along_gotex.png",
    **{
        f"inpaint {name}": f"inpaint bricks.png --mask mask.png -m {name} --seed 10 "
        f"-o filled_{name}.png {more}"
        for name, more in {
            "gaussian": "",
            "textogmm": QUICK_GMM,
            "kwatra": "--set n_iter=2",
            "patch-ot": QUICK_OT,
            "gotex-patch": "--set n_iter=2",
        }.items()
    },
    "tile": "tile bricks.png --seed 11 --check",
    "tile textogmm": f"tile woven.png --axis x -m textogmm {QUICK_GMM} --seed 11 -o tiled_gmm.png",
    "recolor": "recolor bricks.png --like woven.png -K 3 --seed 12 -o recoloured.png",
    "score": "score bricks.png gpnn.png kwatra.png --columns sliced_w,spectrum,originality,copied "
    "--draws 2 --json",
    "compare": "compare bricks.png -m gaussian,textogmm,efros-leung --seeds 1 -s 40 "
    "--columns sliced_w,spectrum --set textogmm.n_components=3 -o compared",
    "methods": "methods",
    "methods patch-ot": "methods patch-ot --json",
    "info picture": "info textogmm.png --json",
    "info model": "info bricks.safetensors --json",
    "info generator": "info net.safetensors",
    "weights": "weights list --json",
    "doctor": "doctor",
    "demo": "demo -o demo",
    "refused": "synth bricks.png --set n_level=3",
    "refused model": "synth bricks.safetensors --set n_components=4",
}
MEASURED = {"fit_s", "synthesis_s", "peak_bytes", "threads", "total_s"}  # differ from run to run
RECORD = b"texto\0"


def main() -> int:
    """Run, compare, tell; the exit code is 1 where outputs differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--only", default="", help="names of commands, with commas between")
    parser.add_argument("--keep", type=Path, help="folder for both runs; one that is there stays")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name] or list(COMMANDS)
    with tempfile.TemporaryDirectory() as temporary:
        top = options.keep or Path(temporary)
        runs = [
            _run(getattr(options, side).resolve(), top / side, wanted)
            for side in ("before", "after")
        ]
        faults = _compare_words(*runs) + _compare_files(top / "before", top / "after")
    print(f"{len(wanted)} commands: {faults} differ")
    return 1 if faults else 0


def _run(checkout: Path, folder: Path, wanted: list[str]) -> dict[str, dict]:
    """Exit code and words of each command, kept beside the outputs for a second look."""
    log = folder.with_suffix(".json")
    done = json.loads(log.read_text()) if log.is_file() else {}
    folder.mkdir(parents=True, exist_ok=True)
    _write_inputs(checkout / "data", folder)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("TEXTO_")},
        **{"PYTHONPATH": str(checkout), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    }
    for name in wanted:
        if name in done:
            continue
        began = time.perf_counter()
        command = [sys.executable, "-m", "texto", *shlex.split(COMMANDS[name])]
        result = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        print(f"{folder.name} {name}: {result.returncode}, {time.perf_counter() - began:.1f} s")
        words = [text.replace(str(checkout), "CHECKOUT") for text in (result.stdout, result.stderr)]
        done[name] = {"code": result.returncode, "out": words[0], "err": words[1]}
        log.write_text(json.dumps(done, indent=1))
    return {name: done[name] for name in wanted}


def _write_inputs(data: Path, folder: Path) -> None:
    """Exemplars of some 70 pixels, maps and a mask."""
    if (folder / "bricks.png").exists():
        return
    for name in ("bricks", "woven"):
        picture = Image.open(data / f"{name}.png").convert("RGB").reduce(2)
        picture.crop((0, 0, 72, 64)).save(folder / f"{name}.png")
        if name == "bricks":
            grey = np.asarray(picture.crop((0, 0, 72, 64)).convert("L"))
    Image.fromarray(grey).save(folder / "height.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(folder / "grey16.png")
    ramp = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (50, 1))
    Image.fromarray(ramp).save(folder / "ramp.png")
    mask = np.zeros((64, 72), np.uint8)
    mask[22:38, 25:45] = 255
    Image.fromarray(mask).save(folder / "mask.png")


def _compare_words(before: dict[str, dict], after: dict[str, dict]) -> int:
    faults = 0
    for name in before:
        for part in ("code", "out", "err"):
            one, two = (_plain(run[name][part]) for run in (before, after))
            if one != two:
                settings_only = part == "out" and _without_settings(one) == _without_settings(two)
                faults += not settings_only
                kind = "settings shown anew" if settings_only else "DIFFERS"
                print(f"{name}, {part}: {kind}\n  {str(one)[-600:]!r}\n  {str(two)[-600:]!r}")
    return faults


def _plain(words: object) -> object:
    """Words without what differs from run to run: times and sizes of memory."""
    return (
        re.sub(r"\d+(\.\d+)? (s|ms|GB|MB|GiB|MiB)\b", "#", words)
        if isinstance(words, str)
        else words
    )


def _without_settings(words: str) -> object:
    try:
        return _comparable(json.loads(words))
    except ValueError:
        return re.sub(r"(?m)^.*\b\w+=?\s+(none|[-\w.]+)$", "", words)


def _comparable(fields: object) -> object:
    """JSON without settings, versions and what follows from them."""
    loose = {"settings", "version", "program", "bytes", "checksum", *MEASURED}
    if isinstance(fields, dict):
        return {key: _comparable(each) for key, each in fields.items() if key not in loose}
    return [_comparable(each) for each in fields] if isinstance(fields, list) else fields


def _compare_files(before: Path, after: Path) -> int:
    names = {
        str(path.relative_to(top))
        for top in (before, after)
        for path in top.rglob("*")
        if path.is_file()
    }
    faults, equal = 0, 0
    for name in sorted(names):
        verdict = _verdict(before / name, after / name)
        equal += not verdict
        if verdict:
            faults += verdict.startswith("DIFFERS")
            print(f"{name}: {verdict}")
    print(f"{equal} of {len(names)} files are equal byte for byte")
    return faults


def _verdict(one: Path, two: Path) -> str:
    """What differs; empty where nothing does."""
    if not (one.is_file() and two.is_file()):
        return f"DIFFERS: missing {'before' if two.is_file() else 'after'}"
    old, new = one.read_bytes(), two.read_bytes()
    if old == new:
        return ""
    if one.name == "grid.png":
        return "not compared: holds times"
    if one.suffix == ".png":
        pictures = [np.asarray(Image.open(path)) for path in (one, two)]
        if pictures[0].shape != pictures[1].shape or not np.array_equal(*pictures):
            return "DIFFERS in its pixels"
        (rest, record), (other, other_record) = map(_png_parts, (old, new))
        if rest != other:
            return "DIFFERS in its bytes"
        return _record_verdict(record, other_record)
    if one.suffix == ".safetensors" or one.name == "kept":
        (tensors, about), (others, other_about) = map(_tensor_parts, (old, new))
        if tensors != others:
            return "DIFFERS in its tensors"
        return _record_verdict(about, other_about)
    if one.suffix == ".csv":
        rows = [list(csv.DictReader(io.StringIO(text.decode()))) for text in (old, new)]
        kept = [[{k: v for k, v in row.items() if k not in MEASURED} for row in t] for t in rows]
        return "equal but for measured times" if kept[0] == kept[1] else "DIFFERS in its values"
    if one.suffix in (".html", ".json", ".log"):
        return "not compared: holds times"
    return "DIFFERS"


def _record_verdict(one: dict, two: dict) -> str:
    if _comparable(one) != _comparable(two):
        return f"DIFFERS in its record: {_comparable(one)} {_comparable(two)}"
    changed = {
        key: (one.get("settings", {}).get(key), two.get("settings", {}).get(key))
        for key in {**one.get("settings", {}), **two.get("settings", {})}
        if one.get("settings", {}).get(key) != two.get("settings", {}).get(key)
    }
    resolved = {key: pair for key, pair in changed.items() if pair[0] is not None}
    return ("DIFFERS in settings" if resolved else "equal but for settings") + f" {changed}"


def _png_parts(data: bytes) -> tuple[bytes, dict]:
    """The bytes without texto's record, and the record."""
    rest, record, at = [data[:8]], {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        chunk = data[at : at + 12 + length]
        body = chunk[8:-4]
        if chunk[4:8] in (b"tEXt", b"iTXt") and body.startswith(RECORD):
            record = json.loads(body[body.index(b"{") :])
        else:
            rest.append(chunk)
        at += len(chunk)
    return b"".join(rest), record


def _tensor_parts(data: bytes) -> tuple[bytes, dict]:
    """The bytes after the header with the tensors' entries, and the metadata."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about = json.loads(next(iter(header.pop("__metadata__").values())))
    return json.dumps(header, sort_keys=True).encode() + data[8 + length :], about


if __name__ == "__main__":
    sys.exit(main())

"""Bench of the tasks: holes, mixes and tiles, against a synthesis by the same method."""

from __future__ import annotations

from inpainting import square
from timing import EXEMPLAR, best, line

FILLERS = ("textogmm", "patch-ot", "kwatra", "gaussian")
OTHER = EXEMPLAR.with_name("bricks.png")


def tasks() -> None:
    """A hole of 64 x 64 in 256 x 256, and two fitted models mixed at 512 x 512."""
    import texto

    exemplar, other = texto.read_image(EXEMPLAR), texto.read_image(OTHER)
    mask = square(exemplar.shape[:2])
    print("inpainting: a 64 x 64 hole in 256 x 256, against fit and synthesis of 256 x 256")
    for name in FILLERS:
        method = texto.method(name)
        whole = best(lambda m=method: m.fit(exemplar, rng=0).synthesize((256, 256), rng=0), 2)
        seconds = best(lambda m=method: m.inpaint(exemplar, mask, rng=0), 2)
        line(name, seconds, f"{seconds / whole:.2f} of {whole:.1f} s; goal: 5 s on two cores")
    print("mixing: two fitted models and a synthesis of 512 x 512, against a pure synthesis")
    for name in ("textogmm", "patch-ot"):
        method = texto.method(name, finish="none")
        models = [method.fit(picture, rng=0) for picture in (exemplar, other)]
        pure = best(lambda m=models[0]: m.synthesize((512, 512), rng=0), 2)
        seconds = best(
            lambda m=models, k=method: k.mix(m, [0.5, 0.5]).synthesize((512, 512), rng=0), 2
        )
        goal = "; goal: 8 s on two cores" if name == "textogmm" else ""
        line(f"{name}, without finish", seconds, f"{seconds / pure:.1f} times {pure:.1f} s{goal}")

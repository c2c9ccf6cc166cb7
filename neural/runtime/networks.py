"""The networks that are known: where their weights are, and what names their tensors have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """One network whose weights can be had.

    `pattern` is what names of its files begin with. `layers` maps each layer that has weights,
    in order, to what the names of its tensors begin with.
    """

    name: str
    title: str
    url: str
    pattern: str
    layers: dict[str, str]
    hashed: bool = True  # the file's name ends in the beginning of its SHA-256

    @property
    def file_name(self) -> str:
        """The file's name in torch's cache."""
        return self.url.rpartition("/")[2]


def _vgg19() -> dict[str, str]:
    """conv1_1 is features.0: convolutions and ReLUs take turns, each block ends in a pooling."""
    found, number = {}, 0
    for block, convolutions in enumerate((2, 2, 4, 4, 4), 1):
        for convolution in range(1, convolutions + 1):
            found[f"conv{block}_{convolution}"] = f"features.{number}."
            number += 2
        number += 1
    return found


_INCEPTION = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d"),
    *("Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
    *("Mixed_7a", "Mixed_7b", "Mixed_7c"),
)

NETWORKS = {
    network.name: network
    for network in (
        Network(
            "vgg19",
            "VGG-19",
            "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
            r"vgg19(?!_bn)",
            _vgg19(),
        ),
        Network(
            "inception_v3",
            "Inception-v3",
            "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth",
            r"inception_v3",
            {name: f"{name}." for name in _INCEPTION},
        ),
        Network(
            "fid_inception",
            "the Inception of torch-fidelity",
            "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
            "weights-inception-2015-12-05-6726825d.pth",
            r"(weights|pt)[-_]inception-2015",
            {},
            hashed=False,
        ),
    )
}

"""What the names of files tell: kinds, and sets of maps."""

import pytest

from texto.core.kinds import kind_in_name, set_in_name

NAMES = {
    "wall.png": ("wall", ""),
    "wall_normal.png": ("wall", "normal"),
    "wall_albedo_1k.png": ("wall_1k", "colour"),
    "wall_nor_gl_1k.exr": ("wall_1k", "normal"),
    "Bricks001_1K-JPG_NormalGL.jpg": ("bricks001_1k_jpg", "normal"),
    "Bricks001_1K-JPG_AmbientOcclusion.jpg": ("bricks001_1k_jpg", "data"),
    "wall_base_color.png": ("wall", "colour"),
    "wall_id.png": ("wall", "labels"),
    "n.png": ("n", ""),
    "normal.png": ("", "normal"),
    "n_or.png": ("n_or", ""),
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    assert set_in_name(name) == NAMES[name]
    part = NAMES[name][1]
    assert kind_in_name(name) == (part if part not in ("", "colour") else None)

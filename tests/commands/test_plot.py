"""`texto synth --plot`: the loss curve beside the picture."""

from texto import read_image
from texto.io.images import read_text

PATCH_OT = ("-m", "patch-ot", "-s", "16", "--seed", "1", "--set", "n_iter=2")


def test_a_curve_beside_every_picture(folder, done):
    outcome = done("synth", "wall.png", *PATCH_OT, "-n", 2, "--plot")
    names = [f"wall_patch-ot_16x16_s{seed}" for seed in (1, 2)]
    assert outcome.paths == [f"{name}{end}.png" for name in names for end in ("", "_loss")]
    assert outcome.err == ""
    for seed in (1, 2):
        assert read_image(f"wall_patch-ot_16x16_s{seed}_loss.png").shape == (540, 960, 3)


def test_the_picture_keeps_its_losses_with_or_without(folder, done):
    plain = done("synth", "wall.png", *PATCH_OT, "-o", "plain.png").paths[0]
    drawn = done("synth", "wall.png", *PATCH_OT, "-o", "drawn.png", "--plot").paths[0]
    assert "texto-loss" in read_text(plain)
    assert (folder / plain).read_bytes() == (folder / drawn).read_bytes()
    assert not (folder / "plain_loss.png").exists()


def test_a_method_without_losses_is_told(folder, done):
    outcome = done("synth", "wall.png", "-m", "gaussian", "-s", 8, "--seed", 1, "--plot")
    assert outcome.err.count("\n") == 1 and "'gaussian' reports no loss" in outcome.err
    assert len(list(folder.iterdir())) == 2


def test_an_existing_curve_is_not_replaced(folder, refused):
    (folder / "out_loss.png").write_text("mine")
    assert "out_loss.png" in refused("synth", "wall.png", *PATCH_OT, "-o", "out.png", "--plot")
    assert (folder / "out_loss.png").read_text() == "mine"


def test_no_curve_to_stdout(folder, refused):
    assert "--plot: needs a file" in refused("synth", "wall.png", *PATCH_OT, "-o", "-", "--plot")

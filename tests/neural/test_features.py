"""Feature maps: against torchvision's own forward pass, closed forms, options, devices."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from safetensors.torch import load_file  # noqa: E402
from torchvision.models import inception_v3, vgg19  # noqa: E402

from neural.features import InceptionV3Features, VGG19Features, base  # noqa: E402
from neural.runtime.devices import exact_float32, resolve_device, to_picture, to_tensor  # noqa: E402
from texto.core.errors import TextoError, TextoWarning  # noqa: E402

BLOCKS = InceptionV3Features.known
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def bare(make, path, **options):
    """torchvision's network with the weights in `path`, and no other."""
    with torch.device("meta"):
        network = make(weights=None, init_weights=False, **options)
    state = {name: tensor.float() for name, tensor in load_file(path).items()}
    network.load_state_dict(state, strict=False, assign=True)
    for module in network.modules():
        if getattr(module, "num_batches_tracked", None) is not None:
            module.num_batches_tracked = torch.tensor(0)
    return network.eval()


def normalised(picture):
    planes = (picture - np.array(MEAN)) / np.array(DEVIATION)
    return torch.tensor(np.moveaxis(planes, 2, 0)[None], dtype=torch.float32)


def torchvision_vgg(picture, path, last):
    """Maps by layer of a plain pass through `features`."""
    current, maps = normalised(picture), {}
    parts = bare(vgg19, path).features
    with torch.no_grad():
        for name, part in zip(VGG19Features.known, parts, strict=True):
            current = part(current)
            maps[name] = current[0].clone()  # the next ReLU works in place
            if name == last:
                return maps
    return maps


def torchvision_inception(picture, path, layers):
    """Maps by layer, caught by hooks in torchvision's own forward pass."""
    network, maps = bare(inception_v3, path, aux_logits=False, transform_input=False), {}
    for name in layers:

        def keep(module, inputs, output, name=name):
            maps[name] = output[0].clone()

        getattr(network, name).register_forward_hook(keep)
    for name, module in list(network.named_children()):
        if any(tensor.is_meta for tensor in module.state_dict().values()):
            setattr(network, name, torch.nn.Identity())
    inputs = 2 * np.moveaxis(picture, 2, 0)[None] - 1
    with torch.no_grad():
        network(torch.tensor(inputs, dtype=torch.float32))
    return maps


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, maps in expected.items():
        torch.testing.assert_close(found[name], maps, rtol=2e-4, atol=2e-5 * float(maps.std()))


# -- against torchvision ----------------------------------------------------------------------


def test_every_layer_of_vgg_is_torchvisions(picture, vgg_file):
    small = picture[:48, :64]
    features = VGG19Features(VGG19Features.known, weights=vgg_file, device="cpu")
    found = features.of(small)
    assert_same(found, torchvision_vgg(small, vgg_file, None))
    for name, maps in found.items():
        stride = features.strides[name]
        assert maps.shape == (features.channels[name], 48 // stride, 64 // stride)


def test_every_layer_of_inception_is_torchvisions(picture, inception_file):
    features = InceptionV3Features(BLOCKS, weights=inception_file, device="cpu")
    assert features.variant == "imagenet"
    found = features.of(picture)
    assert_same(found, torchvision_inception(picture, inception_file, BLOCKS))
    assert {name: len(maps) for name, maps in found.items()} == features.channels


def test_real_vgg_is_torchvisions(picture, real_weights):
    (path,) = real_weights.glob("vgg19*")
    layers = VGG19Features.known[: VGG19Features.known.index("relu3_4") + 1]
    found = VGG19Features(layers, weights=real_weights, device="cpu").of(picture)
    assert_same(found, torchvision_vgg(picture, path, "relu3_4"))


def test_the_stem_of_real_inception_is_torchvisions(picture, real_weights):
    (path,) = real_weights.glob("inception*")
    stem = BLOCKS[: BLOCKS.index("maxpool2") + 1]
    features = InceptionV3Features(stem, weights=real_weights, device="cpu")
    assert features.variant == "fid2015"
    assert_same(features.of(picture), torchvision_inception(picture, path, stem))


def test_the_network_of_2015_is_torch_fidelitys(picture, inception_file):
    theirs = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    kinds = {
        "Mixed_5c": ("InceptionA", (256, 64)),
        "Mixed_6c": ("InceptionC", (768, 160)),
        "Mixed_7b": ("InceptionE_1", (1280,)),
        "Mixed_7c": ("InceptionE_2", (2048,)),
    }
    before = {block: BLOCKS[BLOCKS.index(block) - 1] for block in kinds}
    layers = sorted({*kinds, *before.values()}, key=BLOCKS.index)
    features = InceptionV3Features(layers, weights=inception_file, variant="fid2015", device="cpu")
    maps, weights = features.of(picture[:80, :80]), load_file(inception_file)
    for block, (kind, given) in kinds.items():
        module = getattr(theirs, kind)(*given).eval()
        state = {
            name.removeprefix(f"{block}."): tensor.float()
            for name, tensor in weights.items()
            if name.startswith(f"{block}.")
        }
        module.load_state_dict(state, strict=False)
        with torch.no_grad():
            assert_same({block: maps[block]}, {block: module(maps[before[block]][None])[0]})


# -- options ----------------------------------------------------------------------------------


def test_periodic_vgg_moves_with_the_picture(picture, vgg_file):
    picture = picture[:64, :64]
    features = VGG19Features(("relu1_2", "relu3_1"), weights=vgg_file, padding="periodic")
    maps, moved = features.of(picture), features.of(np.roll(picture, (8, 20), (0, 1)))
    for name, stride in features.strides.items():
        rolled = torch.roll(maps[name], (8 // stride, 20 // stride), (1, 2))
        torch.testing.assert_close(moved[name], rolled, rtol=1e-4, atol=1e-4)


def test_periodic_inception_moves_with_the_picture(picture, inception_file):
    picture = picture[:96, :128]
    features = InceptionV3Features(
        ("Conv2d_4a", "Mixed_5d", "Mixed_7a"), weights=inception_file, padding="periodic"
    )
    maps, moved = features.of(picture), features.of(np.roll(picture, (32, 64), (0, 1)))
    for name, stride in features.strides.items():
        assert maps[name].shape[1:] == (96 // stride, 128 // stride)
        rolled = torch.roll(maps[name], (32 // stride, 64 // stride), (1, 2))
        torch.testing.assert_close(moved[name], rolled, rtol=1e-4, atol=1e-4)
    with pytest.raises(TextoError, match=r"120x96, .* need multiples of 32"):
        features.of(picture[:, :120])


def test_paddings_agree_away_from_the_border(picture, vgg_file):
    picture = picture[:64, :64]
    maps = {
        padding: VGG19Features(("relu2_1",), weights=vgg_file, padding=padding).of(picture)
        for padding in ("zero", "valid", "periodic", "reflect")
    }
    inner = maps["zero"]["relu2_1"][:, 3:-3, 3:-3]
    # each of the first two convolutions takes a pixel a side, and the third one at half the size
    torch.testing.assert_close(maps["valid"]["relu2_1"][:, 1:-1, 1:-1], inner)
    torch.testing.assert_close(maps["periodic"]["relu2_1"][:, 3:-3, 3:-3], inner)
    torch.testing.assert_close(maps["reflect"]["relu2_1"][:, 3:-3, 3:-3], inner)


def test_poolings_and_caffes_colours(picture, vgg_file):
    small = picture[:16, :16]
    maps = VGG19Features(("relu1_2", "pool1"), weights=vgg_file, pooling="average").of(small)
    averages = maps["relu1_2"].unfold(1, 2, 2).unfold(2, 2, 2).mean((-2, -1))
    torch.testing.assert_close(maps["pool1"], averages)
    caffe = VGG19Features(("conv1_1",), weights=vgg_file, preprocessing="caffe")
    seen = caffe._preprocessed(to_tensor(small))[0, :, 3, 5].numpy()
    np.testing.assert_allclose(seen, small[3, 5, ::-1] * 255 - [104, 117, 124], atol=1e-3)


@pytest.mark.parametrize("padding", ["zero", "valid", "reflect", "periodic"])
def test_the_smallest_picture_of_vgg(padding, vgg_file):
    """It has one position in the deepest layer, or two where a reflection needs a neighbour."""
    features = VGG19Features(("pool2", "relu3_1"), weights=vgg_file, padding=padding)
    side = features.smallest
    positions = 2 if padding == "reflect" else 1
    maps = features.of(np.full((side, side, 3), 0.5))["relu3_1"]
    assert maps.shape[1:] == (positions, positions)
    with pytest.raises(TextoError, match=f"relu3_1 needs {side} pixels a side"):
        features.of(np.full((side - 1, side + 9, 3), 0.5))


def test_the_smallest_picture_of_inception_is_torchvisions(inception_file):
    features = InceptionV3Features(("Mixed_7c",), weights=inception_file)
    assert features.smallest == 75  # as torchvision states
    assert features.of(np.full((75, 75, 3), 0.5))["Mixed_7c"].shape == (2048, 1, 1)
    with pytest.raises(TextoError, match="74x90, and Mixed_7c needs 75 pixels a side"):
        features.of(np.full((90, 74, 3), 0.5))


def test_grey_fills_three_channels_and_others_are_refused(picture, vgg_file):
    features = VGG19Features(("conv1_1",), weights=vgg_file)
    grey = picture[:16, :16, :1]
    torch.testing.assert_close(
        features.of(grey)["conv1_1"], features.of(np.repeat(grey, 3, axis=2))["conv1_1"]
    )
    with pytest.raises(TextoError, match="has 2 channels"):
        features.of(picture[:16, :16, :2])


def test_gradients_reach_the_picture_and_not_the_network(picture, vgg_file):
    features = VGG19Features(("relu2_1",), weights=vgg_file)
    pixels = to_tensor(picture[:16, :16]).clone().requires_grad_()
    features(pixels)["relu2_1"].square().mean().backward()
    assert pixels.grad.abs().sum() > 0
    assert not any(each.requires_grad for each in features.network.parameters())
    assert not features.of(picture[:16, :16])["relu2_1"].requires_grad


@pytest.mark.parametrize(
    "options, told",
    [
        ({"layers": ("relu1_9",)}, "layer 'relu1_9': is not known; did you mean relu1_"),
        ({"layers": ()}, "layers: are"),
        ({"layers": "relu1_1"}, "layers: are 'relu1_1'"),
        ({"pooling": "mean"}, "pooling: is 'mean'; use max, average"),
        ({"padding": "none"}, "padding: is 'none'"),
        ({"preprocessing": "x"}, "preprocessing: is 'x'"),
        ({"device": "cuda:77"}, "device 'cuda:77': torch sees"),
        ({"device": "tpu"}, "device 'tpu': is not known"),
    ],
)
def test_wrong_options(options, told, vgg_file):
    with pytest.raises(TextoError, match=told):
        VGG19Features(**({"layers": ("relu1_1",), "weights": vgg_file} | options))


def test_layers_come_once_and_in_order(vgg_file):
    features = VGG19Features(("relu2_1", "conv1_1", "relu2_1"), weights=vgg_file)
    assert features.layers == ("conv1_1", "relu2_1")


# -- weights of layers ------------------------------------------------------------------------


def test_random_weights_are_asked_for_and_named(picture):
    features = VGG19Features(("relu1_2",), weights="random")
    assert features.weights_name == "random"
    assert features.random_layers == ("conv1_1", "conv1_2")
    again = VGG19Features(("relu1_2",), weights="random")
    small = picture[:16, :16]
    assert torch.equal(features.of(small)["relu1_2"], again.of(small)["relu1_2"])


def test_random_weights_leave_torchs_generator_alone():
    state = torch.random.get_rng_state()
    VGG19Features(("relu1_1",), weights="random")
    InceptionV3Features(("Conv2d_1a",), weights="random")
    assert torch.equal(state, torch.random.get_rng_state())


def test_layers_beyond_a_cut_file(real_weights):
    told = "conv4_1 is the first layer that lacks weights"
    with pytest.raises(TextoError, match=told):
        VGG19Features(("relu1_1", "relu5_1"), weights=real_weights)
    with pytest.raises(TextoError, match="Mixed_7b is the first layer that lacks weights"):
        InceptionV3Features(("Mixed_7c",), weights=real_weights)
    filled = VGG19Features(("relu1_1", "relu4_2"), weights=real_weights, fill_missing=True)
    assert filled.random_layers == ("conv4_1", "conv4_2")
    assert filled.weights_name.endswith(".safetensors, random in conv4_1, conv4_2")


# -- devices ----------------------------------------------------------------------------------


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:0", "mps"):
        with pytest.raises(TextoError, match=f"device '{name}'"):
            resolve_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == torch.device("cuda:0")
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(TextoError, match="device 'cuda:2': torch sees 2 GPUs"):
        resolve_device("cuda:2")


def test_no_tf32_inside_and_the_old_setting_outside():
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (matmul.allow_tf32, cudnn.allow_tf32)
    with exact_float32():
        assert not matmul.allow_tf32 and not cudnn.allow_tf32
    assert (matmul.allow_tf32, cudnn.allow_tf32) == before


def test_out_of_memory(picture, vgg_file, monkeypatch):
    failures = []
    maps = VGG19Features._maps

    def fails_once(self, inputs):
        if not failures:
            failures.append(1)
            raise torch.OutOfMemoryError("no memory")
        return maps(self, inputs)

    monkeypatch.setattr(VGG19Features, "_maps", fails_once)
    small = picture[:16, :16]
    features = VGG19Features(("relu1_1",), weights=vgg_file, device="auto")
    features.device = torch.device("cuda", 0)
    monkeypatch.setattr(base, "to_tensor", lambda picture, device: to_tensor(picture))
    with pytest.warns(TextoWarning, match="cuda:0 has too little memory for 16x16: the CPU goes"):
        found = features.of(small)
    asked = VGG19Features(("relu1_1",), weights=vgg_file, device="cpu")
    assert torch.equal(found["relu1_1"].cpu(), asked.of(small)["relu1_1"])
    failures.clear()
    with pytest.raises(TextoError, match="memory of cpu: is too small for the features of 16x16"):
        asked.of(small)


def test_pictures_to_tensors_and_back(picture):
    np.testing.assert_array_equal(to_picture(to_tensor(picture)), picture)

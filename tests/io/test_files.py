"""Writing files: whatever happens, a reader sees the old file or the whole new one."""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import texto
from texto.core.errors import TextoError
from texto.io import model_files
from texto.io.files import check_writable, replacing

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    return path


def write(path, data=b"new"):
    with replacing(path) as file:
        file.write(data)


def untouched(path):
    return path.read_bytes() == b"old" and os.listdir(path.parent) == [path.name]


def failing(code):
    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return fail


@contextlib.contextmanager
def limited(kind, soft):
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


# -- one process ------------------------------------------------------------------------------


def test_replaces(old):
    write(old)
    assert old.read_bytes() == b"new" and os.listdir(old.parent) == [old.name]


def test_nothing_is_there_before_the_end(old):
    with replacing(old) as file:
        file.write(b"new")
        file.flush()
        assert old.read_bytes() == b"old"
    assert old.read_bytes() == b"new"


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit])
def test_an_error_in_the_block_leaves_the_old_file(old, error):
    with pytest.raises(error), replacing(old) as file:
        file.write(b"new")
        raise error
    assert untouched(old)


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_disk_that_refuses(old, monkeypatch, step, code):
    monkeypatch.setattr(os, step, failing(code))
    with pytest.raises(TextoError, match=os.strerror(code)) as refusal:
        write(old)
    monkeypatch.undo()
    assert repr(str(old)) in refusal.value.what and "free some space" in refusal.value.remedy
    assert untouched(old)


@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_file_size_limit(old, size):
    """EFBIG at the flush for small data, and in the middle of the write for large data."""
    with (
        limited(resource.RLIMIT_FSIZE, 500),
        pytest.raises(TextoError, match="File too large"),
    ):
        write(old, bytes(size))
    assert untouched(old)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_mode_follows_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        write(tmp_path / "out")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o666 & ~mask


def test_symbolic_link_is_followed(old, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(old)
    write(link)
    assert link.is_symlink() and old.read_bytes() == b"new"


def test_stale_temporaries_go_and_live_ones_stay(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    dead = tmp_path / f".texto-tmp-{process.pid}-00000000"
    aged = tmp_path / f".texto-tmp-{os.getpid()}-11111111"
    live = tmp_path / f".texto-tmp-{os.getpid()}-22222222"
    other = tmp_path / ".texto-tmp-notes"
    for path in (dead, aged, live, other):
        path.write_bytes(b"")
    os.utime(aged, (1, 1))
    write(tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == sorted([live.name, other.name, "out"])


def test_permissions_stay(old):
    old.chmod(0o604)
    write(old)
    assert old.stat().st_mode & 0o777 == 0o604


NAMES = ["a b", "-x", "ä€😀", "two\nlines", "x" * 255, "\udcff"]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(tmp_path, name):
    check_writable(tmp_path / name)
    write(tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    with pytest.raises(TextoError, match="exists already"):
        check_writable(tmp_path / name)
    check_writable(tmp_path / name, force=True)


PLACES = {
    "missing/out": "folder does not exist",
    "out.bin/below": "folder does not exist",
    ".": "is a folder",
    "out.bin": "exists already",
    "pipe": "not a regular file",
    "loop": "in a loop of links",
    "/dev/full": "not a regular file",
    "y" * 256: "longer than 255 bytes",
    "z" * 256 + "/out": "folder does not exist",
}


@pytest.mark.parametrize("place", PLACES)
def test_places_refused_before_any_work(old, place):
    os.mkfifo(old.parent / "pipe")
    os.symlink("pool", old.parent / "loop")
    os.symlink("loop", old.parent / "pool")
    with pytest.raises(TextoError, match=PLACES[place]) as refusal:
        check_writable(old.parent / place)
    assert refusal.value.what.startswith("output ")


def test_read_only_folder(old):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    old.parent.chmod(0o555)
    try:
        with pytest.raises(TextoError, match="read-only"):
            check_writable(old, force=True)
        with pytest.raises(TextoError, match="Permission denied"):
            write(old)
    finally:
        old.parent.chmod(0o755)
    assert untouched(old)


# -- several processes, with model files ------------------------------------------------------

WRITER = """
import sys, numpy as np, texto
path, value, rounds, side = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
model = texto.Gaussian().fit(np.full((side, side, 1), value, np.float32))
print("ready", flush=True)
for _ in range(rounds):
    texto.save(model, path, notes={"value": value})
"""


def writer(path, value, rounds, side, **options):
    arguments = [sys.executable, "-c", WRITER, path, value, rounds, side]
    return subprocess.Popen(
        [str(argument) for argument in arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def whole(path):
    """The value that one writer put into both the tensors and the notes of `path`."""
    metadata, state = model_files._KIND.read(path)
    value = metadata["notes"]["value"]
    assert np.all(state["exemplar"] == np.float32(value))
    return value


def test_two_writers_and_a_reader(tmp_path):
    path = tmp_path / "m.safetensors"
    model_files.save(
        texto.Gaussian().fit(np.zeros((9, 9, 1), np.float32)), path, notes={"value": 0}
    )
    seen = set()
    with writer(path, 0.25, 30, 100) as first, writer(path, 0.5, 30, 150) as second:
        while first.poll() is None or second.poll() is None:
            seen.add(whole(path))
    assert (first.returncode, second.returncode) == (0, 0)
    assert len(seen) >= 2 and whole(path) in (0.25, 0.5)
    assert os.listdir(tmp_path) == [path.name]


def test_bytes_do_not_depend_on_the_hash_seed(tmp_path):
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        process = writer(tmp_path / seed, 0.25, 1, 9, env=environment)
        assert process.communicate()[0] == "ready\n" and process.returncode == 0
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


KILLED = """
import os, signal, sys
from texto.io.files import replacing
def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
point = sys.argv[2]
if point != "block":
    setattr(os, point, die)
with replacing(sys.argv[1]) as file:
    file.write(bytes(100_000))
    if point == "block":
        die()
"""


@pytest.mark.parametrize("point", ["block", "fsync", "replace"])
def test_killed_at(old, point):
    result = subprocess.run([sys.executable, "-c", KILLED, old, point], cwd=ROOT)
    assert result.returncode == -signal.SIGKILL
    assert old.read_bytes() == b"old"
    assert len(os.listdir(old.parent)) == 2
    write(old)
    assert os.listdir(old.parent) == [old.name]

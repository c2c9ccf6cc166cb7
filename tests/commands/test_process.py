"""What only a process of its own shows: imports, signals, closed streams."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import texto as package

ROOT = Path(package.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
QUICK = ("-m", "gaussian", "-s", "16", "--seed", "1")
COMMAND = (sys.executable, "-m", "texto")
HEAVY = {"torch", "ot", "sklearn", "faiss", "skimage", "PIL", "numpy", "scipy", "numba"}

# A shell that starts pytest in the background hands down an ignored SIGINT.
CHILD = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
def wait(*_, **__):
    print("ready", flush=True)
    while True:
        time.sleep(0.01)
%s
from texto.cli import main
sys.exit(main())
"""
IN_FIT = "import texto.methods.gaussian as m; m.Gaussian.fit = wait"
IN_WRITE = "import os; os.fsync = wait"


def run(*command, **kwargs):
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, timeout=300, **kwargs)


@pytest.mark.parametrize("arguments", [["--version"], ["synth", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    done = run(sys.executable, "-X", "importtime", "-m", "texto", *arguments)
    assert done.returncode == 0 and b"texto" in done.stdout
    loaded = {line.split("|")[-1].strip() for line in done.stderr.decode().splitlines()}
    assert "texto.cli" in loaded
    assert not {name.partition(".")[0] for name in loaded} & HEAVY


@pytest.mark.parametrize(
    "number, code, place",
    [(signal.SIGINT, 130, IN_WRITE), (signal.SIGTERM, 143, IN_FIT)],
    ids=["SIGINT while writing", "SIGTERM while fitting"],
)
def test_interrupted(folder, number, code, place):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD % place, "synth", "wall.png", *QUICK],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert child.stdout.readline() == b"ready\n"
        assert len(os.listdir()) == (2 if place == IN_WRITE else 1)  # a temporary file
        for _ in range(3):
            child.send_signal(number)
        out, err = child.communicate(timeout=300)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, out, err) == (code, b"", b"texto: interrupted\n")
    assert os.listdir() == ["wall.png"]


def closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def test_reader_that_went_away():
    writer = closed_pipe()
    done = subprocess.run(
        [*COMMAND, "--help"], env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE, timeout=300
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_reader_that_went_away_does_not_stop_the_work(folder):
    writer = closed_pipe()
    command = [*COMMAND, "synth", "wall.png", *QUICK, "-n", "2"]
    done = subprocess.run(
        command, env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE, timeout=300
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(os.listdir()) == 3


def test_closed_streams(folder, pixels):
    done = run("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *COMMAND, "synth", "wall.png", *QUICK)
    assert (done.returncode, done.stderr) == (0, b"")
    assert pixels("wall_gaussian_16x16_s1.png").shape == (16, 16, 3)


def test_refused_with_stderr_closed(folder):
    done = run("sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, "synth", "nope.png")
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["methods"], ["synth", "wall.png", *QUICK, "-o", "-"]])
def test_full_disk_behind_stdout(folder, arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=300,
        )
    assert done.returncode == 2
    assert done.stderr.startswith(b"texto: error: standard output: No space left on device;")
    assert done.stderr.count(b"\n") == 1


def test_same_bytes_for_any_number_of_threads_locale_and_hash_seed(folder):
    made = set()
    for name, threads, locale in (("a.png", "1", "C"), ("b.png", "4", "tr_TR.UTF-8")):
        variables = {"OMP_NUM_THREADS": threads, "LC_ALL": locale, "PYTHONHASHSEED": threads}
        command = [*COMMAND, "synth", "wall.png", *QUICK, "--deterministic", "-o", name]
        subprocess.run(command, env={**ENVIRONMENT, **variables}, check=True, timeout=300)
        made.add(Path(name).read_bytes())
    assert len(made) == 1

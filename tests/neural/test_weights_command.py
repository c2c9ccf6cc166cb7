"""`texto weights`: list, download, path."""

import hashlib
import json
import re
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from neural.runtime import weights
from texto.cli import main

ROOT = Path(__file__).resolve().parents[2]
VGG = weights.NETWORKS["vgg19"]


def cached():
    return weights.cache_folder() / weights.NETWORKS["vgg19"].file_name


# -- downloading ------------------------------------------------------------------------------

BODY = bytes(range(256)) * 9000
HASH = hashlib.sha256(BODY).hexdigest()[:8]


@pytest.fixture
def served(monkeypatch):
    """Lets VGG-19 be `name` on a server here, which may cut what it sends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if "absent" in self.path:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY[: len(BODY) // 2] if "cut" in self.path else BODY)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("no_proxy", "*")

    def put(name):
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        monkeypatch.setitem(weights.NETWORKS, "vgg19", replace(VGG, url=url))

    yield put
    server.shutdown()
    server.server_close()
    thread.join()


def test_download(served, capsys):
    served(f"vgg19-{HASH}.pth")
    steps = []
    path = weights.download("vgg19", progress=steps.append)
    assert path == cached() == weights.find("vgg19").path
    assert path.read_bytes() == BODY
    assert [step.iteration for step in steps] == list(range(1, steps[-1].total + 1))
    served("absent")
    served(f"vgg19-{HASH}.pth")
    assert main(["weights", "download", "vgg19"]) == 0  # it is there already
    assert capsys.readouterr().out == f"{path}\n"


@pytest.mark.parametrize(
    "name, told",
    [
        ("vgg19-00000000.pth", "has another checksum; try again"),
        (f"cut/vgg19-{HASH}.pth", "ended after 1152000 of 2304000 bytes|cannot download"),
        ("absent/vgg19-00000000.pth", "Not Found; fetch it elsewhere and put it into"),
    ],
)
def test_a_download_that_fails_leaves_nothing(name, told, served, capsys):
    served(name)
    assert main(["weights", "download", "vgg19"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and line.startswith("texto: error: ")
    assert re.search(told, line)
    assert not list(cached().parent.glob("*"))


def test_no_network(monkeypatch, capsys):
    url = "http://127.0.0.1:9/vgg19-00000000.pth"  # nobody answers there
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setitem(weights.NETWORKS, "vgg19", replace(VGG, url=url))
    assert main(["weights", "download", "vgg19"]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"texto: error: cannot download {url}: ") and line.count("\n") == 1
    assert "TEXTO_WEIGHTS" in line
    assert not cached().parent.exists()


# -- texto weights ----------------------------------------------------------------------------


def test_list_and_path(monkeypatch, tmp_path, capsys, real_weights):
    monkeypatch.setenv("TEXTO_WEIGHTS", str(real_weights))
    assert main(["weights", "list"]) == 0
    vgg, inception, fid = capsys.readouterr().out.splitlines()
    assert vgg.endswith("(TEXTO_WEIGHTS, without conv4_1 and later)")
    assert inception.endswith("(TEXTO_WEIGHTS, without Mixed_7b and later)")
    assert "are not here; run 'texto weights download fid_inception'" in fid
    assert main(["weights", "path", "inception_v3", "vgg19", "--json"]) == 0
    paths = json.loads(capsys.readouterr().out)
    assert {name: Path(path).parent for name, path in paths.items()} == {
        "inception_v3": real_weights,
        "vgg19": real_weights,
    }


def test_nothing_here(capsys):
    assert main(["weights", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["network"] for entry in listed] == list(weights.NETWORKS)
    assert {entry["path"] for entry in listed} == {None}
    assert all("are not here" in entry["reason"] for entry in listed)
    assert main(["weights", "path"]) == 2
    assert "texto weights download vgg19" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["list", "path", "download"])
def test_unknown_networks(action, capsys):
    assert main(["weights", action, "vgg18"]) == 2
    assert "network 'vgg18': is not known; use vgg19" in capsys.readouterr().err


def test_the_help_names_all_networks():
    from texto.commands.options.weights import NETWORKS

    assert tuple(weights.NETWORKS) == NETWORKS

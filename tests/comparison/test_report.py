"""The report: what it says, that it stands alone, and that nothing from outside breaks out."""

import base64
import dataclasses
import hashlib
import html.parser
import io
import re

import numpy as np
import pytest
from PIL import Image

import texto
from texto.comparison.report import render, write_report
from texto.comparison.results import Cell, Entry, Exemplar, Results
from texto.core.errors import TextoError

VOID = {"meta", "img", "input", "br"}
COSTS = 3  # columns before the scores
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\"'><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "</style></title></td></table><h1>",
    "{{ 7 * 7 }}{% raw %}",
    "--><!--",
    "&lt;b&gt;&amp;",
]


class Node:
    def __init__(self, tag, attrs, parent):
        self.tag, self.attrs, self.parent, self.children, self.words = tag, attrs, parent, [], []

    def all(self, tag=None, **attrs):
        """Those below, in order, with this tag and these attributes (class: one of its words)."""
        for child in self.children:
            named = tag is None or child.tag == tag
            if named and all(child.has(*pair) for pair in attrs.items()):
                yield child
            yield from child.all(tag, **attrs)

    def one(self, tag=None, **attrs):
        (found,) = self.all(tag, **attrs)
        return found

    def has(self, name, value):
        name = name.rstrip("_").replace("_", "-")
        there = self.attrs.get(name, "")
        return value in there.split() if name == "class" else there == value

    @property
    def text(self):
        return " ".join("".join(self._texts()).split())

    def _texts(self):
        for word in self.words:
            yield from word._texts() if isinstance(word, Node) else [word]


class Page(html.parser.HTMLParser):
    """A tree of the page; every element must be closed by its own end tag."""

    def __init__(self, text):
        super().__init__()
        self.root = self.here = Node("", {}, None)
        self.feed(text)
        self.close()
        assert self.here is self.root

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        node = Node(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(node)
        self.here.words.append(node)
        if tag not in VOID:
            self.here = node

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.here.tag == tag
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.words.append(data)


def page(results):
    return Page(render(results)).root


def table(root, number=0):
    """The cells of one table by label and column: {label: {column: td}}, in order."""
    scope = root.one("section", data_scope=str(number))
    names = [head.one("button").text for head in scope.one("thead").all("th")][1:]
    rows = {}
    for row in scope.one("tbody", class_="rows").all("tr"):
        label = row.one("th").attrs["data-text"]
        rows[label] = dict(zip(names, row.all("td"), strict=True))
    return rows


def score(value, spread=None, reason=None):
    return {"value": value, "spread": spread, "reason": reason}


COLUMNS = [
    {"name": "patch_ot", "help": "transport cost", "better": "lower", "reason": None},
    {"name": "originality", "help": "own ideas", "better": "higher", "reason": None},
    {"name": "sifid64", "help": "features", "better": "lower", "reason": "needs the extra"},
]
# The first score of each entry by exemplar and seed; originality is ten times that.
VALUES = {
    "fast": {"bark": (0.5, 0.7), "moss": (0.3, 0.5)},
    "slow": {"bark": (0.1, 0.3), "moss": (0.6, 0.8)},
    "partial": {"bark": (0.01, 0.03), "moss": None},
}
PUBLISHED = {"fast": 0.4, "slow": 0.2, "absent": 0.3}


def picture(folder, name, seed, size=(12, 10), channels=3):
    pixels = np.random.default_rng(seed).random((size[1], size[0], channels), np.float32)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    texto.write_image(folder / name, pixels)
    return name


def cell(folder, exemplar, label, seed, value):
    number = 1000 + 100 * list(VALUES).index(label) + 10 * (exemplar == "moss") + seed
    scores = {
        "patch_ot": score(value, 0.001),
        "originality": score(10 * value),
        "sifid64": score(None, None, "needs the extra"),
    }
    return Cell(
        exemplar,
        label,
        seed,
        "done",
        fit_s=0.5 * (1 + seed),
        synthesis_s=2 * value,
        peak_bytes=int(value * 2**30),
        scores=scores,
        picture=picture(folder, f"runs/{exemplar}/{label}_s{seed}.png", number),
        loss=((1, 3.0), (2, 1.0), (3, 0.5)),
        settings={"patch_size": 5, "weights": [0.5, 0.5], "finish": "none"},
        versions={"texto": "1.2.3", "numpy": "4.5"},
        threads=2,
    )


@pytest.fixture
def results(tmp_path):
    """Two exemplars, two seeds; one entry fails on the second, one cannot run at all."""
    folder = tmp_path / "folder"
    cells = []
    for label, rows in VALUES.items():
        for exemplar, values in rows.items():
            for seed in (0, 1):
                if values is None:
                    cells.append(Cell(exemplar, label, seed, "failed", "it: broke; mend it"))
                else:
                    cells.append(cell(folder, exemplar, label, seed, values[seed]))
    for exemplar in ("bark", "moss"):
        for seed in (0, 1):
            cells.append(Cell(exemplar, "absent", seed, "unavailable", "torch is missing"))
    entries = [
        Entry(label, label, {}, {"patch_ot": PUBLISHED[label]} if label in PUBLISHED else None)
        for label in (*VALUES, "absent")
    ]
    exemplars = [
        Exemplar(
            name, f"in/{name}.png", "ab" * 32, (10, 12), (10, 12),
            picture(folder, f"exemplars/{name}.png", number),
        )
        for number, name in enumerate(("bark", "moss"))
    ]  # fmt: skip
    floors = {
        "bark": {"patch_ot": score(0.05, 0.01), "originality": score(None, None, "too small")},
        "moss": {"patch_ot": score(0.15, 0.03), "originality": score(0.7, 0.1)},
    }
    return Results(
        folder, "A title", (10, 12), [0, 1], entries, exemplars, COLUMNS, floors, cells,
        {"cores": 2, "cpu": "A processor", "gpu": None}, "2026-03-04T05:06:07+00:00",
    )  # fmt: skip


# -- the file ---------------------------------------------------------------------------------


def test_writes_one_file_and_the_same_again(results, tmp_path):
    first, second = tmp_path / "a.html", tmp_path / "b.html"
    write_report(results, first)
    write_report(dataclasses.replace(results), second)
    assert first.read_bytes() == second.read_bytes() == render(results).encode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html", "folder"]


def test_refuses_a_folder_that_is_not_there(results, tmp_path):
    with pytest.raises(TextoError, match="cannot write"):
        write_report(results, tmp_path / "missing" / "report.html")


def test_is_well_formed_and_stands_alone(results):
    text = render(results)
    root = Page(text).root
    ids = [node.attrs["id"] for node in root.all() if "id" in node.attrs]
    assert len(set(ids)) == len(ids)
    for node in root.all():
        assert node.tag not in {"link", "iframe", "object", "base", "form"}
        assert not {name for name in node.attrs if name.startswith("on") or name == "style"}
        for name in ("src", "href", "data", "srcset", "action"):
            if name in node.attrs:
                assert node.attrs[name].startswith(("data:image/", "#"))
        for name in ("aria-labelledby", "href"):
            if name in node.attrs:
                assert node.attrs[name].lstrip("#") in ids
    bare = re.sub(r"data:image/\w+;base64,[\w+/=]+", "", text)
    assert not re.search(r"https?:|//\w+\.|@import|url\(|fetch|XMLHttp|innerHTML|eval", bare)


def test_policy_admits_only_our_style_and_script(results):
    root = page(results)
    policy = root.one("meta", http_equiv="Content-Security-Policy").attrs["content"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for tag in ("style", "script"):
        source = "".join(root.one(tag).words)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_text_is_inert_everywhere(results, evil):
    plain_tags = [node.tag for node in page(results).all()]
    renamed = {"fast": evil}
    cells = [
        each.replaced(
            label=renamed.get(each.label, each.label),
            exemplar=evil + each.exemplar,
            reason=each.reason and evil,
            settings={evil: evil} if each.settings else {},
            versions={evil: evil} if each.versions else {},
            scores={evil + name: value for name, value in each.scores.items()},
        )
        for each in results.cells
    ]
    hostile = dataclasses.replace(
        results,
        title=evil,
        entries=[
            each.replaced(label=renamed.get(each.label, each.label), method=evil)
            for each in results.entries
        ],
        exemplars=[each.replaced(name=evil + each.name, path=evil) for each in results.exemplars],
        columns=[{**each, "name": evil + each["name"], "help": evil} for each in results.columns],
        floors={evil + name: floor for name, floor in results.floors.items()},
        cells=cells,
        machine={"cores": evil, "cpu": evil, "gpu": evil},
        created=evil,
    )
    root = page(hostile)  # and well-formed
    assert root.one("h1").text == root.one("title").text == " ".join(evil.split())
    assert root.one("script").words == page(results).one("script").words
    assert {node.tag for node in root.all()} <= {*plain_tags, "small"}
    for tag in ("img", "svg", "script", "style", "table", "h1", "input"):
        assert len(list(root.all(tag))) == plain_tags.count(tag)
    assert not [name for node in root.all() for name in node.attrs if name.startswith("on")]
    assert evil in table(root) and evil + "patch_ot" in table(root)[evil]


def test_characters_that_no_file_or_reader_can_take(results):
    odd = dataclasses.replace(results, title="a\udc80b\x00c\u202ed é")
    assert page(odd).one("h1").text == "a\ufffdb\ufffdc\ufffdd é"
    render(odd).encode()


# -- the table --------------------------------------------------------------------------------


def test_means_spreads_ranks_and_best(results):
    rows = table(page(results))
    assert list(rows) == ["fast", "slow", "partial", "absent"]
    # patch_ot: means of .5 .7 .3 .5 and .1 .3 .6 .8; over seeds .4 .6 and .35 .55
    for label, value, rank in [("fast", 0.5, 2), ("slow", 0.45, 1)]:
        found = rows[label]["patch_ot"]
        assert float(found.attrs["data-value"]) == pytest.approx(value)
        assert found.one(class_="rank").text == str(rank)
        assert found.one(class_="spread").text == "±0.141"  # |.4 - .6| / sqrt 2
        assert ("best" in found.attrs.get("class", "")) == (rank == 1)
        assert len(list(found.all(class_="star"))) == (rank == 1)
    higher = {label: rows[label]["originality"] for label in ("fast", "slow")}
    assert [label for label, td in higher.items() if td.attrs.get("class") == "best"] == ["fast"]


def test_every_table_agrees_with_the_results(results):
    root = page(results)
    for number, exemplar in enumerate([None, "bark", "moss"]):
        names = [each.name for each in results.exemplars if exemplar in (None, each.name)]
        part = dataclasses.replace(
            results, exemplars=[each for each in results.exemplars if each.name in names]
        )
        for label, row in table(root, number).items():
            for column in COLUMNS:
                mean = part.mean(label, column["name"])
                text = row[column["name"]].attrs["data-value"]
                assert (text == "") == (mean is None)
                if mean is not None:
                    assert float(text) == pytest.approx(mean[0])
                    rank = row[column["name"]].one(class_="rank").text
                    assert int(rank) == part.ranks(column["name"])[label]


def test_costs_are_columns(results):
    rows = table(page(results))
    assert list(rows["fast"])[:COSTS] == ["fit", "synthesis", "memory"]
    assert [float(rows["fast"][name].attrs["data-value"]) for name in list(rows["fast"])[:COSTS]] \
        == pytest.approx([0.75, 1.0, 512.0], rel=1e-6)  # fmt: skip
    ranks = [rows[label]["fit"].one(class_="rank").text for label in ("fast", "slow")]
    assert ranks == ["1", "1"]  # the same time shares the rank


def test_times_below_a_millisecond_are_equal(results):
    cells = [
        each.replaced(fit_s=1e-4 * (1 + (each.label == "slow"))) if each.picture else each
        for each in results.cells
    ]
    rows = table(page(dataclasses.replace(results, cells=cells)))
    for label in ("fast", "slow"):
        assert rows[label]["fit"].one(class_="value").text == "★<0.0011"
        assert not list(rows[label]["fit"].all(class_="spread"))


def test_floor_comes_first_with_its_mean(results):
    root = page(results)
    scope = root.one("section", data_scope="0")
    bodies = list(scope.all("tbody"))
    assert [body.attrs["class"] for body in bodies] == ["floor", "rows"]
    cells = list(bodies[0].all("td"))
    assert [td.attrs["data-value"] for td in cells[:COSTS]] == [""] * COSTS
    assert float(cells[COSTS].attrs["data-value"]) == pytest.approx(0.1)
    assert cells[COSTS].one(class_="spread").text == "±0.020"
    assert cells[COSTS + 1].one("abbr").attrs["title"] == "bark: too small"
    assert not list(bodies[0].all(class_="best")) and not list(bodies[0].all(class_="rank"))


def test_published_ranks_stand_beside_ours(results):
    root = page(results)
    rows = table(root)
    found = {
        label: [node.text for node in row["patch_ot"].all(class_="published")]
        for label, row in rows.items()
    }
    assert found == {"fast": ["publ. 3"], "slow": ["publ. 1"], "partial": [], "absent": ["publ. 2"]}
    titles = rows["slow"]["patch_ot"].one(class_="published").attrs["title"]
    assert titles == "published: 0.200, rank 1 of 3"
    assert not [node for row in table(root, 1).values() for td in row.values()
                for node in td.all(class_="published")]  # fmt: skip
    assert "publ. 1" in root.one("dl", class_="legend").text
    entries = [each.replaced(published=None) for each in results.entries]
    without = page(dataclasses.replace(results, entries=entries))
    assert not list(without.all(class_="published"))


@pytest.mark.parametrize(
    ("number", "label", "column", "reason"),
    [
        (0, "fast", "sifid64", "needs the extra"),
        (0, "absent", "patch_ot", "torch is missing"),
        (0, "partial", "patch_ot", "moss: failed: it: broke; mend it"),
        (2, "partial", "fit", "failed: it: broke; mend it"),
    ],
)
def test_a_dash_gives_its_reason(results, number, label, column, reason):
    root = page(results)
    td = table(root, number)[label][column]
    assert td.text.startswith("–") and td.attrs["data-value"] == ""
    assert td.one("abbr").attrs["title"] == reason
    note = td.one("a").attrs["href"].lstrip("#")
    assert root.one("li", id=note).text == reason


def test_trouble_is_told_beside_the_label(results):
    failed = results.cells[0].replaced(status="failed", reason="odd", scores={}, picture=None)
    root = page(dataclasses.replace(results, cells=[failed, *results.cells[1:]]))
    heads = {
        head.attrs["data-text"]: head.text
        for head in root.one("section", data_scope="0").all("th", class_="first")
        if "data-text" in head.attrs
    }
    assert "1 of 4 failed" in heads["fast"] and "bark (seed 0): failed: odd" in heads["fast"]
    assert "2 of 4 failed" in heads["partial"]
    assert "cannot run here" in heads["absent"] and heads["slow"] == "slow"


def test_score_columns_can_be_sorted(results):
    heads = list(page(results).one("section", data_scope="0").one("thead").all("th"))
    assert all(head.attrs["aria-sort"] == "none" and head.one("button") for head in heads)
    better = [head.attrs.get("data-better") for head in heads]
    assert better == [None, "lower", "lower", "lower", "lower", "higher", "lower"]


# -- the pictures -----------------------------------------------------------------------------


def decoded(uri):
    kind, data = re.fullmatch(r"data:image/(\w+);base64,(.+)", uri).groups()
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.format.lower() == kind
    return np.asarray(image)


def test_every_picture_is_there_once_and_exact(results):
    images = list(page(results).all("img"))
    folder = results.folder
    names = [each.picture for each in (*results.exemplars, *results.cells) if each.picture]
    wanted = {np.asarray(Image.open(folder / name)).tobytes() for name in names}
    found = [decoded(image.attrs["src"]) for image in images]
    assert len(images) == len(names) == len(wanted) == 12
    assert {pixels.tobytes() for pixels in found} == wanted
    for image, pixels in zip(images, found, strict=True):
        assert (int(image.attrs["height"]), int(image.attrs["width"])) == pixels.shape[:2]
    text = render(results)
    assert all(text.count(image.attrs["src"]) == 1 for image in images)


def test_strips_hold_the_exemplar_and_every_method(results):
    strip = next(page(results).all("section", class_="strip"))
    cards = [
        (card.attrs["class"].split()[1], card.one(class_="label").text, card.attrs.get("data-seed"))
        for card in strip.all("figure")
    ]
    runs = [("done", label, seed) for label in VALUES for seed in ("0", "1")]
    assert cards == [("exemplar", "bark", None), *runs, ("unavailable", "absent", None)]


def test_a_failed_cell_shows_its_message(results):
    strip = list(page(results).all("section", class_="strip"))[1]
    messages = [card.one(class_="message").text for card in strip.all("figure", class_="failed")]
    assert messages == ["failed it: broke; mend it"] * 2


def test_facts_say_how_a_picture_was_made(results):
    strip = next(page(results).all("section", class_="strip"))
    facts = list(strip.all("figure", class_="done"))[1].one("details")
    pairs = {
        div.one("dt").text: div.one("dd").text for dl in facts.all("dl") for div in dl.children
    }
    assert pairs == {
        "method": "fast", "seed": "1", "fit": "1.00 s", "synthesis": "1.40 s",
        "peak memory": "717 MiB", "threads": "2", "patch_size": "5", "weights": "[0.5, 0.5]",
        "finish": "none", "texto": "1.2.3", "numpy": "4.5",
    }  # fmt: skip
    scores = [[cell.text for cell in row.children] for row in facts.one("tbody").children]
    assert scores == [
        ["patch_ot", "0.700 ± 0.001", "0.0500 ± 0.0100"],
        ["originality", "7.00", "–"],
        ["sifid64", "–", "–"],
    ]
    assert len(list(strip.all("polyline"))) == 6


@pytest.mark.parametrize("spoil", ["remove", "damage", "none"])
def test_a_lost_picture_leaves_a_message(results, spoil):
    first = results.cells[0]
    if spoil == "none":
        cells = [first.replaced(picture=None), *results.cells[1:]]
        results = dataclasses.replace(results, cells=cells)
    elif spoil == "remove":
        (results.folder / first.picture).unlink()
    else:
        (results.folder / first.picture).write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    root = page(results)
    assert root.one("figure", class_="lost").one(class_="message").text.startswith("no picture")
    assert len(list(root.all("img"))) == 11


def test_sixteen_bits_and_grey_stay_exact(results):
    names = [each.picture for each in results.cells if each.picture]
    grey = np.random.default_rng(5).random((7, 9, 1), np.float32)
    texto.write_image(results.folder / names[0], grey)
    texto.write_image(results.folder / names[1], grey, bits=16)
    images = [image.attrs["src"] for image in page(results).all("img")]
    first = np.asarray(Image.open(results.folder / names[0]))
    np.testing.assert_array_equal(decoded(images[1]), np.stack([first] * 3, axis=-1))
    assert base64.b64decode(images[2].split(",")[1]) == (results.folder / names[1]).read_bytes()


# -- other shapes of results ------------------------------------------------------------------


def test_one_exemplar_and_one_seed_need_no_switch(results):
    assert {node.attrs["id"] for node in page(results).all("fieldset")} == {
        "scope-switch",
        "seed-switch",
    }
    small = dataclasses.replace(results, exemplars=results.exemplars[:1], seeds=[1])
    root = page(small)
    assert not list(root.all("fieldset"))
    rows = table(root)
    assert float(rows["fast"]["patch_ot"].attrs["data-value"]) == pytest.approx(0.7)
    assert not list(rows["fast"]["patch_ot"].all(class_="spread"))
    assert rows["fast"]["patch_ot"].one(class_="published").text == "publ. 3"


def test_results_that_are_not_finished(results):
    empty = dataclasses.replace(results, cells=[], floors={}, shape=None)
    root = page(empty)
    assert table(root)["fast"]["patch_ot"].one("abbr").attrs["title"] == "has not run yet"
    assert len(list(root.all("img"))) == 2
    assert len(list(root.all("figure", class_="waiting"))) == 8
    assert "each exemplar's own" in root.one("dl", class_="summary").text


def test_no_score_columns(results):
    cells = [each.replaced(scores={}) for each in results.cells]
    rows = table(page(dataclasses.replace(results, columns=[], cells=cells)))
    assert list(rows["fast"]) == ["fit", "synthesis", "memory"]


def test_head_says_when_where_and_what(results):
    text = page(results).one("dl", class_="summary").text
    for words in ("2026-03-04 05:06 UTC", "12 × 10", "0, 1", "bark, moss", "10 of 16 done",
                  "A processor, 2 cores", "texto 1.2.3, numpy 4.5"):  # fmt: skip
        assert words in text

"""The HTML report: self-contained, escaped, emphasising the right numbers, carrying the right sound."""

import base64
import html.parser
import io
import json
import re
import sys

import numpy as np
import pytest
import soundfile

from phasewise.errors import MissingDependencyError, ParameterError
from phasewise.report import (
    Curve,
    Highlight,
    NullTest,
    Player,
    Plot,
    Report,
    Residual,
    Row,
    Section,
    Table,
    Text,
    Track,
    TrackGroup,
    measure_residual,
    render_report,
    write_report,
)
from phasewise.report.figures import frequency_axis, time_axis
from phasewise.report.plots import _linear_ticks, _log_ticks, _short, line_chart
from phasewise.report.sound import SoundStore

RATE = 8000
VOID = {"meta", "link", "input", "img", "br", "hr"}


class Page(html.parser.HTMLParser):
    """All elements of a page, its text, and whether its tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag, **attributes):
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in attributes.items())]


def tone(frequency, seconds=0.5):
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def page():
    voice, drums = tone(440), tone(97)
    mixture = voice + drums
    groups = [
        TrackGroup(
            name,
            [
                Track("Mixture", mixture, RATE, "mixture"),
                Track("True", truth, RATE, "reference"),
                Track("MISI", 0.9 * truth, RATE, score=12.34),
                Track("Silent", np.zeros_like(truth), RATE, score=float("nan")),
            ],
        )
        for name, truth in (("voice", voice), ("drums", drums))
    ]
    table = Table(
        "Scores",
        ["voice", "drums"],
        [Row("A", [1.25, -7.0], "one"), Row("B & C", [3.0, None], "two")],
        bars="voice",
    )
    report = Report(
        "Song <one>",
        [
            Section(
                "Numbers",
                [
                    Text("First.\n\n<script>alert(1)</script>"),
                    table,
                    Plot("Cost", [Curve("a", [3.0, 2.0])]),
                    Plot("Other", [Curve("b", [1.0, 2.0])]),
                ],
            ),
            Section(
                "Sound",
                [Player("Listen", groups), NullTest("Sums", [Residual("x", 0.0), Residual("y", 0.25)])],
            ),
        ],
        subtitle="a subtitle",
        highlights=[Highlight("42 dB", "a number")],
        facts={"rate": "8000 Hz"},
    )
    return render_report(report)


def test_page_is_balanced_and_asks_the_network_for_nothing(page):
    parsed = Page(page)
    for tag, attributes in parsed.elements:
        for name in ("src", "href", "data-picture", "data-error"):
            value = attributes.get(name, "")
            assert value == "" or value.startswith(("data:", "#")), (tag, name, value[:40])
    assert not re.search(r"@import|url\(", page)
    (policy,) = (a["content"] for a in parsed.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert "https:" not in policy
    ids = [a["id"] for _, a in parsed.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in parsed.all("a")} <= set(ids)


def test_text_is_escaped(page):
    assert "<script>alert(1)</script>" not in page
    assert "Song &lt;one&gt;" in page
    assert "B &amp; C" in page


def test_everything_that_can_be_seen_or_operated_has_a_name(page):
    parsed = Page(page)
    assert all(a.get("alt") for a in parsed.all("img"))
    assert all(a.get("aria-label") for a in parsed.all("svg", role="img"))
    assert all(a.get("aria-label") for a in parsed.all("input", type="range"))
    assert all(a.get("aria-label") for a in parsed.all("button", **{"class": "play"}))
    assert len(parsed.all("fieldset")) == page.count("<legend>")
    assert parsed.all("html")[0]["lang"] == "en"
    assert any(a.get("name") == "viewport" for a in parsed.all("meta"))
    assert "prefers-color-scheme: dark" in page


def test_best_value_of_each_column_is_emphasised(page):
    assert "<td>−7.0</td>" in page
    assert re.findall(r"<strong>(\S+)</strong>", page.split("<table>")[1].split("</table>")[0]) == ["3.0"]


def test_embedded_audio_decodes_to_the_tracks(page):
    store = json.loads(re.search(r'id="sounds">(.*?)</script>', page, re.S).group(1))
    inputs = [a for a in Page(page).all("input") if "data-sound" in a]
    assert len(inputs) == 8
    # The mixture and the silent version are shared by both groups.
    assert len(store) == len({a["data-sound"] for a in inputs}) == 6
    (true,) = (a for a in inputs if a["data-name"] == "True" and a["name"].endswith("-0"))
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(store[true["data-sound"]])))
    assert rate == RATE
    assert len(samples) == len(tone(440))
    assert np.abs(samples - tone(440)).max() < 0.05


def test_flac_is_lossless_to_16_bits():
    store = SoundStore("flac")
    stereo = np.stack([tone(440), tone(97)])
    key = store.add(stereo, RATE)
    assert store.add(stereo.copy(), RATE) == key
    assert store.add(stereo, 2 * RATE) != key
    samples, _ = soundfile.read(io.BytesIO(base64.b64decode(store.sounds[key])))
    assert np.abs(samples.T - stereo).max() <= 2**-16 + 1e-9


def test_pictures_show_the_sound_and_its_error(page):
    image = pytest.importorskip("PIL.Image")
    inputs = [a for a in Page(page).all("input") if a.get("data-sound") and a["name"].endswith("-0")]

    def brightness(uri):
        picture = image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("L")
        assert picture.size == (800, 180)
        return np.asarray(picture, dtype=float).mean(axis=1)

    mixture, true, misi, silent = inputs
    rows = brightness(true["data-picture"])
    # 440 Hz on the logarithmic axis from 40 to 4000 Hz, top row first.
    assert abs(rows.argmax() - 180 * (1 - np.log(440 / 40) / np.log(4000 / 40))) < 4
    assert true["data-error"] == ""
    assert brightness(mixture["data-error"])[rows.argmax()] < 60 < rows.max()
    assert rows.max() > brightness(misi["data-error"]).max() > 60
    assert brightness(silent["data-picture"]).max() < 5


def test_scores_are_shown_unless_missing(page):
    assert page.count("<em>12.3</em>") == 2
    assert "nan" not in "".join(Page(page).text)


def test_neighbouring_plots_share_a_row(page):
    assert page.count('<div class="plots">') == 1
    assert page.count('<svg class="chart"') == 2


def test_null_test_says_exactly_zero(page):
    assert page.count("exactly zero") == 1
    assert "−12.0 dB FS" in page
    assert "−90 dB FS" in page


def test_write_report_creates_the_folder_and_leaves_nothing_else(tmp_path):
    path = write_report(tmp_path / "deep" / "report.html", Report("Empty", []))
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_failed_write_keeps_the_old_report(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_report(path, Report("New", []))
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("module", "extra"), [("jinja2", "report"), ("matplotlib", "report"), ("soundfile", "audio")]
)
def test_missing_library_names_the_cure(module, extra, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    groups = [TrackGroup("voice", [Track("True", tone(440), RATE, "reference")])]
    with pytest.raises(MissingDependencyError, match=re.escape(f'pip install "phasewise[{extra}]"')):
        write_report(tmp_path / "r.html", Report("x", [Section("s", [Player("p", groups)])]))
    assert not list(tmp_path.iterdir())


class TestTable:
    table = Table(
        "T",
        ["a", "b"],
        [Row("x", [1.04, None]), Row("y", [1.01, float("nan")], "g"), Row("z", [-3.0, 5.0], "g")],
    )

    def test_equal_as_shown_is_equally_best(self):
        assert [self.table.is_best(row, 0) for row in self.table.rows] == [True, True, False]

    def test_a_lone_value_is_not_best(self):
        assert not any(self.table.is_best(row, 1) for row in self.table.rows)

    def test_groups_may_have_best_values_of_their_own(self):
        rows = [
            Row("x", [1.0], "one"),
            Row("y", [2.0], "one"),
            Row("z", [5.0], "two"),
            Row("w", [3.0], "two"),
        ]
        table = Table("T", ["a"], rows, per_group=True)
        assert [table.is_best(row, 0) for row in rows] == [False, True, True, False]

    def test_lower_may_be_better(self):
        table = Table("T", ["a"], [Row("x", [1.0]), Row("y", [2.0])], best="min")
        assert [table.is_best(row, 0) for row in table.rows] == [True, False]

    def test_json_keeps_precision_and_turns_missing_into_null(self):
        rows = json.loads(json.dumps(self.table.to_json()))["rows"]
        assert rows[0] == {"label": "x", "group": "", "a": 1.04, "b": None}
        assert rows[1]["b"] is None

    def test_text_aligns_and_marks(self):
        lines = self.table.to_text().splitlines()
        assert lines[0] == "T [dB]"
        assert lines[3].split() == ["x", "1.0*", "–"]
        assert lines[4] == "g"
        assert lines[6].split() == ["z", "-3.0", "5.0"]
        assert {line.index(".") for line in (lines[3], lines[5], lines[6])} == {lines[3].index(".")}

    def test_wrong_shapes_are_rejected(self):
        with pytest.raises(ParameterError, match="row 'x' of table 'T' must have one value per column"):
            Table("T", ["a", "b"], [Row("x", [1.0])])
        with pytest.raises(ParameterError, match="bars must name a column"):
            Table("T", ["a"], [], bars="b")


class TestResidual:
    def test_integers_are_exact(self):
        mixture = np.array([32767, -5, 0], dtype=np.int16)
        stems = [np.array([32000, -6, 1], dtype=np.int16), np.array([767, 1, -1], dtype=np.int16)]
        assert measure_residual("x", mixture, stems).peak == 0.0
        stems[0][2] += 1
        assert measure_residual("x", mixture, stems).peak == 2.0**-15

    def test_floats(self):
        assert measure_residual("x", np.ones(3), [np.full(3, 0.25), np.full(3, 0.5)]).peak == 0.25

    def test_mixed_kinds_are_rejected(self):
        with pytest.raises(ParameterError, match="stems of 'x' must have the mixture's shape"):
            measure_residual("x", np.ones(3), [np.ones(3, dtype=np.int16)])


def test_tracks_of_a_group_must_play_in_step():
    with pytest.raises(ParameterError, match="must share one sample rate and length"):
        TrackGroup("g", [Track("a", np.ones(3), RATE), Track("b", np.ones(4), RATE)])
    with pytest.raises(ParameterError, match="samples of track 'a'"):
        Track("a", np.ones((1, 2, 3)), RATE)


class TestPlots:
    def test_points_land_where_their_values_say(self):
        svg = line_chart(Plot("p", [Curve("falling", [100.0, 10.0, 1.0])], log_y=True))
        points = [tuple(map(float, p.split(","))) for p in re.search(r'points="(.*?)"', svg).group(1).split()]
        (x0, y0), (x1, y1), (x2, y2) = points
        assert x0 < x1 < x2
        assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)  # equal ratios, equal steps
        assert y2 > y0  # the screen's y axis points down

    def test_values_without_a_logarithm_are_left_out(self):
        svg = line_chart(Plot("p", [Curve("c", [1.0, 0.0, float("nan"), 4.0])], log_y=True))
        assert len(re.search(r'points="(.*?)"', svg).group(1).split()) == 2

    def test_nothing_to_draw(self):
        assert "<svg" not in line_chart(Plot("p", [Curve("c", [float("nan")])]))

    def test_a_constant_curve_is_drawn(self):
        assert "nan" not in line_chart(Plot("p", [Curve("c", [2.0, 2.0], x=[3.0, 3.0])]))

    def test_ticks(self):
        assert _linear_ticks(0.0, 50.0) == [0, 10, 20, 30, 40, 50]
        assert _linear_ticks(1.0, 3.0, integers=True) == [1, 2, 3]
        assert _log_ticks(2.0, 9.0) == pytest.approx([2, 5, 10])
        assert _log_ticks(1e-8, 1e4)[::5] == pytest.approx([1e-8, 1e2])

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"),
            (20, "20"),
            (1000, "1000"),
            (999.7, "999.7"),
            (0.05, "0.05"),
            (1e4, "10⁴"),
            (-2.5e-6, "−2.5×10⁻⁶"),
        ],
    )
    def test_numbers_on_ticks(self, value, text):
        assert _short(value) == text


def test_axes():
    assert [a.label for a in time_axis(14.0)] == ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s", "12 s", "14 s"]
    assert time_axis(14.0)[-1].percent == 100.0
    assert [a.label for a in frequency_axis(8000)] == ["100 Hz", "1 kHz"]
    assert frequency_axis(44100)[2].percent < frequency_axis(44100)[0].percent

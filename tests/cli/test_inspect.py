"""``phasewise nmf inspect``: pictures of dictionaries and factorisations."""

import json
import sys

import numpy as np
import pytest

import phasewise as pw
from phasewise.cli import main
from phasewise.dictionary import Dictionary

pytest.importorskip("matplotlib")
from matplotlib import image

SIGNATURES = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF-"}


@pytest.fixture
def pair(tmp_path):
    """A file of two atoms, the higher one first, of which only that one sounds, in the second half."""
    W = np.full((129, 2), 1e-6)
    W[100, 0] = W[10, 1] = 1
    H = np.zeros((2, 300))
    H[0, 150:] = 3
    path = tmp_path / "factors.npz"
    np.savez(path, W=W, H=H)
    return path


def inspect(*arguments):
    return main(["nmf", "inspect", *map(str, arguments)])


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_every_format_is_written_whole_and_always_the_same(model, tmp_path, capsys, kind):
    for name in ("a", "b"):
        assert inspect(model, "-o", tmp_path / f"{name}.{kind}") == 0
    assert capsys.readouterr().out.count("low (3 atoms), mid (3 atoms), high (3 atoms)") == 2
    content = (tmp_path / f"a.{kind}").read_bytes()
    assert content.startswith(SIGNATURES[kind])
    assert content == (tmp_path / f"b.{kind}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{kind}", f"b.{kind}"]


def test_a_dictionary_of_the_package_and_any_case_of_the_ending(tmp_path):
    assert inspect("nmf-music4", "-o", tmp_path / "atoms.PNG") == 0
    assert image.imread(tmp_path / "atoms.PNG", format="png").ndim == 3


@pytest.mark.parametrize("rate", [8000, 11025])
def test_activations_are_those_of_the_whole_track(model, song, tmp_path, rate):
    track = song(rate=rate, seconds=9)  # several blocks
    assert inspect(model, track, "-o", tmp_path / "a.png", "--json", tmp_path / "a.json") == 0
    table = json.loads((tmp_path / "a.json").read_text())
    assert (table["sample_rate"], table["hop_length"]) == (8000, 64)
    dictionary = Dictionary.load(model)
    audio, _ = pw.audio.read(track)
    y = audio.mean(axis=0) if rate == 8000 else pw.audio.resample(audio.mean(axis=0), rate, 8000)
    H = dictionary.activations(pw.STFT(256, 64).magnitude(y)).sum(axis=-1)
    assert list(table["sources"]) == ["low", "mid", "high"]
    shares = [atom["share"] for atoms in table["sources"].values() for atom in atoms]
    columns = [j * 3 + atom["column"] for j, atoms in enumerate(table["sources"].values()) for atom in atoms]
    np.testing.assert_allclose(shares, (H / H.sum())[columns], rtol=1e-3)
    assert sorted(columns) == list(range(9))


def test_a_pair_is_drawn_low_atoms_first(pair, tmp_path, capsys):
    out = tmp_path / "pair.png"
    assert inspect(pair, "-o", out, "--sample-rate", 25600, "--hop", 128, "--json", "-") == 0
    table = json.loads(capsys.readouterr().out)
    low, high = table["sources"]["factors"]
    assert (low["column"], low["peak_hz"], low["share"]) == (1, 1000, 0)
    assert (high["column"], high["peak_hz"], high["share"]) == (0, 10000, 1)
    assert high["centroid_hz"] == pytest.approx(10000, rel=0.01)
    picture = image.imread(out)[..., :3]
    bright = (abs(picture - [0.987, 0.991, 0.750]) < 0.02).all(axis=-1)  # the colour of 0 dB
    rows, columns = np.nonzero(bright[:, : picture.shape[1] // 4])
    # Two atoms: the low one on the left and at the bottom.
    assert rows[columns == columns.min()].min() > rows[columns == columns.max()].max()
    # The upper half of the panel of activations, in the second half of the time.
    rows, columns = np.nonzero(bright[:, picture.shape[1] // 3 : -picture.shape[1] // 6])
    assert rows.max() < len(picture) * 0.6
    assert columns.min() > 0.4 * columns.max()


def test_templates_of_several_frames_and_silent_ones(tmp_path):
    rng = np.random.default_rng(0)
    W = rng.random((3, 65, 8))
    W[1] = 0
    np.savez(tmp_path / "drums.npz", W=W, H=np.zeros((3, 5000)))
    assert inspect(tmp_path / "drums.npz", "-o", tmp_path / "a.svg", "--json", tmp_path / "a.json") == 0
    assert "3 templates of 8 frames" in (tmp_path / "a.svg").read_text()
    atoms = json.loads((tmp_path / "a.json").read_text())["sources"]["drums"]
    assert [atom["share"] for atom in atoms] == [0, 0, 0]
    assert atoms[0] == {"column": 1, "peak_hz": 0, "centroid_hz": 0, "share": 0}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{model}", "-o", "{dir}/a.jpg"], 2, "--out must end in .png, .svg, .pdf"),
        (["{model}", "-o", "{dir}/no/a.png"], 2, "does not exist; make it first"),
        (["{model}", "-o", "{dir}/folder.png"], 2, "--out: cannot write"),
        (["{model}", "--hop", "64", "-o", "{dir}/a.png"], 2, "--hop is for a pair"),
        (["{model}", "--sample-rate", "64", "-o", "{dir}/a.png"], 2, "--sample-rate is for a pair"),
        (["{model}", "{dir}/none.wav", "-o", "{dir}/a.png"], 1, "none.wav"),
        (["{dir}/none.safetensors", "-o", "{dir}/a.png"], 1, "cannot be read"),
        (["{dir}/none.npz", "-o", "{dir}/a.png"], 1, "none.npz: cannot be read"),
        (["{dir}/text.npz", "-o", "{dir}/a.png"], 1, "text.npz: is no pair"),
        (["{dir}/lonely.npz", "-o", "{dir}/a.png"], 1, "lonely.npz: is no pair"),
        (["{dir}/objects.npz", "-o", "{dir}/a.png"], 1, "objects.npz: is no pair"),
        (["{dir}/uneven.npz", "-o", "{dir}/a.png"], 2, "W and H must have shapes"),
        (["{pair}", "song.wav", "-o", "{dir}/a.png"], 2, "leave AUDIO out"),
        (["{pair}", "--hop", "0", "-o", "{dir}/a.png"], 2, "--hop must be an integer >= 1"),
        (["{pair}", "--sample-rate", "1", "-o", "{dir}/a.png"], 2, "--sample-rate must be"),
    ],
)
def test_mistakes_are_explained_and_leave_no_file(model, pair, tmp_path, capsys, arguments, code, message):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "text.npz").write_text("no pair")
    np.savez(tmp_path / "lonely.npz", W=np.ones((9, 2)))
    np.savez(tmp_path / "objects.npz", W=np.array([{}], object), H=np.ones((2, 2)))
    np.savez(tmp_path / "uneven.npz", W=np.ones((9, 2)), H=np.ones((3, 5)))
    before = sorted(tmp_path.iterdir())
    places = {"model": model, "pair": pair, "dir": tmp_path}
    assert inspect(*(word.format(**places) for word in arguments)) == code
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_without_matplotlib_the_cure_is_named(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert inspect(model, "-o", tmp_path / "a.png") == 1
    assert "a picture needs matplotlib, which cannot be imported" in capsys.readouterr().err

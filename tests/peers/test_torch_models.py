"""Models of other packages on our transform, by `phasewise.torch.use`: same numbers, from our operators."""

from __future__ import annotations

import sys
import types

import pytest

torch = pytest.importorskip("torch")
pwt = pytest.importorskip("phasewise.torch")

pytestmark = pytest.mark.filterwarnings("ignore")


def module(name):
    return pytest.importorskip(name, exc_type=ImportError)


def calls_of_ours(function):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile, torch.no_grad():
        result = function()
    return result, sum(e.count for e in profile.key_averages() if e.key.startswith("phasewise::"))


def compare(function):
    theirs, before = calls_of_ours(function)
    with pwt.use():
        ours, count = calls_of_ours(function)
    assert before == 0
    assert count > 0
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.fixture
def y():
    return torch.randn(1, 2, 20000, generator=torch.Generator().manual_seed(0))


def test_open_unmix(y, monkeypatch):
    try:
        import torchaudio  # noqa: F401
    except ImportError:  # its transforms import torchaudio, and do not need it
        monkeypatch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))
    transforms = module("openunmix.transforms")
    forth, back = (
        kind(n_fft=1024, n_hop=256, center=True) for kind in (transforms.TorchSTFT, transforms.TorchISTFT)
    )
    compare(lambda: back(forth(y), length=20000))
    # Its default is no centring, which torch's inverse refuses.
    forth, back = transforms.TorchSTFT(n_fft=1024, n_hop=256), transforms.TorchISTFT(n_fft=1024, n_hop=256)
    with pytest.raises(RuntimeError, match="window overlap add"):
        back(forth(y))
    with pwt.use():
        x = back(forth(y))
    torch.testing.assert_close(x[..., 64:-64], y[..., 64 : x.shape[-1] - 64], rtol=0, atol=1e-4)


def test_demucs(y):
    spec = module("demucs.spec")
    compare(lambda: spec.ispectro(spec.spectro(y, 1024, 256), 256, 20000))
    htdemucs = module("demucs.htdemucs")
    torch.manual_seed(0)
    options = {"channels": 8, "depth": 3, "t_layers": 1, "segment": 2, "samplerate": 8000, "nfft": 1024}
    model = htdemucs.HTDemucs(["vocals", "rest"], **options).eval()
    compare(lambda: model(y[..., :16000]))


def test_asteroid(y):
    x_umx = module("asteroid.models.x_umx")
    transform = x_umx._STFT(1024, n_fft=1024, n_hop=256)
    compare(lambda: transform(y))

"""What phase is worth, heard on a short song that comes with the package.

`known_magnitude_table` is the experiment that the project starts from: the true magnitude of every source is
given, and only its phase is missing. `estimated_magnitude_table` is everyday separation: the magnitudes come
from nonnegative matrix factorisation. `run_demo` does both on the song, writes stems and a report.
"""

from phasewise.demo.experiments import estimated_magnitude_table, known_magnitude_table
from phasewise.demo.run import DemoResult, run_demo
from phasewise.demo.setting import Estimate, Experiment
from phasewise.demo.song import Song, load_song

__all__ = [
    "DemoResult",
    "Estimate",
    "Experiment",
    "Song",
    "estimated_magnitude_table",
    "known_magnitude_table",
    "load_song",
    "run_demo",
]

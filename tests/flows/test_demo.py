"""The demonstration runs on the rats where they are at hand, and anywhere else on a simulation."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsp_adapters.bout_csv import write_bout_csv
from nsp_adapters.simulated import simulate_recording
from nsp_flows.demo import demo_study


def test_without_real_recordings_a_study_is_simulated_into_the_output_folder(tmp_path: Path) -> None:
    study = demo_study(tmp_path / "no data", tmp_path / "out", seed=3)
    assert study.name == "simulated dyads"
    assert study.search.seeds == (3,)
    assert len(study.recordings) == 8
    assert {entry.role for entry in study.recordings} == {"train", "validation", "test"}
    for entry in study.recordings:
        assert Path(entry.pose_path).is_relative_to((tmp_path / "out").resolve())
        assert Path(entry.pose_path).is_file()
    write_bout_csv(tmp_path / "sim01.csv", simulate_recording("sim01", seed=3).labels)
    written = Path(study.recordings[0].label_path).read_text()
    assert written == (tmp_path / "sim01.csv").read_text(), "the seed is that of the simulation, too"


@pytest.mark.real_data
def test_where_the_rats_are_the_rats_are_run(nsp_data: Path, tmp_path: Path) -> None:
    study = demo_study(nsp_data, tmp_path, seed=5)
    assert study.name == "rats-resident-intruder"
    assert len(study.recordings) == 16
    assert study.search.seeds == (5,)
    assert list(tmp_path.iterdir()) == []

"""Two annotators of a real recording of an adult and a juvenile mouse, each twice, on one rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsp_adapters.annotations.detect import read_annotation_file
from nsp_adapters.recordings import features_of_file
from nsp_core.cleaning import Cleaning
from nsp_core.dsl.text import parse_program
from nsp_core.features import feature_sequences
from nsp_core.labels import Behavior, frame_states
from nsp_core.sequences import as_sequences
from nsp_core.study import RecordingEntry
from nsp_core.weak.annotator_comparison import account_of
from nsp_core.weak.annotator_programs import fit_annotator_programs

ROLES = {
    "nose": ("nose",),
    "tail_base": ("tail",),
    "center": ("neck", "lefthip", "righthip"),
    "body": ("nose", "leftear", "rightear", "neck", "lefthip", "righthip", "tail"),
}


@pytest.mark.real_data
def test_annotators_who_differ_as_much_from_themselves_have_no_clear_difference(nsp_data: Path) -> None:
    folder = nsp_data / "ethome_adult_juvenile"
    poses = next(folder.glob("*_el_filtered.csv"))
    entry = RecordingEntry("DLC3", str(poses), None, "infer", None, None, None, 30.0, None, "unknown")
    cleaning = Cleaning(min_confidence=0.5, max_gap_s=0.5)
    features = features_of_file(
        entry, cleaning=cleaning, roles=ROLES, length_unit="body", names=("nose_to_body",), n_animals=2
    )
    # The labels say whose behavior it is and not towards whom; of the two names, adult sorts first and is the agent.
    (sequence,) = as_sequences(feature_sequences(features, "undirected"), None)
    states: dict[str, list[np.ndarray]] = {}
    for who in ("brett", "donnie"):
        for attempt in ("initial", "reannotation"):
            (labels,) = read_annotation_file(folder / f"annot_{who}_{attempt}_DLC3.csv", fps=30.0).labels
            own = frame_states(labels, Behavior("interact", "solitary"), len(sequence.states), "adult")
            states.setdefault(who, []).append(own)
    found = fit_annotator_programs(
        parse_program("mean(nose_to_body[agent], 0.5 s) < 1 bl"),
        [sequence, sequence],
        states,
        seed=0,
        n_refits=8,
    )
    threshold, window = found.constants
    for estimate in threshold.estimates:
        assert 0.8 < estimate.value < 1.2
    for estimate in window.estimates:
        assert 1.0 <= estimate.value <= 3.0
    assert not threshold.differences[0].is_clear
    assert found.pairs[0].frames.kappa == pytest.approx(0.77, abs=0.01)
    # A rule of two numbers agrees with an annotator about as well as the other one does.
    for one in found.agreements:
        if one.program_of == one.annotator:
            assert one.frames.kappa == pytest.approx(0.77, abs=0.03)
            assert 0.6 < one.kappa_held_out < one.frames.kappa
    assert account_of(found, "interact")[0].startswith("brett calls it interact up to ")

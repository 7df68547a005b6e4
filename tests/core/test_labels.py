from __future__ import annotations

import pytest

from nsp_core.errors import LabelError
from nsp_core.labels import Behavior, BehaviorKind, Bout, RecordingLabels, frame_states

CHASE = "chase"
U = -1


def labels(*bouts: Bout, observed: tuple[tuple[int, int], ...] = ((0, 10),)) -> RecordingLabels:
    return RecordingLabels("recording_1", "annotator_1", bouts, {CHASE: observed})


def states(of: RecordingLabels, kind: BehaviorKind, *who: str, n_frames: int = 6, sole: bool = True) -> list[int]:
    return frame_states(of, Behavior(CHASE, kind), n_frames, *who, sole=sole).tolist()


def test_unlabeled_is_not_absent() -> None:
    partly = labels(Bout(CHASE, 2, 4, "abe"), observed=((1, 5),))
    assert states(partly, "solitary", "abe") == [U, 0, 1, 1, 0, U]


def test_a_behavior_nobody_looked_for_is_unlabeled() -> None:
    never = RecordingLabels("recording_1", "annotator_1", (), {"groom": ((0, 6),)})
    assert states(never, "solitary", "abe") == [U] * 6


def test_a_bout_outside_every_observed_span_is_present_all_the_same() -> None:
    assert states(labels(Bout(CHASE, 4, 5, "abe"), observed=((0, 2),)), "solitary", "abe") == [0, 0, U, U, 1, U]


def test_observed_spans_may_overlap_and_reach_beyond_the_recording() -> None:
    assert states(labels(observed=((1, 3), (2, 99))), "solitary", "abe") == [U, 0, 0, 0, 0, 0]


def test_bouts_of_other_behaviors_do_not_count() -> None:
    assert states(labels(Bout("groom", 0, 6, "abe")), "solitary", "abe") == [0] * 6


def test_labels_beyond_the_recording_are_cut_off() -> None:
    assert states(labels(Bout(CHASE, 4, 50, "abe")), "solitary", "abe") == [0, 0, 0, 0, 1, 1]


def test_a_directed_bout_belongs_to_its_agent_and_target_in_this_order() -> None:
    chase = labels(Bout(CHASE, 1, 3, "abe", "bob"))
    assert states(chase, "directed", "abe", "bob") == [0, 1, 1, 0, 0, 0]
    assert states(chase, "directed", "bob", "abe") == [0] * 6


def test_an_undirected_bout_belongs_to_the_dyad_in_either_order() -> None:
    huddle = labels(Bout(CHASE, 1, 3, "bob", "abe"))
    assert states(huddle, "undirected", "abe", "bob") == [0, 1, 1, 0, 0, 0]
    assert states(huddle, "undirected", "abe", "cid") == [0] * 6


def test_a_solitary_bout_belongs_to_its_animal() -> None:
    groom = labels(Bout(CHASE, 1, 3, "abe"))
    assert states(groom, "solitary", "abe") == [0, 1, 1, 0, 0, 0]
    assert states(groom, "solitary", "bob") == [0] * 6


@pytest.mark.parametrize("kind", ["undirected", "solitary"])
def test_an_anonymous_bout_belongs_to_the_only_dyad_or_animal_there_is(kind: BehaviorKind) -> None:
    anonymous = labels(Bout(CHASE, 1, 3))
    assert states(anonymous, kind, "abe", "bob", sole=True) == [0, 1, 1, 0, 0, 0]
    assert states(anonymous, kind, "abe", "bob", sole=False) == [0, U, U, 0, 0, 0]


@pytest.mark.parametrize("who", [(), ("abe",)])
@pytest.mark.parametrize("sole", [True, False])
def test_a_label_without_agent_and_target_never_claims_a_directed_behavior(who: tuple[str, ...], sole: bool) -> None:
    assert states(labels(Bout(CHASE, 1, 3, *who)), "directed", "abe", "bob", sole=sole) == [0, U, U, 0, 0, 0]


def test_a_named_bout_counts_where_an_anonymous_one_overlaps_it() -> None:
    both = labels(Bout(CHASE, 2, 4, "abe", "bob"), Bout(CHASE, 1, 5))
    assert states(both, "directed", "abe", "bob") == [0, U, 1, 1, U, 0]


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (3, 3), (4, 3)])
def test_an_impossible_bout_is_refused(start: int, stop: int) -> None:
    with pytest.raises(LabelError, match="expected 0 <= start_frame < stop_frame; correct the annotation") as caught:
        labels(Bout(CHASE, start, stop))
    assert caught.value.found == f"a bout of {CHASE} over frames [{start}, {stop})"
    assert caught.value.where == "recording_1"


def test_the_last_frame_is_the_last_one_that_is_mentioned() -> None:
    assert labels(Bout(CHASE, 2, 40, "abe"), observed=((0, 30),)).last_frame == 40
    assert labels(observed=((0, 30),)).last_frame == 30
    assert RecordingLabels("recording_1", "annotator_1", ()).last_frame == 0

"""One set of labels from several annotators: what most of them, or all, say of a frame.

A frame that fewer than two annotators looked at, or on which they are tied, is unlabeled: it neither trains nor counts.
The consensus of two is therefore what both say. Programs trained on unanimous frames only see the clear cases, and
their scores on such frames are better than they would be on all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nsp_core.bouts import bouts_from_frames
from nsp_core.evaluate.agreement_of_many import rating_counts
from nsp_core.evaluate.annotators import AnnotatedSeries, annotated_behavior, behaviors_in_common
from nsp_core.labels import ABSENT, PRESENT, UNLABELED, Bout, RecordingLabels

__all__ = ["CONSENSUS", "consensus_labels", "consensus_states"]

CONSENSUS = "consensus"

Spans = tuple[tuple[int, int], ...]


def consensus_states(series: Sequence[NDArray[np.int8]], *, unanimous: bool = False) -> NDArray[np.int8]:
    """Return the state (time,) that most annotators who looked at a frame give it.

    Parameters
    ----------
    series
        One per annotator, shape (time,): 1 present, 0 absent, -1 not looked at.
    unanimous
        Only where all of them agree.

    Returns
    -------
    -1 where fewer than two looked, where as many say the one as the other and, if ``unanimous``, where anybody differs.

    Raises
    ------
    LabelError
        If there is no series, they differ in length, or hold other values.

    Examples
    --------
    >>> anna, ben, cleo = np.array([1, 1, 1, 1]), np.array([1, 0, 0, -1]), np.array([1, 0, -1, -1])
    >>> consensus_states([anna, ben, cleo]).tolist()
    [1, 0, -1, -1]
    >>> consensus_states([anna, ben, cleo], unanimous=True).tolist()
    [1, -1, -1, -1]
    """
    n_absent, n_present = rating_counts(series).T
    several = n_absent + n_present >= 2
    states = np.full(n_absent.shape, UNLABELED, dtype=np.int8)
    states[several & ((n_present == 0) if unanimous else (n_absent > n_present))] = ABSENT
    states[several & ((n_absent == 0) if unanimous else (n_present > n_absent))] = PRESENT
    return states


def consensus_labels(
    labels: Sequence[RecordingLabels], behaviors: Sequence[str] | None = None, *, unanimous: bool = False
) -> tuple[RecordingLabels, ...]:
    """Return the consensus of each recording that two or more annotated, by the annotator ``consensus``.

    Parameters
    ----------
    labels
        One entry per recording and annotator.
    behaviors
        Which behaviors; None for all that two annotators looked for in some recording.
    unanimous
        Only where all who looked at a frame agree.

    Returns
    -------
    :func:`nsp_core.labels.frame_states` gives back the states of the consensus to the frame where a behavior is one
    animal's or dyad's, or anybody's. Of several, a frame on which one is undecided is unlabeled for all of which it is
    not said to be present, for observed spans are those of the behavior. Point events are left out.

    Raises
    ------
    LabelError
        As :func:`nsp_core.evaluate.annotators.annotated_behavior`.

    Examples
    --------
    >>> looked = {"attack": ((0, 9),)}
    >>> anna = RecordingLabels("1", "anna", (Bout("attack", 1, 5),), looked)
    >>> ben = RecordingLabels("1", "ben", (Bout("attack", 3, 6),), looked)
    >>> consensus = consensus_labels([anna, ben])[0]
    >>> consensus.bouts, consensus.observed
    ((Bout(behavior='attack', start_frame=3, stop_frame=5, individual=None, target=None),), \
{'attack': ((0, 1), (3, 5), (6, 9))})
    """
    if behaviors is None:
        behaviors = [name for name, common in behaviors_in_common(labels).items() if common]
    bouts: dict[str, list[Bout]] = {}
    observed: dict[str, dict[str, Spans]] = {}
    for behavior in behaviors:
        by_recording: dict[str, list[AnnotatedSeries]] = {}
        for one in annotated_behavior(labels, behavior).series:
            if len(one.states) > 1:
                by_recording.setdefault(one.recording, []).append(one)
        for recording, series in by_recording.items():
            found = [consensus_states(list(one.states.values()), unanimous=unanimous) for one in series]
            bouts.setdefault(recording, []).extend(
                Bout(behavior, start, stop, one.individual, one.target)
                for one, states in zip(series, found, strict=True)
                for start, stop in bouts_from_frames(states == PRESENT).tolist()
            )
            decided = np.all([states != UNLABELED for states in found], axis=0)
            spans = tuple((start, stop) for start, stop in bouts_from_frames(decided).tolist())
            observed.setdefault(recording, {})[behavior] = spans
    order = dict.fromkeys(one.recording for one in labels if one.recording in observed)
    return tuple(RecordingLabels(name, CONSENSUS, tuple(bouts[name]), observed[name]) for name in order)

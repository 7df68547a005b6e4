"""How far the annotators of a behavior agree: frame by frame, bout by bout, and in time, pair by pair and all together.

Counts of all recordings are pooled. Beside each measure stands what it would be by chance: the agreement of frames
expected from how often each sees the behavior (kappa is 0 then), and the F1 of bouts that have nothing to do with each
other. Intervals are of 95 %, over recordings; for those in time see
:class:`nsp_core.evaluate.agreement_timing.TimingDifference`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nsp_core import rng
from nsp_core.bouts import bouts_from_frames
from nsp_core.errors import LabelError
from nsp_core.evaluate.agreement import Agreement, agreement
from nsp_core.evaluate.agreement_bouts import OVERLAP, BoutAgreement, bout_f1_by_chance, matched_series
from nsp_core.evaluate.agreement_of_many import (
    fleiss_kappa,
    krippendorff_alpha,
    rating_counts,
    usual_number_of_raters,
)
from nsp_core.evaluate.agreement_timing import TimingDifference, percentile_interval, timing_difference
from nsp_core.evaluate.annotators import AnnotatedBehavior, AnnotatedSeries
from nsp_core.evaluate.bootstrap import Interval
from nsp_core.labels import PRESENT, UNLABELED

__all__ = ["AnnotatorShare", "BehaviorAgreement", "PairAgreement", "annotator_agreement"]

N_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class AnnotatorShare:
    """How much one annotator looked for a behavior, and saw of it.

    Attributes
    ----------
    annotator
        Who.
    n_recordings
        Recordings looked at.
    n_frames, n_present
        Frames looked at, and those with the behavior; of several animals, the sum over them.
    n_bouts
        Runs of such frames.
    """

    annotator: str
    n_recordings: int
    n_frames: int
    n_present: int
    n_bouts: int

    @property
    def prevalence(self) -> float:
        """Share of the frames looked at that show the behavior, 0 to 1; NaN without frames."""
        return self.n_present / self.n_frames if self.n_frames else math.nan


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How far two annotators agree, over the frames that both looked at.

    Attributes
    ----------
    first, second
        Who.
    n_recordings
        Recordings in which both looked at some frame.
    frames
        Agreement frame by frame; its ``undecided`` are frames that one of the two did not look at.
    kappa_interval
        Of Cohen's kappa, over recordings; (NaN, NaN) with fewer than two.
    bouts
        Agreement bout by bout.
    bout_f1_by_chance
        What the F1 of bouts would be if those of one had nothing to do with those of the other.
    onset, offset
        How much earlier the first starts and ends bouts that match.
    """

    first: str
    second: str
    n_recordings: int
    frames: Agreement
    kappa_interval: Interval
    bouts: BoutAgreement
    bout_f1_by_chance: float
    onset: TimingDifference
    offset: TimingDifference


@dataclass(frozen=True, slots=True)
class BehaviorAgreement:
    """How far all annotators of one behavior agree.

    Attributes
    ----------
    behavior
        Its name.
    annotators
        What each saw.
    pairs
        Every two annotators who looked at some frame both.
    fleiss_kappa, n_raters, n_frames_rated
        Over the frames that as many annotators looked at as at most frames, how many these are, and the frames.
    alpha, n_frames_twice
        Krippendorff's alpha over the frames that at least two looked at, and how many these are.
    """

    behavior: str
    annotators: tuple[AnnotatorShare, ...]
    pairs: tuple[PairAgreement, ...]
    fleiss_kappa: float
    n_raters: int
    n_frames_rated: int
    alpha: float
    n_frames_twice: int


def annotator_agreement(
    annotated: AnnotatedBehavior, fps: float, *, seed: int, overlap: float = OVERLAP
) -> BehaviorAgreement:
    """Return how far the annotators of a behavior agree.

    Parameters
    ----------
    annotated
        The behavior in all recordings.
    fps
        Frames per second of all of them.
    seed
        Draws recordings and bouts for the intervals; those of two annotators do not depend on who else there is.
    overlap
        Least intersection over union of two bouts that match.

    Raises
    ------
    LabelError
        If no two annotators looked at the same frame, or ``overlap`` is none.

    Examples
    --------
    >>> from nsp_core.evaluate.annotators import annotated_behavior
    >>> from nsp_core.labels import Bout, RecordingLabels
    >>> looked = {"attack": ((0, 50),)}
    >>> anna = RecordingLabels("1", "anna", (Bout("attack", 0, 25),), looked)
    >>> ben = RecordingLabels("1", "ben", (Bout("attack", 5, 35),), looked)
    >>> found = annotator_agreement(annotated_behavior([anna, ben], "attack"), 10.0, seed=0)
    >>> found.pairs[0].frames.kappa, found.pairs[0].bouts.f1, found.pairs[0].offset.median_s
    (0.4, 1.0, -1.0)
    """
    pairs = [
        _pair(
            annotated.series,
            first,
            second,
            fps,
            rng.stream(seed, "annotators", annotated.behavior, first, second),
            overlap,
        )
        for first, second in combinations(annotated.annotators, 2)
    ]
    compared = tuple(pair for pair in pairs if pair.frames.n_decided)
    if not compared:
        raise LabelError(
            found=f"no frame in which two of {', '.join(annotated.annotators)} looked for {annotated.behavior}",
            expected="some frames that two annotators looked at",
            where="annotators",
            remedy="check that recordings have one name in all files, and what the labels say was observed",
        )
    counts = np.concatenate([rating_counts(list(series.states.values())) for series in annotated.series])
    raters = counts.sum(axis=1)
    usual = usual_number_of_raters(counts)
    return BehaviorAgreement(
        annotated.behavior,
        tuple(_share(annotated.series, who) for who in annotated.annotators),
        compared,
        fleiss_kappa(counts[raters == usual]),
        usual,
        int((raters == usual).sum()),
        krippendorff_alpha(counts),
        int((raters >= 2).sum()),
    )


def _share(series: Sequence[AnnotatedSeries], annotator: str) -> AnnotatorShare:
    own = [(one.recording, one.states[annotator]) for one in series if annotator in one.states]
    return AnnotatorShare(
        annotator,
        len({recording for recording, states in own if (states != UNLABELED).any()}),
        sum(int((states != UNLABELED).sum()) for _, states in own),
        sum(int((states == PRESENT).sum()) for _, states in own),
        sum(len(bouts_from_frames(states == PRESENT)) for _, states in own),
    )


def _pair(
    series: Sequence[AnnotatedSeries],
    first: str,
    second: str,
    fps: float,
    generator: np.random.Generator,
    overlap: float,
) -> PairAgreement:
    both = [one for one in series if first in one.states and second in one.states]
    states = [(one.states[first], one.states[second]) for one in both]
    matched = [matched_series(*pair, overlap=overlap) for pair in states]
    by_recording: dict[str, Agreement] = {}
    onsets: dict[str, list[NDArray[np.float64]]] = {}
    offsets: dict[str, list[NDArray[np.float64]]] = {}
    for one, pair, match in zip(both, states, matched, strict=True):
        by_recording[one.recording] = by_recording.get(one.recording, Agreement()) + agreement(*pair)
        onsets.setdefault(one.recording, []).append(match.onset_frames)
        offsets.setdefault(one.recording, []).append(match.offset_frames)
    counts = [found for found in by_recording.values() if found.n_decided]
    onset, offset = (
        timing_difference([np.concatenate(own) for own in found.values()], fps, generator=generator)
        for found in (onsets, offsets)
    )
    return PairAgreement(
        first,
        second,
        len(counts),
        sum(by_recording.values(), Agreement()),
        _kappa_interval(counts, generator),
        sum((match.agreement for match in matched), BoutAgreement()),
        bout_f1_by_chance(states, overlap=overlap),
        onset,
        offset,
    )


def _kappa_interval(counts: Sequence[Agreement], generator: np.random.Generator) -> Interval:
    """Return the 95 % interval of kappa over recordings; draws without a kappa are left out."""
    n_recordings = len(counts)
    if n_recordings < 2:
        return Interval(math.nan, math.nan)
    table = np.array([astuple(one) for one in counts])
    draws = generator.multinomial(n_recordings, np.full(n_recordings, 1 / n_recordings), size=N_RESAMPLES)
    return percentile_interval(np.array([Agreement(*row).kappa for row in (draws @ table).tolist()]))

"""Which stretches of video a person should annotate next: a queue of clips, and a random one to compare it with.

A committee of models, such as labeling functions found from the bouts annotated so far, says of every frame how likely
the behavior is. A clip is worth a person's time where the committee is unsure, where its members contradict each other,
and where it expects a behavior of which few bouts are known. Clips are chosen one after another, each unlike what was
annotated or chosen before, and spread over recordings.

Per frame, with member degrees p_m, their mean p and the binary entropy H in bits:

- *uncertainty* is H(p);
- *disagreement* is the mean divergence of the members from their mean, ``mean_m KL(p_m || p) = H(p) - mean_m H(p_m)``:
  what is left of the uncertainty once each member has said how unsure it is itself;
- *rarity* is p, times a need that falls from 1 as bouts are annotated (half at ``enough_bouts``).

Notes
-----
A clip is a stretch of a recording: whoever watches it sees all animals. So clips of two animals or dyads of one
recording never overlap either, and each names those it was proposed for.

The gain is with rare behaviors, of which random clips hold few. For a logistic regression on recordings of rats with
aggression in an eighth of the frames, random clips taught as much (F1 on two held-out recordings, eight repeats).

References
----------
Lewis & Gale 1994, A sequential algorithm for training text classifiers, doi:10.1007/978-1-4471-2099-5_1 (uncertainty).
McCallum & Nigam 1998, Employing EM and pool-based active learning for text classification, ICML, section 4
(Kullback-Leibler divergence to the mean of a committee).
Houlsby et al. 2011, Bayesian active learning for classification, doi:10.48550/arXiv.1112.5745, equation 2 (the same
difference of entropies).
Gonzalez 1985, Clustering to minimize the maximum intercluster distance, doi:10.1016/0304-3975(85)90224-5 (max-min).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsp_core.bouts import bouts_from_frames
from nsp_core.errors import LabelError
from nsp_core.labels import PRESENT, UNLABELED
from nsp_core.weak.queue_likeness import apart, mean_values, scaled_means

__all__ = ["ClipEvidence", "ProposedClip", "QueueSettings", "propose_clips", "random_clips"]

DISAGREE, UNSURE, LIKELY = "functions disagree", "functions unsure", "likely the behavior"
FEW_SEEN, UNLIKE, UNLIKE_CHOSEN = ", few seen so far", "unlike what was annotated", "unlike the other clips"
RANDOM = "random choice"
# Candidate clips start so many times per clip; of an unlabeled stretch shorter than a clip, at least half must be left.
STARTS_PER_CLIP = 4
SHORTEST_SHARE = 0.5
REFERENCES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How clips are scored and chosen.

    Attributes
    ----------
    clip_s
        Length of a clip in seconds. A shorter unlabeled stretch, if at least half as long, is a clip by itself.
    uncertainty, disagreement, rarity
        Weights of the three parts of a frame's score, each part from 0 to 1; the score is their weighted mean.
    enough_bouts
        Annotated bouts at which a likely frame counts half of what it counts with none.
    novelty
        What the first clip would gain by being infinitely unlike all before it, and twice what it gains by being as
        unlike as two clips are by chance, in the unit of the score. For the n-th clip it is ``novelty / sqrt(n)``:
        first the recordings are mapped out, for a committee knows nothing of what nobody showed it, then what it asks
        for is chosen.
    same_recording
        Factor, per clip already chosen from a recording, on the value of its other clips; 1 does not spread them.
    """

    clip_s: float = 10.0
    uncertainty: float = 1.0
    disagreement: float = 1.0
    rarity: float = 1.0
    enough_bouts: int = 20
    novelty: float = 1.0
    same_recording: float = 0.8

    def __post_init__(self) -> None:
        weights = self.uncertainty, self.disagreement, self.rarity, self.novelty
        if not (math.isfinite(self.clip_s) and self.clip_s > 0):
            raise _impossible(f"clips of {self.clip_s:g} s", "a length above 0 s", "state how long a clip is")
        if min(weights) < 0 or not sum(weights[:3]) > 0 or not math.isfinite(sum(weights)):
            raise _impossible(f"weights {weights}", "none below 0, and one above", "weigh a part of the score")
        if not 0 < self.same_recording <= 1 or self.enough_bouts < 1:
            found = f"same_recording = {self.same_recording}, enough_bouts = {self.enough_bouts}"
            raise _impossible(found, "a factor above 0 up to 1, and a bout or more", "correct the settings")


@dataclass(frozen=True, slots=True, eq=False)
class ClipEvidence:
    """What is known of one animal or dyad of a recording.

    Attributes
    ----------
    recording
        Its name; sequences of one recording share their frames.
    probability
        Shape (time, model), from 0 to 1: how likely each model of the committee holds the behavior; NaN where it
        abstains. Without models, (time, 0).
    states
        Shape (time,): 1 and 0 where a person annotated, -1 elsewhere.
    fps
        Frames per second.
    values
        Shape (time, feature), NaN where missing: by these clips are alike or not.
    individual, target
        Who it is about; None where not told.
    """

    recording: str
    probability: NDArray[np.floating]
    states: NDArray[np.int8]
    fps: float
    values: NDArray[np.floating]
    individual: str | None = None
    target: str | None = None

    def __post_init__(self) -> None:
        n_frames = self.states.size
        shapes = self.states.shape, self.probability.shape[:1], self.values.shape[:1]
        if set(shapes) != {(n_frames,)} or self.probability.ndim != 2 or self.values.ndim != 2:
            found = f"states, probability and values of {shapes[0]}, {self.probability.shape}, {self.values.shape}"
            expected = "(time,), (time, model) and (time, feature) of one length"
            raise _impossible(found, expected, "give them for the same frames", self.recording)
        spoken = self.probability[~np.isnan(self.probability)]
        if ((spoken < 0) | (spoken > 1)).any():
            found = f"probabilities from {spoken.min():g} to {spoken.max():g}"
            raise _impossible(found, "numbers from 0 to 1, or NaN", "give no scores on another scale", self.recording)


@dataclass(frozen=True, slots=True)
class ProposedClip:
    """A stretch of video to annotate.

    Attributes
    ----------
    recording
        Where it is.
    sequence
        Index of the animal or dyad that it was proposed for, in the order the evidence was given.
    start_frame, stop_frame
        Half-open frames.
    score
        Mean score of its frames, 0 to 1; None where it was drawn at random.
    why
        What sets it apart from other clips, in a few words.
    individual, target
        Whom to watch; None where not told.
    """

    recording: str
    sequence: int
    start_frame: int
    stop_frame: int
    score: float | None
    why: str
    individual: str | None = None
    target: str | None = None


def propose_clips(
    evidence: Sequence[ClipEvidence], n_clips: int, *, settings: QueueSettings | None = None
) -> tuple[ProposedClip, ...]:
    """Return the clips to annotate next, the first one first, see the module; the same evidence gives the same clips.

    Parameters
    ----------
    evidence
        One per animal or dyad of each recording.
    n_clips
        Most clips to return.
    settings
        How they are scored and chosen.

    Returns
    -------
    Clips without an annotated frame of their sequence, of which no two of a recording overlap. A frame on which no
    model speaks scores 0. Fewer than asked for, or none, where no unlabeled stretch is left.

    Raises
    ------
    LabelError
        If no clip is asked for, or a recording is shorter than a clip.

    Examples
    --------
    Two models contradict each other in the last second of three.

    >>> says = np.repeat([[0.1, 0.1], [0.1, 0.1], [0.1, 0.9]], 10, axis=0)
    >>> one = ClipEvidence("day1", says, np.full(30, -1, dtype=np.int8), 10.0, np.zeros((30, 0)))
    >>> clip = propose_clips([one], 1, settings=QueueSettings(clip_s=1))[0]
    >>> clip.start_frame, clip.stop_frame, clip.why
    (20, 30, 'functions disagree')
    """
    settings = settings or QueueSettings()
    _check(evidence, n_clips, settings)
    windows = _windows(evidence, settings)
    if windows is None:
        return ()
    n_bouts = sum(len(bouts_from_frames(one.states == PRESENT)) for one in evidence)
    parts = _clip_parts(evidence, windows, settings, n_bouts)
    nearest = _apart_from_annotated(windows)
    few = FEW_SEEN if n_bouts < settings.enough_bouts else ""
    unlike = UNLIKE if any((one.states != UNLABELED).any() for one in evidence) else UNLIKE_CHOSEN
    reasons = (DISAGREE, UNSURE, LIKELY + few, unlike)
    typical = np.median(parts, axis=0)
    clips = []
    for index, gain, typical_gain in _chosen(windows, parts.sum(axis=1), nearest, n_clips, settings):
        beyond = np.append(parts[index] - typical, gain - typical_gain)
        clips.append(_clip(evidence, windows, index, float(parts[index].sum()), reasons[int(np.argmax(beyond))]))
    return tuple(clips)


def random_clips(
    evidence: Sequence[ClipEvidence],
    n_clips: int,
    *,
    generator: np.random.Generator,
    settings: QueueSettings | None = None,
    diverse: bool = False,
) -> tuple[ProposedClip, ...]:
    """Return clips drawn at random from what nobody annotated: the control of :func:`propose_clips`.

    Parameters
    ----------
    evidence, n_clips, settings
        As there; what models say is not used.
    generator
        Draws the clips.
    diverse
        Whether clips are spread over recordings and unlike each other, for where no model can be had yet.

    Raises
    ------
    LabelError
        As :func:`propose_clips`.
    """
    settings = settings or QueueSettings()
    _check(evidence, n_clips, settings)
    windows = _windows(evidence, settings)
    if windows is None:
        return ()
    drawn = generator.random(len(windows.start))
    # What is drawn weighs as much as how unlike the others a clip is; without that, it alone decides.
    nearest = _apart_from_annotated(windows) if diverse else np.zeros_like(drawn)
    weighed = replace(settings, novelty=1, same_recording=settings.same_recording if diverse else 1)
    order = _chosen(windows, drawn, nearest, n_clips, weighed)
    return tuple(_clip(evidence, windows, index, None, RANDOM) for index, _, _ in order)


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    """Candidate clips: index of sequence and of recording, half-open frames, all (window,); features (window, feature).

    Features are scaled means; references are those of annotated stretches.
    """

    sequence: NDArray[np.int64]
    recording: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    features: NDArray[np.float64]
    references: NDArray[np.float64]


def _check(evidence: Sequence[ClipEvidence], n_clips: int, settings: QueueSettings) -> None:
    if n_clips < 1 or not evidence:
        found = f"{n_clips} clips of {len(evidence)} animals or dyads"
        raise _impossible(found, "at least one of at least one", "ask for more clips, or give more recordings")
    for one in evidence:
        if _clip_frames(one, settings) > one.states.size:
            found = f"a recording of {one.states.size / one.fps:g} s, and clips of {settings.clip_s:g} s"
            raise _impossible(found, "clips no longer than a recording", "choose shorter clips", one.recording)


def _clip_frames(one: ClipEvidence, settings: QueueSettings) -> int:
    return max(1, round(settings.clip_s * one.fps))


def _windows(evidence: Sequence[ClipEvidence], settings: QueueSettings) -> _Windows | None:
    """Return all candidates, or None where everything is annotated."""
    places: list[tuple[int, int, int]] = []
    annotated: list[tuple[int, int, int]] = []
    for index, one in enumerate(evidence):
        length, unlabeled = _clip_frames(one, settings), one.states == UNLABELED
        places += [(index, start, stop) for start, stop in _cut(unlabeled, length, STARTS_PER_CLIP)]
        annotated += [(index, start, stop) for start, stop in _cut(~unlabeled, length, 1)]
    if not places:
        return None
    means = np.stack([mean_values(evidence[index].values[start:stop]) for index, start, stop in places + annotated])
    scaled = scaled_means(means)
    sequence, start, stop = np.array(places, dtype=np.int64).T
    names = {name: number for number, name in enumerate(dict.fromkeys(one.recording for one in evidence))}
    recording = np.array([names[evidence[index].recording] for index in sequence], dtype=np.int64)
    return _Windows(sequence, recording, start, stop, scaled[: len(places)], scaled[len(places) :])


def _cut(frames: NDArray[np.bool_], length: int, starts_per_clip: int) -> Iterator[tuple[int, int]]:
    """Yield the clips in the runs of ``frames`` (time,); a run between half a clip and a clip is one."""
    for start, stop in bouts_from_frames(frames).tolist():
        if stop - start >= length:
            for first in range(start, stop - length, max(1, length // starts_per_clip)):
                yield first, first + length
            yield stop - length, stop
        elif stop - start >= SHORTEST_SHARE * length:
            yield start, stop


def _clip_parts(
    evidence: Sequence[ClipEvidence], windows: _Windows, settings: QueueSettings, n_bouts: int
) -> NDArray[np.float64]:
    """Return the parts (window, 3) whose sum is a clip's score: by disagreement, own doubt of members, rarity."""
    need = settings.enough_bouts / (settings.enough_bouts + n_bouts)
    weights = settings.uncertainty, settings.disagreement, settings.rarity
    parts = np.zeros((len(windows.start), 3))
    for index, one in enumerate(evidence):
        mean, disagreement, doubt = _committee(one.probability)
        # The uncertainty is the sum of the disagreement and the members' own doubt.
        frames = np.stack(
            [(weights[0] + weights[1]) * disagreement, weights[0] * doubt, weights[2] * need * mean], axis=1
        )
        running = np.concatenate([np.zeros((1, 3)), np.cumsum(frames / sum(weights), axis=0)])
        own = windows.sequence == index
        start, stop = windows.start[own], windows.stop[own]
        parts[own] = (running[stop] - running[start]) / (stop - start)[:, np.newaxis]
    return parts


def _committee(
    probability: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean, disagreement and mean entropy (time,) of the members that speak; 0 where none does."""
    speaks = ~np.isnan(probability)
    n_speaking = np.maximum(speaks.sum(axis=1), 1)
    degree = np.where(speaks, probability, 0).astype(np.float64)
    mean = degree.sum(axis=1) / n_speaking
    # Members that abstain are 0 here, and so is their entropy.
    doubt = _entropy(degree).sum(axis=1) / n_speaking
    return mean, np.maximum(_entropy(mean) - doubt, 0), doubt


def _entropy(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy, in bits, of events that have these probabilities."""
    safe = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.where((probability > 0) & (probability < 1), -safe * np.log2(safe) - (1 - safe) * np.log2(1 - safe), 0.0)


def _apart_from_annotated(windows: _Windows) -> NDArray[np.float64]:
    """Return how unlike the likest annotated stretch each candidate is (window,); 1 where nothing is annotated."""
    nearest = np.ones(len(windows.start))
    for first in range(0, len(windows.references), REFERENCES_AT_ONCE):
        some = windows.references[first : first + REFERENCES_AT_ONCE]
        nearest = np.minimum(nearest, apart(windows.features, some).min(axis=1))
    return nearest


def _chosen(
    windows: _Windows, score: NDArray[np.float64], nearest: NDArray[np.float64], n_clips: int, settings: QueueSettings
) -> Iterator[tuple[int, float, float]]:
    """Yield the index of each clip in turn, what it gains by novelty, and what a typical candidate would."""
    free = np.ones(len(windows.start), dtype=bool)
    n_from = np.zeros(int(windows.recording.max()) + 1, dtype=np.int64)
    for place in range(1, n_clips + 1):
        if not free.any():
            return
        gain = settings.novelty / math.sqrt(place) * nearest
        value = (score + gain) * settings.same_recording ** n_from[windows.recording]
        best = int(np.argmax(np.where(free, value, -np.inf)))
        yield best, float(gain[best]), float(np.median(gain[free]))
        same = windows.recording == windows.recording[best]
        free &= ~(same & (windows.start < windows.stop[best]) & (windows.stop > windows.start[best]))
        n_from[windows.recording[best]] += 1
        nearest = np.minimum(nearest, apart(windows.features, windows.features[[best]])[:, 0])


def _clip(
    evidence: Sequence[ClipEvidence], windows: _Windows, index: int, score: float | None, why: str
) -> ProposedClip:
    sequence = int(windows.sequence[index])
    one, start, stop = evidence[sequence], int(windows.start[index]), int(windows.stop[index])
    return ProposedClip(one.recording, sequence, start, stop, score, why, one.individual, one.target)


def _impossible(found: str, expected: str, remedy: str, where: str = "annotation queue") -> LabelError:
    return LabelError(found=found, expected=expected, where=where, remedy=remedy)

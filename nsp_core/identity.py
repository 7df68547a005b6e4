"""Exchanged identities: where two tracks fit their previous positions much better under each other's name.

Two animals are compared between frames in which both are seen, up to one second apart. ``kept_px`` is how far the two
moved if the names are right, ``exchanged_px`` how far if they changed places in between: the mean over the keypoints
that can be compared, added over the animals. A suspect costs less than half when exchanged, and less by more than the
two usually move in a frame. Among three and more animals the cheapest assignment of all of them says who changed with
whom.

A suspect is *clear* if neither animal can have moved so far in that time. Animals that pass each other while one of
them is hidden leave the same traces as an exchange: such a suspect is never clear, however much it costs to keep.

The usual step is the 99.5 % quantile of what the two move per frame under the cheaper assignment: no scale, frame rate
or species enters. What is found does not depend on place, orientation or the order of the individuals.

Known limit: two animals of whom one is hidden for longer than a second may come back exchanged without a suspect.

References
----------
The assignment of least cost: Kuhn 1955, The Hungarian method for the assignment problem, Naval Research Logistics
Quarterly 2, doi:10.1002/nav.3800020109.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby, pairwise

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from nsp_core.errors import PoseError

__all__ = ["SUSPECT_COLUMNS", "exchange_identities", "swap_suspects"]

SUSPECT_COLUMNS = ("previous_frame", "frame", "first", "second", "kept_px", "exchanged_px", "clear")

LONGEST_LOOK_BACK_S = 1.0
USUAL_QUANTILE = 0.995
CHEAPER = 2.0  # times: less evidence than that is none
IMPOSSIBLE = 2.0  # times the usual step: what neither animal can have moved
BLOCK_STEPS = 8_192

_Numbers = NDArray[np.float64]
_Frames = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Steps:
    """Steps of two animals between frames in which both were seen; costs in pixels, shape (step, animal)."""

    previous: _Frames
    frame: _Frames
    kept: _Numbers
    exchanged: _Numbers


def swap_suspects(poses: xr.Dataset) -> pd.DataFrame:
    """Return where two individuals seem to have changed names.

    Parameters
    ----------
    poses
        A pose dataset, as tracked: a gap that was filled across an exchange looks like a way.

    Returns
    -------
    One row per suspect, by frame: ``previous_frame``, the last one in which both were seen under the old names;
    ``frame``, the first one with a sign of the new ones; ``first`` and ``second``, names in sorted order; ``kept_px``
    and ``exchanged_px``, the costs; and ``clear``, whether nothing but an exchange explains it. Rows of one frame are
    exchanges one after the other, as for three animals that change places in a circle.

    Examples
    --------
    >>> from nsp_core.poses import make_poses
    >>> x = np.array([[0.0, 90.0]] * 4 + [[90.0, 0.0]] * 4) + np.arange(8)[:, np.newaxis]
    >>> two = make_poses(
    ...     np.stack([x, x], axis=1)[:, :, np.newaxis],
    ...     np.ones((8, 1, 2)), recording="r", keypoints=["nose"], individuals=["a", "b"], fps=30,
    ... )
    >>> swap_suspects(two)[["frame", "first", "second", "clear"]].to_numpy().tolist()
    [[4, 'a', 'b', True]]
    """
    # By name, so that the same is found whatever order the tracker wrote the individuals in.
    unsorted = [str(name) for name in poses["individual"].values]
    names, position = sorted(unsorted), poses["position"].values
    if names != unsorted:
        position = position[..., [unsorted.index(name) for name in names]]
    pairs = combinations(range(len(names)), 2)
    suspects = [one for pair in pairs for one in _pair_suspects(position, pair, float(poses.attrs["fps"]))]
    if len(names) > 2:
        suspects = list(_assigned(position, suspects))
    rows = [
        (
            one.previous,
            _first_sign(position, one),
            *sorted(names[who] for who in one.pair),
            one.kept,
            one.exchanged,
            one.clear,
        )
        for one in suspects
    ]
    kinds = ("int64", "int64", "object", "object", "float64", "float64", "bool")
    table = pd.DataFrame(rows, columns=list(SUSPECT_COLUMNS)).astype(dict(zip(SUSPECT_COLUMNS, kinds, strict=True)))
    # Stable: the exchanges of three animals in one frame follow each other.
    return table.sort_values("frame", kind="stable", ignore_index=True)


def exchange_identities(poses: xr.Dataset, suspects: pd.DataFrame) -> xr.Dataset:
    """Return ``poses`` with the two individuals of every row exchanged from its ``frame`` on.

    Parameters
    ----------
    poses
        A pose dataset.
    suspects
        Rows of :func:`swap_suspects`, all or only the clear ones; names are those in ``poses``.

    Returns
    -------
    Same schema. Positions and confidences of a track stay together: only names move. The attribute
    ``identity_exchanges`` lists every exchange as text, ``"<frame> <first> <second>"``, after those made before.

    Raises
    ------
    PoseError
        If a row names an unknown individual, one twice, or a frame outside the recording.

    Notes
    -----
    Rows are in terms of the tracks given, so exchanges made by an earlier row need no renaming of the later ones.
    """
    position, confidence = poses["position"].values.copy(), poses["confidence"].values.copy()
    names = [str(name) for name in poses["individual"].values]
    rows = suspects.sort_values("frame", kind="stable")
    exchanges = list(zip(rows["frame"].tolist(), rows["first"], rows["second"], strict=True))
    _require_known(exchanges, names, len(position), str(poses.attrs.get("recording", "poses")))
    # Names by track: an exchange says that two tracks hand each other the names that they bear by then.
    bearer = list(range(len(names)))
    stops = [*(frame for frame, _, _ in exchanges), len(position)][1:]
    for (frame, first, second), stop in zip(exchanges, stops, strict=True):
        i, j = names.index(first), names.index(second)
        bearer[i], bearer[j] = bearer[j], bearer[i]
        source = np.argsort(bearer)
        span = slice(frame, stop)
        position[span] = poses["position"].values[span][..., source]
        confidence[span] = poses["confidence"].values[span][..., source]
    exchanged = poses.assign(
        position=poses["position"].copy(data=position), confidence=poses["confidence"].copy(data=confidence)
    )
    texts = [f"{frame} {first} {second}" for frame, first, second in exchanges]
    exchanged.attrs = {**poses.attrs, "identity_exchanges": [*poses.attrs.get("identity_exchanges", []), *texts]}
    return exchanged


@dataclass(frozen=True, slots=True)
class _Suspect:
    """One exchange between ``previous`` and ``frame``; individuals by index."""

    previous: int
    frame: int
    pair: tuple[int, int]
    kept: float
    exchanged: float
    clear: bool
    usual: float


def _pair_suspects(position: NDArray[np.float32], pair: tuple[int, int], fps: float) -> list[_Suspect]:
    steps = _steps(position, pair, max(round(LONGEST_LOOK_BACK_S * fps), 1))
    if not len(steps.frame):
        return []
    elapsed = steps.frame - steps.previous
    kept, exchanged = steps.kept.sum(axis=1), steps.exchanged.sum(axis=1)
    usual = float(np.quantile(np.minimum(kept, exchanged) / (2 * elapsed), USUAL_QUANTILE, method="lower"))
    suspect = (CHEAPER * exchanged < kept) & (kept - exchanged > 2 * usual)
    clear = suspect & (steps.kept.min(axis=1) > IMPOSSIBLE * usual * elapsed)
    return [
        _Suspect(
            int(steps.previous[k]),
            int(steps.frame[k]),
            pair,
            float(kept[k]),
            float(exchanged[k]),
            bool(clear[k]),
            usual,
        )
        for k in np.flatnonzero(suspect)
    ]


def _steps(position: NDArray[np.float32], pair: tuple[int, int], longest: int) -> _Steps:
    """Return the steps of at most ``longest`` frames that have a keypoint to compare for each animal."""
    seen = np.all(np.isfinite(position[..., list(pair)]), axis=1)
    joint = np.flatnonzero(np.all(np.any(seen, axis=1), axis=1))
    previous, frame = joint[:-1], joint[1:]
    near = frame - previous <= longest
    previous, frame = previous[near], frame[near]
    kept, exchanged = np.empty((len(frame), 2)), np.empty((len(frame), 2))
    for start in range(0, len(frame), BLOCK_STEPS):
        block = slice(start, start + BLOCK_STEPS)
        now, then = (position[frames[block]][..., list(pair)] for frames in (frame, previous))
        # One and the same keypoints for both places: a mean over others would move by itself.
        unknown = _unknown(then)
        kept[block], exchanged[block] = (_cost(now, place, unknown) for place in (then, then[..., ::-1]))
    judged = np.isfinite(kept).all(axis=1)
    return _Steps(previous[judged], frame[judged], kept[judged], exchanged[judged])


def _cost(now: NDArray[np.float32], then: NDArray[np.float32], unknown: NDArray[np.bool_]) -> _Numbers:
    """Return the mean distance over the known keypoints, shape (step, animal); NaN where there is none."""
    difference = now.astype(np.float64) - then
    distance = np.where(unknown, np.nan, np.hypot(difference[:, 0], difference[:, 1]))
    n_known = np.isfinite(distance).sum(axis=1)
    total = np.nansum(distance, axis=1)
    mean: _Numbers = np.divide(total, n_known, out=np.full(total.shape, np.nan), where=n_known > 0)
    return mean


def _unknown(then: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the keypoints (step, keypoint, 1) of which one animal's place is not known."""
    unknown: NDArray[np.bool_] = np.any(np.isnan(then), axis=(1, 3))
    return unknown[:, :, np.newaxis]


def _assigned(position: NDArray[np.float32], suspects: Sequence[_Suspect]) -> Iterator[_Suspect]:
    """Yield suspects among three and more animals: those of the cheapest assignment of all that were seen.

    A suspect pair that the assignment leaves as it is stays a suspect, but is not clear.
    """
    ordered = sorted(suspects, key=lambda one: (one.frame, -one.previous, one.pair))
    for frame, group in groupby(ordered, key=lambda one: one.frame):
        pairs = list(group)
        moved: set[int] = set()
        for previous in dict.fromkeys(one.previous for one in pairs):
            same = {one.pair: one for one in pairs if one.previous == previous}
            costs = _all_costs(position[frame], position[previous])
            for cycle in _cycles(costs):
                found = _of_cycle(cycle, costs, same)
                if not moved & set(cycle):
                    moved.update(*(one.pair for one in found))
                    yield from found
        yield from (replace(one, clear=False) for one in pairs if not moved & set(one.pair))


def _all_costs(now: NDArray[np.float32], then: NDArray[np.float32]) -> _Numbers:
    """Return the mean distance between each animal now and each place then, (animal, place); NaN where unknown."""
    costs = np.empty((now.shape[-1], now.shape[-1]))
    for animal, place in np.ndindex(costs.shape):
        difference = now[..., animal].astype(np.float64) - then[..., place]
        distance = np.hypot(difference[0], difference[1])
        known = np.isfinite(distance)
        costs[animal, place] = distance[known].mean() if known.any() else np.nan
    return costs


def _cycles(costs: _Numbers) -> list[tuple[int, ...]]:
    """Return who took whose place in the cheapest assignment: in (a, b, c), a goes on from b, b from c and c from a."""
    seen = np.flatnonzero(np.isfinite(np.diagonal(costs)))
    among = costs[np.ix_(seen, seen)]
    _, places = linear_sum_assignment(np.where(np.isfinite(among), among, 1.0 + np.nansum(among)))
    goes_on_from = dict(zip(seen.tolist(), seen[places].tolist(), strict=True))
    cycles = []
    while goes_on_from:
        first, following = next(iter(goes_on_from.items()))
        cycle = [first]
        while following != first:
            cycle.append(following)
            following = goes_on_from.pop(following)
        del goes_on_from[first]
        cycles.append(tuple(cycle))
    return cycles


def _of_cycle(cycle: tuple[int, ...], costs: _Numbers, pairs: Mapping[tuple[int, int], _Suspect]) -> list[_Suspect]:
    """Return the exchanges, one after the other, that make up ``cycle``; none if it is no clear improvement."""
    if len(cycle) == 2:
        return [pairs[cycle]] if cycle in pairs else []
    suspects = [one for pair, one in pairs.items() if set(pair) <= set(cycle)]
    if not suspects:
        return []
    each = costs[cycle, cycle]
    kept, exchanged = float(each.sum()), float(costs[cycle, (*cycle[1:], cycle[0])].sum())
    one, usual = suspects[0], max(one.usual for one in suspects)
    if not CHEAPER * exchanged < kept:
        return []
    clear = bool(each.min() > IMPOSSIBLE * usual * (one.frame - one.previous))
    return [_Suspect(one.previous, one.frame, pair, kept, exchanged, clear, usual) for pair in pairwise(cycle)]


def _first_sign(position: NDArray[np.float32], suspect: _Suspect) -> int:
    """Return the first frame in which either animal, if seen alone, is nearer to the other's place than to its own."""
    then = position[suspect.previous][np.newaxis][..., list(suspect.pair)]
    now = position[suspect.previous + 1 : suspect.frame][..., list(suspect.pair)]
    unknown = _unknown(then)
    nearer = (_cost(now, then[..., ::-1], unknown) < _cost(now, then, unknown)).any(axis=1)
    return suspect.previous + 1 + int(np.argmax(nearer)) if nearer.any() else suspect.frame


def _require_known(exchanges: Sequence[tuple[int, str, str]], names: Sequence[str], n_frames: int, where: str) -> None:
    for frame, first, second in exchanges:
        if not (first in names and second in names and first != second and 0 <= frame < n_frames):
            raise PoseError(
                found=f"an exchange of {first} and {second} from frame {frame} on",
                expected=f"two of {', '.join(names)} and a frame below {n_frames}",
                where=where,
                remedy="give suspects that were found in these poses",
            )

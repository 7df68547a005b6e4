"""Splits by recording, individual or cage, never by frame.

Neighboring frames of a recording are nearly the same; a split by frame puts copies of the training set into the test
set. Whole recordings change sides, or whole groups of them (all recordings of an individual or a cage). Only where
there is a single recording is it cut, into contiguous blocks, with a gap as long as the longest window wherever the
side changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nsp_core.errors import StudyError

__all__ = ["blocked_split", "check_disjoint", "folds", "natural_key"]

_NUMBER = re.compile(r"(\d+)")


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a sort key that counts: ``rat2`` comes before ``rat10``.

    Examples
    --------
    >>> sorted(["rat10", "rat2", "rat1"], key=natural_key)
    ['rat1', 'rat2', 'rat10']
    """
    # Splitting by a group alternates text and digits, so that text never meets a number in a comparison.
    parts = tuple(int(part) if index % 2 else part for index, part in enumerate(_NUMBER.split(name)))
    return parts, name


def folds(recordings: Sequence[str], k: int, *, groups: Mapping[str, str] | None = None) -> tuple[tuple[str, ...], ...]:
    """Return the held-out recordings of each of ``k`` folds; every recording is held out once.

    Parameters
    ----------
    recordings
        Unique names. Their order does not matter: fold i holds every k-th recording in natural order, from the i-th on.
    k
        Number of folds, from 2 to the number of recordings (or groups).
    groups
        Recording -> individual or cage. Recordings of one group are held out together, and groups take the place of
        recordings in the order. None: every recording is a group of its own.

    Raises
    ------
    StudyError
        If a name repeats, a recording has no group, or there are fewer than ``k`` groups.

    Examples
    --------
    >>> folds(["1", "2", "4", "10", "12"], 2)
    (('1', '4', '12'), ('2', '10'))
    """
    repeated = sorted((name for name, count in Counter(recordings).items() if count > 1), key=natural_key)
    if repeated:
        raise StudyError(
            found=f"recording names that repeat: {', '.join(repeated)}",
            expected="unique names",
            where="folds",
            remedy="name every recording once",
        )
    group_of = _group_of(recordings, groups)
    ordered = sorted(set(group_of.values()), key=natural_key)
    if not 2 <= k <= len(ordered):
        raise StudyError(
            found=f"{k} folds over {len(ordered)} recordings or groups",
            expected=f"2 to {len(ordered)} folds",
            where="folds",
            remedy="use fewer folds or more recordings; cut a single recording with blocked_split",
        )
    fold_of = {group: place % k for place, group in enumerate(ordered)}
    in_order = sorted(recordings, key=natural_key)
    return tuple(tuple(name for name in in_order if fold_of[group_of[name]] == fold) for fold in range(k))


def blocked_split(
    n_frames: int,
    n_blocks: int,
    gap_frames: int,
    *,
    sides: Sequence[str] = ("train", "validation", "test"),
) -> dict[str, NDArray[np.bool_]]:
    """Return a mask (time,) per side for one recording cut into contiguous blocks of equal length.

    Parameters
    ----------
    n_frames
        Length of the recording.
    n_blocks
        Number of blocks.
    gap_frames
        The longest window, in frames: two frames of different sides are more than this apart, so that no window reaches
        from one side into the other. Frames of the gaps belong to no side.
    sides
        Side of the first block, of the second, and so on, from the start again when they are used up. A name may
        repeat: ``("train", "train", "test")`` trains on two thirds.

    Raises
    ------
    StudyError
        If a block would be empty, the gap is negative, or there are fewer blocks than ``sides``.

    Examples
    --------
    >>> split = blocked_split(10, 2, 2, sides=("train", "test"))
    >>> split["train"].astype(int).tolist()
    [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    >>> split["test"].astype(int).tolist()
    [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    """
    _check_blocks(n_blocks, gap_frames, sides)
    edges = np.linspace(0, n_frames, n_blocks + 1).round().astype(np.int64).tolist()
    names = [sides[block % len(sides)] for block in range(n_blocks)]
    masks = {side: np.zeros(n_frames, dtype=bool) for side in sides}
    for block, side in enumerate(names):
        changes_before = block > 0 and names[block - 1] != side
        changes_after = block + 1 < n_blocks and names[block + 1] != side
        start = edges[block] + (gap_frames - gap_frames // 2 if changes_before else 0)
        stop = edges[block + 1] - (gap_frames // 2 if changes_after else 0)
        if start >= stop:
            raise StudyError(
                found=f"{n_blocks} blocks of {n_frames} frames with gaps of {gap_frames}",
                expected="blocks longer than the gap",
                where="blocked split",
                remedy="use fewer blocks or a shorter longest window",
            )
        masks[side][start:stop] = True
    return masks


def check_disjoint(sides: Mapping[str, Collection[str]], *, groups: Mapping[str, str] | None = None) -> None:
    """Check that no recording, and no individual or cage, is on two sides of a split.

    Parameters
    ----------
    sides
        Side (``train``, ``validation``, ``test``) -> names of its recordings.
    groups
        Recording -> individual or cage. None: every recording is a group of its own.

    Raises
    ------
    StudyError
        Naming the first recording or group found on two sides, or a recording without a group.
    """
    side_of: dict[str, str] = {}
    for side, recordings in sides.items():
        for name, group in _group_of(sorted(recordings, key=natural_key), groups).items():
            other = side_of.setdefault(group, side)
            if other != side:
                of_group = "" if groups is None else f" of '{group}'"
                raise StudyError(
                    found=f"recording '{name}'{of_group} in {side}, and already in {other}",
                    expected="each recording, individual or cage on one side only",
                    where="split",
                    remedy=f"move it out of {side} or out of {other}",
                )


def _check_blocks(n_blocks: int, gap_frames: int, sides: Sequence[str]) -> None:
    if n_blocks < len(sides) or not sides:
        raise StudyError(
            found=f"{n_blocks} blocks for the sides {', '.join(sides) or '(none)'}",
            expected="at least one block per side",
            where="blocked split",
            remedy="use more blocks",
        )
    if gap_frames < 0:
        raise StudyError(
            found=f"a gap of {gap_frames} frames",
            expected="0 or more",
            where="blocked split",
            remedy="give the longest window in frames",
        )


def _group_of(recordings: Sequence[str], groups: Mapping[str, str] | None) -> dict[str, str]:
    if groups is None:
        return {name: name for name in recordings}
    missing = [name for name in recordings if name not in groups]
    if missing:
        raise StudyError(
            found=f"no group for {', '.join(missing)}",
            expected="an individual or cage for every recording",
            where="split",
            remedy="name it, or split by recording",
        )
    return {name: groups[name] for name in recordings}

"""Agreement of any number of raters beyond chance: Fleiss' kappa and Krippendorff's alpha for nominal categories.

Both see a unit (here a frame) as counts of the raters who put it into each category. Where all raters rate all units
the two differ by a correction for few units only. Fleiss' kappa wants as many ratings of every unit; alpha allows any
number of two or more.

Where all ratings are of one category nothing can be told from chance: both are NaN. So they are without a unit that two
rated. Both are 1 where all agree, around 0 where they agree as often as by chance, and negative where less.

References
----------
Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological Bulletin 76, 378-382.
doi:10.1037/h0031619
Hayes, A. F. & Krippendorff, K. (2007). Answering the call for a standard reliability measure for coding data.
Communication Methods and Measures 1, 77-89. doi:10.1080/19312450709336664
Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability, section C.
https://repository.upenn.edu/asc_papers/43
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nsp_core.errors import LabelError
from nsp_core.labels import ABSENT, PRESENT, UNLABELED

__all__ = ["fleiss_kappa", "krippendorff_alpha", "rating_counts", "usual_number_of_raters"]


def rating_counts(series: Sequence[NDArray[np.int8]]) -> NDArray[np.int64]:
    """Return by how many of several series each frame is called absent and present, shape (time, 2).

    Parameters
    ----------
    series
        One per rater, shape (time,): 1 present, 0 absent, -1 unlabeled.

    Raises
    ------
    LabelError
        If there is no series, they differ in length, or hold other values.

    Examples
    --------
    >>> rating_counts([np.array([1, 0, -1]), np.array([1, 1, 0])]).tolist()
    [[0, 2], [1, 1], [1, 0]]
    """
    shapes = sorted({states.shape for states in series})
    if len(shapes) != 1 or len(shapes[0]) != 1:
        raise LabelError(
            found=f"series of shapes {', '.join(map(str, shapes))}" if shapes else "no series",
            expected="series (time,) of one length, one per rater",
            where="agreement of many",
            remedy="compare states of the same frames",
        )
    stacked = np.stack(list(series))
    if not np.isin(stacked, (PRESENT, ABSENT, UNLABELED)).all():
        raise LabelError(
            found=f"states {np.unique(stacked).tolist()[:6]}",
            expected="1, 0 or -1",
            where="agreement of many",
            remedy="recode them: 1 present, 0 absent, -1 unlabeled",
        )
    return np.stack([(stacked == state).sum(axis=0) for state in (ABSENT, PRESENT)], axis=1)


def usual_number_of_raters(counts: ArrayLike) -> int:
    """Return how many raters most units have, of the units that two or more rated; the larger number of two as usual.

    Zero where no unit was rated twice. Only units with as many ratings as each other have Fleiss' kappa.

    Examples
    --------
    >>> usual_number_of_raters([[3, 0], [1, 2], [2, 0], [1, 0]])
    3
    """
    raters = np.asarray(counts, dtype=np.int64).sum(axis=1)
    of_each = np.bincount(raters[raters >= 2])
    return int(of_each.size - 1 - np.argmax(of_each[::-1])) if of_each.size else 0


def fleiss_kappa(counts: ArrayLike) -> float:
    """Return Fleiss' kappa, -1 to 1.

    Parameters
    ----------
    counts
        Shape (unit, category): how many raters put the unit into the category; as many for every unit, not
        necessarily the same ones.

    Returns
    -------
    NaN without units, where all ratings are of one category, and of a single rater.

    Raises
    ------
    LabelError
        If units differ in their number of ratings, or counts are negative or no table.

    Examples
    --------
    Two raters of two units who agree on one of them: observed 1/2, by chance (3/4)^2 + (1/4)^2 = 5/8.

    >>> round(fleiss_kappa([[2, 0], [1, 1]]), 6)
    -0.333333
    """
    table = _checked(counts)
    n_raters = int(table[0].sum()) if len(table) else 0
    if (table.sum(axis=1) != n_raters).any():
        numbers = np.unique(table.sum(axis=1)).tolist()
        raise LabelError(
            found=f"units of {', '.join(map(str, numbers[:6]))} ratings",
            expected="as many ratings of every unit",
            where="Fleiss' kappa",
            remedy="leave out units with fewer ratings, or compute Krippendorff's alpha",
        )
    n_ratings, of_category = len(table) * n_raters, table.sum(axis=0)
    # Whole numbers up to the last division: raters who always agree have a kappa of exactly 1.
    by_chance = int((of_category**2).sum())
    if n_raters < 2 or by_chance == n_ratings**2:
        return math.nan
    n_alike = int((table * (table - 1)).sum())
    observed = n_alike / (n_ratings * (n_raters - 1))
    return (observed - by_chance / n_ratings**2) / (1 - by_chance / n_ratings**2)


def krippendorff_alpha(counts: ArrayLike) -> float:
    """Return Krippendorff's alpha for nominal categories, at most 1.

    Parameters
    ----------
    counts
        Shape (unit, category): how many raters put the unit into the category. Units with fewer than two ratings say
        nothing and are left out.

    Returns
    -------
    NaN where no unit was rated twice, and where all ratings are of one category.

    Raises
    ------
    LabelError
        If counts are negative or no table.

    Examples
    --------
    Two raters of two units who agree on one of them: half of the pairs are unlike, and by chance half of them would be.

    >>> krippendorff_alpha([[2, 0], [1, 1], [1, 0]])
    0.0
    """
    table = _checked(counts)
    raters = table.sum(axis=1)
    table, raters = table[raters >= 2], raters[raters >= 2]
    of_category = table.sum(axis=0)
    n_values = int(of_category.sum())
    n_unlike_by_chance = n_values**2 - int((of_category**2).sum())
    if n_unlike_by_chance == 0:
        return math.nan
    # Each value of a unit is paired with the others of it, and all pairs of the unit together weigh as its values do.
    n_unlike = raters**2 - (table**2).sum(axis=1)
    disagreement = sum(int(n_unlike[raters == m].sum()) / (m - 1) for m in range(2, int(raters.max()) + 1))
    return 1 - (n_values - 1) * disagreement / n_unlike_by_chance


def _checked(counts: ArrayLike) -> NDArray[np.int64]:
    table = np.asarray(counts, dtype=np.int64)
    if table.ndim != 2 or (table < 0).any():
        raise LabelError(
            found=f"counts of shape {table.shape}" if table.ndim != 2 else "a negative count",
            expected="counts (unit, category) of 0 or more",
            where="agreement of many",
            remedy="count the raters who put each unit into each category",
        )
    return table

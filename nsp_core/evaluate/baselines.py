"""What every score stands beside: six baselines on the same columns the programs may use.

=======================  ==========================================================================================
``always_positive``      calls every frame positive
``one_threshold``        the best single column, threshold and direction by exact training F1; abstains where missing
``depth3_tree``          a decision tree of depth 3
``logistic_regression``  on standardized columns
``gradient_boosting``    200 histogram trees that handle missing values natively: the strongest form
``missingness_only``     gradient boosting on *which columns are missing*, and nothing else
=======================  ==========================================================================================

The tree and the logistic regression see the training median in place of a missing value, without an indicator. Classes
are balanced by weights. The threshold of every probability is the one with the best F1 on *validation* rows (on
training rows where there is no validation row of the behavior), never on test rows.

The last four see every k-th labeled row, at most :data:`MAX_BASELINE_ROWS`: neighboring frames say the same. On nested
folds of the twelve resident-intruder recordings that are not test recordings (434 columns), gradient boosting fitted to
18,000, 9,000 and 4,500 rows reached, for aggression, average precision .723, .724 and .723, and F1 .654, .653 and .655.
``one_threshold`` searches all rows.

A program that does not beat ``always_positive`` has learned nothing; one that does not beat ``missingness_only`` may
have learned when the tracker fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from nsp_core import rng
from nsp_core.errors import FeatureError, LabelError, StudyError
from nsp_core.evaluate.frames import ABSTAINED
from nsp_core.evaluate.ranking import best_f1_threshold
from nsp_core.labels import ABSENT, PRESENT, UNLABELED

__all__ = ["BASELINES", "MAX_BASELINE_ROWS", "BaselineName", "FittedBaseline", "Table", "fit_baselines"]

BaselineName = Literal[
    "always_positive",
    "one_threshold",
    "depth3_tree",
    "logistic_regression",
    "gradient_boosting",
    "missingness_only",
]
BASELINES: tuple[BaselineName, ...] = get_args(BaselineName)

MAX_BASELINE_ROWS = 20_000
# Two boosting threads wait for each other at every split: half as long as one thread on an idle machine, but ten times
# as long where other processes share the cores. The result is the same.
MAX_THREADS = 1
N_QUANTILES = 255
N_BOOSTED_TREES = 200
N_BOOSTED_MISSINGNESS_TREES = 100

Columns = NDArray[np.float32]
Scorer = Callable[[Columns], NDArray[np.floating]]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Labeled rows: frames of all recordings of one side of a split, one below the other.

    Attributes
    ----------
    columns
        Shape (row, column), float32, NaN where missing. Infinite values count as missing.
    states
        Shape (row,): 1 present, 0 absent, -1 unlabeled.
    column_names
        What each column is, as a program would print it.
    weights
        Shape (row,), above 0: how many frames each row stands for; None: one each.

    Raises
    ------
    LabelError
        If the shapes disagree, or states have other values.
    """

    columns: Columns
    states: NDArray[np.int8]
    column_names: tuple[str, ...]
    weights: NDArray[np.float32] | None = None

    def of(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Table:
        """Return the ``rows`` of this table."""
        weights = None if self.weights is None else self.weights[rows]
        return Table(self.columns[rows], self.states[rows], self.column_names, weights)

    def __post_init__(self) -> None:
        if self.columns.shape != (self.states.size, len(self.column_names)) or self.states.ndim != 1:
            raise LabelError(
                found=f"columns {self.columns.shape}, states {self.states.shape}, {len(self.column_names)} names",
                expected="(row, column), (row,), and one name per column",
                where="baseline table",
                remedy="build the table from sequences of the same columns",
            )
        if not np.isin(self.states, (PRESENT, ABSENT, UNLABELED)).all():
            raise LabelError(
                found=f"states {np.unique(self.states).tolist()[:6]}",
                expected="1, 0 or -1",
                where="baseline table",
                remedy="recode them: 1 present, 0 absent, -1 unlabeled",
            )


@dataclass(frozen=True, slots=True, eq=False)
class FittedBaseline:
    """A baseline that can predict.

    Attributes
    ----------
    name
        Which of :data:`BASELINES`.
    rule
        What it learned, where that is one line; else empty.
    column_names
        The columns it was fitted on.
    threshold
        Smallest score that is called positive.
    score
        Columns (row, column) -> score (row,), NaN where the baseline abstains.
    """

    name: BaselineName
    rule: str
    column_names: tuple[str, ...]
    threshold: float
    score: Scorer

    def predict(self, columns: Columns) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Return decisions (row,), 1, 0 or -1 = abstained, and the scores (row,) behind them, NaN = abstained.

        Scores are probabilities, except for ``one_threshold``: the signed distance to the threshold.

        Raises
        ------
        FeatureError
            If ``columns`` (row, column) has another number of columns than the baseline was fitted on.
        """
        if columns.ndim != 2 or columns.shape[1] != len(self.column_names):
            raise FeatureError(
                found=f"columns of shape {columns.shape}",
                expected=f"(row, {len(self.column_names)}), as in training",
                where=f"baseline {self.name}",
                remedy="give the columns the baseline was fitted on, in their order",
            )
        with threadpool_limits(MAX_THREADS):
            score = _float32_scores(self.score, columns)
        decided = (score >= np.float32(self.threshold)).astype(np.int8)
        return np.where(np.isnan(score), np.int8(ABSTAINED), decided), score


def fit_baselines(
    train: Table,
    validation: Table | None,
    *,
    seed: int,
    names: Sequence[BaselineName] = BASELINES,
    choose_cuts: bool = True,
) -> dict[str, FittedBaseline]:
    """Return the fitted baselines by name, in the order of ``names``.

    Parameters
    ----------
    train
        Rows to learn from; unlabeled ones are dropped.
    validation
        Rows on which thresholds are chosen. None, or no row of the behavior: they are chosen on the training rows.
    seed
        Names the random streams of learners that break ties at random.
    names
        Which baselines to fit.
    choose_cuts
        False leaves the threshold of every probability at one half: for a caller that chooses it elsewhere.

    Raises
    ------
    LabelError
        If the labeled training rows lack one of the two classes.
    FeatureError
        If training and validation have different columns.
    StudyError
        If a name is no baseline.
    """
    unknown = [name for name in names if name not in BASELINES]
    if unknown:
        raise StudyError(
            found=f"the baseline '{unknown[0]}'",
            expected=f"one of {', '.join(BASELINES)}",
            where="fit_baselines",
            remedy="choose one of them",
        )
    train = _labeled(train)
    _require_both_classes(train)
    if validation is not None and validation.column_names != train.column_names:
        raise FeatureError(
            found="validation columns that differ from the training columns",
            expected=f"{', '.join(train.column_names[:4])}, ... in this order",
            where="fit_baselines",
            remedy="build both tables with the same columns",
        )
    judged_on = train if validation is None or not (validation.states == PRESENT).any() else _labeled(validation)
    with threadpool_limits(MAX_THREADS):
        return {name: _fit(name, train, judged_on if choose_cuts else None, seed) for name in names}


def _fit(name: BaselineName, train: Table, judged_on: Table | None, seed: int) -> FittedBaseline:
    names = train.column_names
    if name == "always_positive":
        return FittedBaseline(name, "every frame is positive", names, 1.0, _always_positive)
    if name == "one_threshold":
        column, threshold, direction = _best_single_threshold(train)
        sign = ">=" if direction > 0 else "<="
        distance = partial(_signed_distance, column=column, threshold=threshold, direction=direction)
        return FittedBaseline(name, f"{names[column]} {sign} {threshold:.6g}", names, 0.0, distance)
    # A seed for scikit-learn, which wants an integer, from the stream of this baseline.
    learner_seed = int(rng.stream(seed, "baselines", name).integers(2**31 - 1))
    score = _LEARNERS[name](_thinned(train), learner_seed)
    if judged_on is None:
        return FittedBaseline(name, "", names, 0.5, score)
    cut, _ = best_f1_threshold(judged_on.states, _float32_scores(score, judged_on.columns), judged_on.weights)
    return FittedBaseline(name, "", names, cut, score)


def _always_positive(columns: Columns) -> NDArray[np.floating]:
    return np.ones(len(columns), dtype=np.float32)


def _signed_distance(columns: Columns, *, column: int, threshold: np.float32, direction: int) -> NDArray[np.floating]:
    return (columns[:, column] - threshold) * np.float32(direction)


def _best_single_threshold(train: Table) -> tuple[int, np.float32, int]:
    """Return column, threshold and direction (1: at or above is positive, -1: at or below) with the best training F1.

    The first of equally good columns, and of equally good directions "at or above".
    """
    best_f1, best = -1.0, (0, np.float32(0), 1)
    for column, values in enumerate(np.ascontiguousarray(train.columns.T)):
        for direction in (1, -1):
            threshold, f1 = best_f1_threshold(train.states, values * np.float32(direction), train.weights)
            if f1 > best_f1 and not np.isnan(threshold):
                best_f1, best = f1, (column, np.float32(threshold * direction + 0.0), direction)
    return best


def _fit_tree(train: Table, learner_seed: int) -> Scorer:
    fill = _medians(train.columns)
    model = DecisionTreeClassifier(max_depth=3, min_samples_leaf=50, class_weight="balanced", random_state=learner_seed)
    model.fit(np.where(np.isnan(train.columns), fill, train.columns), train.states, sample_weight=train.weights)
    return lambda columns: _probability(model, np.where(np.isnan(columns), fill, columns))


def _fit_logistic(train: Table, learner_seed: int) -> Scorer:
    fill = _medians(train.columns)
    filled = np.where(np.isnan(train.columns), fill, train.columns)
    center, spread = filled.mean(axis=0, dtype=np.float64), filled.std(axis=0, dtype=np.float64)
    spread[spread == 0] = 1

    def standardized(columns: Columns) -> NDArray[np.float64]:
        scaled: NDArray[np.float64] = (np.where(np.isnan(columns), fill, columns) - center) / spread
        return scaled

    # Newton steps on the normal equations: exact in a few iterations where rows are many and columns few.
    model = LogisticRegression(solver="newton-cholesky", class_weight="balanced", random_state=learner_seed)
    model.fit(standardized(train.columns), train.states, sample_weight=train.weights)
    return lambda columns: _probability(model, standardized(columns))


def _fit_boosting(train: Table, learner_seed: int) -> Scorer:
    edges = [_quantile_edges(values) for values in train.columns.T]
    binned = _quantile_index(train.columns, edges)
    model = _boosting(N_BOOSTED_TREES, learner_seed).fit(binned, train.states, sample_weight=train.weights)
    return lambda columns: _probability(model, _quantile_index(columns, edges))


def _fit_missingness(train: Table, learner_seed: int) -> Scorer:
    missing = np.isnan(train.columns)
    # Many columns are missing together (all windows over one distance); one of each kind says it all.
    _, distinct = np.unique(np.packbits(missing, axis=0), axis=1, return_index=True)
    learner = _boosting(N_BOOSTED_MISSINGNESS_TREES, learner_seed)
    model = learner.fit(missing[:, distinct], train.states, sample_weight=train.weights)
    return lambda columns: _probability(model, np.isnan(columns[:, distinct]))


_LEARNERS: dict[str, Callable[[Table, int], Scorer]] = {
    "depth3_tree": _fit_tree,
    "logistic_regression": _fit_logistic,
    "gradient_boosting": _fit_boosting,
    "missingness_only": _fit_missingness,
}


def _boosting(n_trees: int, learner_seed: int) -> Any:
    return HistGradientBoostingClassifier(
        max_iter=n_trees,
        learning_rate=0.06,
        max_leaf_nodes=15,
        min_samples_leaf=60,
        l2_regularization=1.0,
        class_weight="balanced",
        early_stopping=False,  # it would stop by frames next to those it learned from
        random_state=learner_seed,
    )


def _probability(model: Any, inputs: NDArray[Any]) -> NDArray[np.floating]:
    probability: NDArray[np.floating] = model.predict_proba(inputs)[:, 1]
    return probability


def _quantile_edges(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return at most 254 ascending edges between the quantile bins of one column.

    Boosting bins columns anyway; binned beforehand it is as good and much faster, because its own binning of weighted
    rows (scikit-learn 1.9) sorts every column once per bin.
    """
    present = np.sort(values[~np.isnan(values)])
    ranks = np.linspace(0, max(present.size - 1, 0), N_QUANTILES + 1)[1:-1].round().astype(np.int64)
    return np.unique(present[ranks]) if present.size else present


def _quantile_index(columns: Columns, edges: Sequence[NDArray[np.float32]]) -> Columns:
    index = np.empty(columns.shape, dtype=np.float32)
    for column, column_edges in enumerate(edges):
        values = columns[:, column]
        index[:, column] = np.searchsorted(column_edges, values, side="left")
        # A column never seen in training says nothing, not even by its absence.
        if column_edges.size:
            index[np.isnan(values), column] = np.nan
    return index


def _medians(columns: Columns) -> NDArray[np.float32]:
    """Return the median of each column; 0 for a column without any value, which then says nothing."""
    seen = ~np.isnan(columns).all(axis=0)
    medians = np.zeros(columns.shape[1], dtype=np.float32)
    medians[seen] = np.nanmedian(columns[:, seen], axis=0)
    return medians


def _float32_scores(score: Scorer, columns: Columns) -> NDArray[np.float32]:
    return np.asarray(score(_finite_or_missing(columns)), dtype=np.float32)


def _finite_or_missing(columns: Columns) -> Columns:
    columns = np.asarray(columns, dtype=np.float32)
    infinite = np.isinf(columns)
    return np.where(infinite, np.float32(np.nan), columns) if infinite.any() else columns


def _labeled(table: Table) -> Table:
    labeled = table.of(table.states != UNLABELED)
    return replace(labeled, columns=_finite_or_missing(labeled.columns))


def _thinned(table: Table) -> Table:
    every = max(1, -(-len(table.states) // MAX_BASELINE_ROWS))
    return table.of(slice(None, None, every))


def _require_both_classes(train: Table) -> None:
    n_present = int((train.states == PRESENT).sum())
    if n_present in (0, len(train.states)):
        raise LabelError(
            found=f"{n_present} frames with the behavior and {len(train.states) - n_present} without it in training",
            expected="some of both",
            where="fit_baselines",
            remedy="annotate more, or give other recordings to training",
        )

"""Baselines on data whose best score is known: separable, noise, and informative gaps."""

from __future__ import annotations

import numpy as np
import pytest

from nsp_core import rng
from nsp_core.errors import FeatureError, LabelError, StudyError
from nsp_core.evaluate.baselines import BASELINES, MAX_BASELINE_ROWS, Table, fit_baselines
from nsp_core.evaluate.frames import score_frames

N_COLUMNS = 6
LEARNED = ("depth3_tree", "logistic_regression", "gradient_boosting")


def table(columns, states):
    columns = np.asarray(columns, dtype=np.float32)
    return Table(columns, np.asarray(states, dtype=np.int8), tuple(f"f{i}" for i in range(columns.shape[1])))


def noise(name, n_rows=2000, prevalence=0.3, missing=0.1):
    """Columns that say nothing about the states; gaps anywhere."""
    generator = rng.stream(0, "test", name)
    columns = generator.normal(size=(n_rows, N_COLUMNS))
    columns[generator.random(columns.shape) < missing] = np.nan
    return table(columns, generator.random(n_rows) < prevalence)


def separable(name, n_rows=2000):
    """Column 3 below 0.5 is the behavior."""
    blank = noise(name, n_rows, missing=0.0)
    return table(blank.columns, blank.columns[:, 3] < 0.5)


def scores(baseline, rows):
    return score_frames(rows.states, *baseline.predict(rows.columns))


@pytest.fixture(scope="module")
def on_separable():
    return fit_baselines(separable("train"), separable("validation"), seed=0)


@pytest.fixture(scope="module")
def on_noise():
    return fit_baselines(noise("train"), noise("validation"), seed=0)


def test_every_baseline_is_fitted_in_order(on_separable):
    assert tuple(on_separable) == BASELINES
    assert all(name == baseline.name for name, baseline in on_separable.items())


@pytest.mark.parametrize("name", ["one_threshold", *LEARNED])
def test_a_separable_behavior_is_found(on_separable, name):
    found = scores(on_separable[name], separable("test"))
    assert found.f1 > 0.98
    assert found.ap > 0.95


def test_the_one_threshold_reads_like_a_rule(on_separable):
    column, sign, threshold = on_separable["one_threshold"].rule.split()
    assert (column, sign) == ("f3", "<=")
    assert float(threshold) == pytest.approx(0.5, abs=0.02)


def test_always_positive_scores_the_prevalence(on_separable):
    rows = separable("test")
    found, prevalence = scores(on_separable["always_positive"], rows), rows.states.mean()
    assert found.ap == pytest.approx(prevalence)
    assert found.f1 == pytest.approx(2 * prevalence / (1 + prevalence))


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_is_found_in_noise(on_noise, name):
    rows = noise("test")
    constant = scores(on_noise["always_positive"], rows)
    found = scores(on_noise[name], rows)
    assert found.f1 < constant.f1 + 0.03
    assert found.ap == pytest.approx(constant.ap, abs=0.06)


def test_missingness_only_finds_informative_gaps_and_nothing_else(on_separable):
    def gaps_tell(name):
        blank = noise(name)
        columns = blank.columns.copy()
        columns[(blank.states == 1) & (rng.stream(1, name).random(blank.states.size) < 0.8), 2] = np.nan
        return table(columns, blank.states)

    fitted = fit_baselines(gaps_tell("train"), gaps_tell("validation"), seed=0, names=["missingness_only"])
    assert scores(fitted["missingness_only"], gaps_tell("test")).f1 > 0.75
    # Without gaps it can only be constant, however easy the behavior.
    rows = separable("test")
    assert scores(on_separable["missingness_only"], rows).ap == pytest.approx(rows.states.mean())


def test_missingness_only_sees_no_value():
    rows = noise("train")
    fitted = fit_baselines(rows, None, seed=0, names=["missingness_only"])["missingness_only"]
    np.testing.assert_array_equal(fitted.predict(rows.columns)[1], fitted.predict(rows.columns * 100)[1])


def test_only_the_one_threshold_abstains_and_only_where_its_column_is_missing():
    gaps = separable("train")
    columns = gaps.columns.copy()
    columns[::5, 3] = np.nan
    rows = table(columns, gaps.states)
    for name, baseline in fit_baselines(rows, None, seed=0).items():
        predicted, score = baseline.predict(rows.columns)
        expected = np.isnan(columns[:, 3]) if name == "one_threshold" else np.zeros(len(columns), dtype=bool)
        np.testing.assert_array_equal(predicted == -1, expected)
        np.testing.assert_array_equal(np.isnan(score), expected)
        assert (predicted.dtype, score.dtype) == (np.int8, np.float32)


def test_the_one_threshold_pays_for_its_gaps():
    # Column 0 is perfect where it is seen, which is in a quarter of the frames; column 1 is good throughout.
    generator = rng.stream(0, "test")
    states = generator.random(2000) < 0.5
    perfect = np.where(generator.random(2000) < 0.25, states, np.nan)
    good = np.where(generator.random(2000) < 0.9, states, ~states)
    rows = table(np.column_stack([perfect, good]), states)
    assert fit_baselines(rows, None, seed=0, names=["one_threshold"])["one_threshold"].rule == "f1 >= 1"


@pytest.mark.parametrize("name", ["one_threshold", *LEARNED])
def test_no_single_threshold_is_better_than_the_fitted_one(name):
    rows = noise("train", 300)
    baseline = fit_baselines(rows, None, seed=0, names=[name])[name]
    predicted, score = baseline.predict(rows.columns)
    tried = [score_frames(rows.states, score >= cut, score).f1 for cut in np.unique(score)]
    assert score_frames(rows.states, predicted, score).f1 == pytest.approx(max(tried))


def test_thresholds_are_chosen_on_validation_rows():
    # In training the behavior is common, in validation rare: a threshold chosen in training would be too low.
    generator = rng.stream(0, "test")

    def rows(prevalence):
        states = generator.random(4000) < prevalence
        return table(generator.normal(size=(4000, 2)) + states[:, None], states)

    train, validation, test = rows(0.6), rows(0.05), rows(0.05)
    for name in LEARNED:
        with_validation = fit_baselines(train, validation, seed=0, names=[name])[name]
        without = fit_baselines(train, None, seed=0, names=[name])[name]
        assert with_validation.threshold > without.threshold
        assert scores(with_validation, test).f1 > scores(without, test).f1


def test_validation_without_the_behavior_leaves_the_choice_to_training():
    train, empty = separable("train", 300), table(np.zeros((5, N_COLUMNS)), np.zeros(5))
    chosen = [
        fit_baselines(train, validation, seed=0, names=["depth3_tree"])["depth3_tree"].threshold
        for validation in (None, empty)
    ]
    assert chosen[0] == chosen[1]


def test_unlabeled_rows_teach_nothing():
    rows = separable("train", 400)
    padded = table(
        np.concatenate([rows.columns, np.full((100, N_COLUMNS), 9.0)]),
        np.concatenate([rows.states, np.full(100, -1)]),
    )
    for name in BASELINES:
        with_unlabeled, without = (fit_baselines(one, one, seed=0, names=[name])[name] for one in (padded, rows))
        np.testing.assert_array_equal(
            with_unlabeled.predict(rows.columns)[1], without.predict(rows.columns)[1], err_msg=name
        )


def test_the_same_seed_gives_the_same_baselines(on_noise):
    again = fit_baselines(noise("train"), noise("validation"), seed=0)
    rows = noise("test")
    for name in BASELINES:
        assert again[name].threshold == on_noise[name].threshold
        np.testing.assert_array_equal(again[name].predict(rows.columns)[1], on_noise[name].predict(rows.columns)[1])


def test_columns_that_are_never_seen_constant_or_infinite_are_harmless():
    rows = separable("train")
    columns = rows.columns.copy()
    columns[:, 0] = np.nan
    columns[:, 1] = 7.0
    columns[::9, 2] = np.inf
    odd = table(columns, rows.states)
    for name, baseline in fit_baselines(odd, odd, seed=0).items():
        # A column not seen in training may be seen later.
        predicted, _ = baseline.predict(rows.columns)
        assert set(np.unique(predicted)) <= {0, 1}
        if name in LEARNED:
            assert score_frames(rows.states, predicted, predicted.astype(float)).f1 > 0.95


def test_learners_see_every_kth_row_of_long_recordings_and_the_one_threshold_sees_all():
    # Every second row is kept; the dropped rows contradict them, so that all rows together say nothing.
    n_rows = MAX_BASELINE_ROWS + 2
    column = rng.stream(0, "test").integers(0, 2, n_rows)
    kept = np.arange(n_rows) % 2 == 0
    rows = table(column[:, None], np.where(kept, column, 1 - column))
    fitted = fit_baselines(rows, None, seed=0, names=["one_threshold", "depth3_tree"])
    on_kept = table(rows.columns[kept], rows.states[kept])
    assert scores(fitted["depth3_tree"], on_kept).ap == 1.0
    assert scores(fitted["one_threshold"], rows).f1 == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.parametrize("state", [0, 1, -1])
def test_training_without_both_classes_is_refused(state):
    rows = table(np.zeros((4, 2)), np.full(4, state))
    with pytest.raises(LabelError, match=r"frames with the behavior and .* without it in training.*annotate more"):
        fit_baselines(rows, None, seed=0)


def test_validation_with_other_columns_is_refused():
    rows = separable("train", 50)
    other = Table(rows.columns[:, :5], rows.states, rows.column_names[:5])
    with pytest.raises(FeatureError, match=r"validation columns that differ.*expected f0, f1, f2, f3, \.\.\."):
        fit_baselines(rows, other, seed=0)


def test_predicting_other_columns_is_refused(on_noise):
    with pytest.raises(
        FeatureError, match=r"baseline depth3_tree: found columns of shape \(5, 2\), expected \(row, 6\)"
    ):
        on_noise["depth3_tree"].predict(np.zeros((5, 2), dtype=np.float32))


def test_an_unknown_baseline_is_refused():
    with pytest.raises(StudyError, match="the baseline 'oracle', expected one of always_positive, "):
        fit_baselines(noise("train", 50), None, seed=0, names=["oracle"])


def test_a_table_of_other_shapes_is_refused():
    with pytest.raises(LabelError, match=r"columns \(4, 2\), states \(3,\), 2 names"):
        Table(np.zeros((4, 2), dtype=np.float32), np.zeros(3, dtype=np.int8), ("a", "b"))


def test_a_table_of_other_states_is_refused():
    with pytest.raises(LabelError, match=r"states \[0, 5\], expected 1, 0 or -1"):
        table(np.zeros((2, 1)), [0, 5])

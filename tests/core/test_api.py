from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import nsp_core
from nsp_core import api
from nsp_core.cleaning import Cleaning
from nsp_core.dsl.text import parse_program
from nsp_core.errors import FeatureError, LabelError, ProgramError, UnitError
from nsp_core.evaluate import baselines
from nsp_core.labels import Behavior
from nsp_core.program import ProgramArtifact

PROGRAM = "mean(x, 0.3 s) < 2 ± 0.1 mm"
FPS = 10.0


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On tensors as small as these, threads that share their cores with other work mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", autouse=True)
def few_trees() -> Iterator[None]:
    """How long the baselines go on boosting is not what these tests are about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "N_BOOSTED_TREES", 12)
        patch.setattr(baselines, "N_BOOSTED_MISSINGNESS_TREES", 4)
        yield


@pytest.fixture
def stacked() -> xr.DataArray:
    """Return two sequences in which x is below 2 mm in frames 4 to 7; in the second, x is lost from frame 5 on."""
    x = np.full((2, 12), 5.0)
    x[:, 4:8] = 1
    x[1, 5:] = np.nan
    return xr.DataArray(
        np.stack([np.zeros_like(x), x], axis=-1),
        dims=("sequence", "time", "feature"),
        coords={
            "time": np.arange(12) / FPS,
            "feature": ["y", "x"],
            "unit": ("feature", ["rad", "mm"]),
            "recording": ("sequence", ["a", "b"]),
        },
    )


@pytest.fixture
def labels() -> np.ndarray:
    states = np.zeros((2, 12), dtype=int)
    states[:, 4:8] = 1
    return states


def test_inference_keeps_dims_and_coordinates_of_the_features(stacked: xr.DataArray) -> None:
    answer = nsp_core.infer(PROGRAM, stacked)
    assert answer["state"].dims == answer["probability"].dims == ("sequence", "time")
    assert answer["state"].dtype == np.int8
    assert answer["probability"].dtype == np.float32
    np.testing.assert_array_equal(answer["time"], stacked["time"])
    assert answer["recording"].values.tolist() == ["a", "b"]
    assert set(answer.coords) == {"time", "recording"}


def test_inference_answers_present_absent_or_nothing(stacked: xr.DataArray) -> None:
    answer = nsp_core.infer("x < 2 ± 0.1 mm", stacked)
    assert answer["state"].values.tolist() == [[0] * 4 + [1] * 4 + [0] * 4, [0] * 4 + [1] + [-1] * 7]
    np.testing.assert_array_equal(np.isnan(answer["probability"]), answer["state"] == -1)
    assert float(answer["probability"].max()) == pytest.approx(1, abs=1e-4)


def test_inference_over_sequences_is_inference_over_each(stacked: xr.DataArray) -> None:
    together = nsp_core.infer(PROGRAM, stacked)
    apart = nsp_core.infer(PROGRAM, [stacked[index] for index in range(2)])
    assert isinstance(apart, list)
    for index, one in enumerate(apart):
        alone = nsp_core.infer(PROGRAM, stacked[index])
        assert one["state"].dims == alone["state"].dims == ("time",)
        xr.testing.assert_equal(one, alone)
        np.testing.assert_array_equal(one["state"], together["state"][index])
        np.testing.assert_array_equal(one["probability"], together["probability"][index])


def test_inference_takes_sequences_of_different_lengths(stacked: xr.DataArray) -> None:
    answers = nsp_core.infer(PROGRAM, [stacked[0], stacked[1, :7]])
    assert [one.sizes["time"] for one in answers] == [12, 7]


def test_a_program_its_text_and_its_artifact_say_the_same(stacked: xr.DataArray, labels: np.ndarray) -> None:
    program = parse_program(PROGRAM)
    artifact = ProgramArtifact(Behavior("rest", "solitary"), program, {"nose": ("nose",)}, Cleaning(), "mm")
    for form in (program, artifact):
        xr.testing.assert_identical(nsp_core.infer(form, stacked), nsp_core.infer(PROGRAM, stacked))
        assert nsp_core.evaluate(form, stacked, labels) == nsp_core.evaluate(PROGRAM, stacked, labels)


def test_evaluation_counts_abstaining_as_a_miss(stacked: xr.DataArray, labels: np.ndarray) -> None:
    scores = nsp_core.evaluate("x < 2 mm", stacked, labels)
    # Of eight frames of the behavior three are lost; nothing is mistaken.
    assert scores.f1 == pytest.approx(2 * 5 / (5 + 8))
    assert scores.covered_f1 == 1.0
    assert scores.coverage == pytest.approx(17 / 24)
    assert (scores.n_pos, scores.n) == (8, 24)


def test_evaluation_takes_lists_and_single_sequences(stacked: xr.DataArray, labels: np.ndarray) -> None:
    together = nsp_core.evaluate(PROGRAM, stacked, labels)
    apart = nsp_core.evaluate(PROGRAM, [stacked[0], stacked[1]], [labels[0], labels[1]])
    assert apart == together
    assert nsp_core.evaluate("x < 2 mm", stacked[0], labels[0]).f1 == 1.0


def test_evaluation_leaves_out_unlabeled_frames(stacked: xr.DataArray, labels: np.ndarray) -> None:
    known = np.where(np.isnan(stacked.sel(feature="x")), -1, labels)
    scores = nsp_core.evaluate("x < 2 mm", stacked, known)
    assert (scores.f1, scores.coverage, scores.n) == (1.0, 1.0, 17)


def test_one_label_per_sequence_is_evaluated_at_its_center(stacked: xr.DataArray) -> None:
    scores = nsp_core.evaluate("x < 2 mm", stacked, [1, 0])
    assert (scores.f1, scores.n) == (1.0, 2)
    assert scores.coverage == 0.5


@pytest.mark.parametrize(
    ("program", "error", "message"),
    [
        ("z < 2 mm", FeatureError, "found the feature 'z', expected one of x, y"),
        ("x < 2 bl", UnitError, "found a threshold in bl, expected mm, the unit of x"),
        ("mean(x, 3 frame) < 2 mm", UnitError, "found a duration in frame, expected a duration in s"),
        ("x < mm", ProgramError, "line 1, column 5"),
    ],
)
def test_a_program_that_does_not_fit_the_features_is_refused(
    stacked: xr.DataArray, labels: np.ndarray, program: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        nsp_core.infer(program, stacked)
    with pytest.raises(error, match=message):
        nsp_core.evaluate(program, stacked, labels)


def test_evaluation_refuses_recordings_in_different_units(stacked: xr.DataArray, labels: np.ndarray) -> None:
    other = stacked[1].assign_coords(unit=("feature", ["rad", "bl"]))
    with pytest.raises(UnitError, match="different units"):
        nsp_core.evaluate(PROGRAM, [stacked[0], other], labels)


def test_labels_that_do_not_fit_the_features_are_refused(stacked: xr.DataArray, labels: np.ndarray) -> None:
    with pytest.raises(LabelError, match="found labels for 1 sequences, expected 2"):
        nsp_core.evaluate(PROGRAM, stacked, labels[:1])


def threshold_study(n_frames: int = 200, mistakes: float = 0.0) -> tuple[xr.DataArray, np.ndarray]:
    """Return four recordings of a feature, and where it, and some noise, is low."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4, n_frames))
    time = np.arange(n_frames) / FPS
    features = xr.DataArray(x[..., None], dims=("sequence", "time", "feature"), coords={"feature": ["x"], "time": time})
    return features, x + mistakes * generator.normal(size=x.shape) < 0.5


def test_what_is_synthesized_can_be_inferred_and_evaluated_at_once() -> None:
    features, labels = threshold_study()
    result = nsp_core.synthesize(features, labels, seed=0, max_complexity=4)
    assert nsp_core.evaluate(result.best.text, features, labels) == result.best.train
    states = nsp_core.infer(result.best.program, features)["state"]
    assert float((states == labels).mean()) > 0.97
    assert result.best.validation.f1 > 0.97


class InMemory:
    """A checkpoint in memory."""

    def __init__(self) -> None:
        self.saved: Mapping[str, Any] | None = None

    def load(self) -> Mapping[str, Any] | None:
        return self.saved

    def save(self, state: Mapping[str, Any]) -> None:
        self.saved = state


def test_a_synthesis_tells_when_it_found_what_and_goes_on_from_a_checkpoint() -> None:
    features, labels = threshold_study(mistakes=0.5)
    ticks = iter(range(1000))
    kept = InMemory()
    options: dict[str, Any] = {"seed": 0, "max_complexity": 4, "loss": "focal", "clock": lambda: float(next(ticks))}
    result = nsp_core.synthesize(features, labels, checkpoint=kept, **options)
    assert [one.text for one in result.trace]
    assert all(one.seconds is not None and one.seconds > 0 for one in result.trace)
    assert kept.saved is not None
    assert kept.saved["stopped"] == "complete"
    again = nsp_core.synthesize(features, labels, checkpoint=kept, **options)
    assert again.trace == result.trace
    assert again.best.text == result.best.text


def test_a_synthesis_starts_from_a_rule_in_any_form() -> None:
    features, labels = threshold_study(mistakes=0.5)
    text = "fill_gaps(x < 2, 0.5 s)"
    condition = parse_program(text)
    artifact = ProgramArtifact(Behavior("rest", "solitary"), condition, {"nose": ("nose",)}, Cleaning(), "mm")
    results = [
        nsp_core.synthesize(features, labels, seed=0, max_complexity=4, start=[rule])
        for rule in (text, condition, artifact)
    ]
    assert len({repr(one) for one in results}) == 1
    with pytest.raises(ProgramError, match="found 'z < 2' in a program to start from"):
        nsp_core.synthesize(features, labels, seed=0, max_complexity=4, start=["z < 2"])


def test_a_list_of_recordings_is_synthesized_like_their_array() -> None:
    features, labels = threshold_study(mistakes=0.5)
    as_array = nsp_core.synthesize(features, labels, seed=0, max_complexity=4)
    as_list = nsp_core.synthesize(list(features), list(labels), seed=0, max_complexity=4)
    assert [one.text for one in as_list.front] == [one.text for one in as_array.front]
    assert repr(as_list.scores) == repr(as_array.scores)


def test_importing_the_folder_of_scores_does_not_hide_the_call() -> None:
    for folder in ("nsp_core.evaluate.frames", "nsp_core.evaluate"):
        importlib.import_module(folder)
        assert nsp_core.evaluate is api.evaluate


def test_nothing_else_is_offered() -> None:
    with pytest.raises(AttributeError, match="no attribute 'synthesise'"):
        _ = nsp_core.synthesise  # type: ignore[attr-defined]

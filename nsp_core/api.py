"""The three calls a script needs: synthesize a program, run it, score it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from nsp_core.dsl.ast import Condition
from nsp_core.dsl.text import parse_program
from nsp_core.dsl.typecheck import check_program
from nsp_core.evaluate.frames import FrameScores
from nsp_core.program import ProgramArtifact
from nsp_core.search.assess import predict_sequences, score_program
from nsp_core.search.beam import Budget, SearchProgress
from nsp_core.search.compare import baseline_scores
from nsp_core.search.losses import LossName
from nsp_core.search.result import SynthesisResult
from nsp_core.search.state import Checkpoint
from nsp_core.search.synthesize import MAX_COMPLEXITY, SearchMethod, synthesize_sequences
from nsp_core.sequences import as_sequences, units_of

__all__ = ["evaluate", "infer", "synthesize"]

Features = xr.DataArray | Sequence[xr.DataArray]
AnyProgram = Condition | ProgramArtifact | str


def synthesize(
    features: Features,
    labels: ArrayLike | Sequence[ArrayLike],
    *,
    seed: int,
    search: SearchMethod = "beam",
    budget: Budget | None = None,
    max_complexity: int = MAX_COMPLEXITY,
    loss: LossName = "balanced",
    device: str = "cpu",
    start: Sequence[AnyProgram] = (),
    checkpoint: Checkpoint | None = None,
    clock: Callable[[], float] | None = None,
    report: Callable[[SearchProgress], None] = lambda progress: None,
) -> SynthesisResult:
    """Return the readable programs that recognize the labeled behavior, beside all baselines.

    Every recording is held out once, in four folds; programs are chosen by how their like, fitted without it, do on it.

    Parameters
    ----------
    features
        Dims ``(sequence, time, feature)`` or ``(time, feature)``, or a list of the latter; NaN where missing.
        Coordinate ``unit`` on ``feature`` (absent: dimensionless), ``time`` in seconds or attribute ``fps`` (absent:
        windows are counted in frames), ``recording`` on ``sequence`` (absent: every sequence is its own).
    labels
        One per frame, or one per sequence, which then applies to its center frame: 1 present, 0 absent, -1 or NaN
        unlabeled.
    seed
        Drives all randomness.
    search
        The search method.
    budget
        When to stop early; None runs to completion.
    max_complexity
        Most feature references plus learned constants.
    loss
        What the fit of constants minimizes: ``balanced`` cross-entropy, ``focal`` or ``soft_f1``.
    device
        Where fits are computed, such as ``cpu`` or ``cuda``.
    start
        Programs to start from: chains of thresholds, such as a person's rule.
    checkpoint
        Where the search keeps its state after every depth, and goes on from.
    clock
        Returns seconds, such as ``time.monotonic``; times of the trace come from it.
    report
        Called after every stage.

    Raises
    ------
    LabelError
        If labels and features disagree, or hold too little of a class to judge a program by.
    FeatureError, UnitError
        If dims, names or units of the features make no sense.
    """
    sequences = as_sequences(features, labels)
    result = synthesize_sequences(
        sequences,
        seed=seed,
        search=search,
        budget=budget,
        max_complexity=max_complexity,
        loss=loss,
        device=device,
        start=[_condition(program) for program in start],
        checkpoint=checkpoint,
        clock=clock,
        report=report,
    )
    baselines = baseline_scores(sequences, {}, seed=seed)
    return replace(result, scores={**result.scores, **baselines})


def infer(program: AnyProgram, features: Features) -> xr.Dataset | list[xr.Dataset]:
    """Return what ``program`` says of each frame.

    Parameters
    ----------
    program
        A program, its artifact, or its text.
    features
        As for :func:`synthesize`; only the features the program names are read.

    Returns
    -------
    A dataset (for a list of sequences, a list of them) with ``state`` (int8: 1 present, 0 absent, -1 abstained because
    the answer hangs on missing data) and ``probability`` (float32, NaN where abstained), of the dims of ``features``
    without ``feature``.

    Raises
    ------
    FeatureError
        If a feature the program names is not there.
    UnitError
        If a threshold's unit is not that of its feature.
    """
    if not isinstance(features, xr.DataArray):
        return [_infer_one(program, part) for part in features]
    return _infer_one(program, features)


def evaluate(program: AnyProgram, features: Features, labels: ArrayLike | Sequence[ArrayLike]) -> FrameScores:
    """Return the scores of ``program`` over all labeled frames: exact-rule F1, average precision, coverage.

    Parameters are those of :func:`infer` and :func:`synthesize`.
    """
    condition = _condition(program)
    sequences = as_sequences(features, labels)
    check_program(condition, units_of(sequences[0]), sequences[0].time_reference)
    return score_program(condition, sequences)


def _infer_one(program: AnyProgram, features: xr.DataArray) -> xr.Dataset:
    condition = _condition(program)
    sequences = as_sequences(features, None)
    check_program(condition, units_of(sequences[0]), sequences[0].time_reference)
    predictions = predict_sequences(condition, sequences)
    dims = tuple(dim for dim in ("sequence", "time") if dim in features.dims)
    coords: dict[Any, Any] = {
        name: coordinate for name, coordinate in features.coords.items() if "feature" not in coordinate.dims
    }
    stacked = [np.stack([getattr(p, name) for p in predictions]) for name in ("states", "probability")]
    state, probability = (values if "sequence" in dims else values[0] for values in stacked)
    return xr.Dataset({"state": (dims, state), "probability": (dims, probability)}, coords=coords)


def _condition(program: AnyProgram) -> Condition:
    if isinstance(program, str):
        return parse_program(program)
    return program.condition if isinstance(program, ProgramArtifact) else program

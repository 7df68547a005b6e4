"""Run a program over the features of one recording and return its ethogram tables."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from nsp_core.dsl.semantics import predict
from nsp_core.dsl.typecheck import check_program
from nsp_core.ethogram.tables import bout_table, concat_bouts, frame_table
from nsp_core.features import feature_sequences
from nsp_core.program import ProgramArtifact
from nsp_core.sequences import as_sequences, units_of

__all__ = ["predict_tables"]


def predict_tables(artifact: ProgramArtifact, features: xr.Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the bout table and the frame table of one recording.

    Parameters
    ----------
    artifact
        The program.
    features
        At least the features the program names, of one recording.

    Raises
    ------
    FeatureError
        If a feature is missing, or the behavior needs two animals and the recording has one.
    UnitError
        If the features are measured in other units than the program's thresholds.
    """
    behavior = artifact.behavior
    recording, fps = str(features.attrs["recording"]), float(features.attrs["fps"])
    needed = features[[name for name in artifact.features if name in features]]
    bouts, frames = [], []
    for array in feature_sequences(needed, behavior.kind):
        (sequence,) = as_sequences(array, None)
        check_program(artifact.condition, units_of(sequence), sequence.time_reference)
        prediction = predict(artifact.condition, sequence.column, fps)
        who = str(array.attrs["individual"]), str(array.attrs["target"]) or None
        present = prediction.states == 1
        bouts.append(bout_table(recording, *who, behavior.name, present, prediction.probability, fps))
        frames.append(frame_table(recording, *who, behavior.name, prediction.probability, fps))
    return concat_bouts(bouts), pd.concat(frames, ignore_index=True)

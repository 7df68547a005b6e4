"""Whether synthesis finds the rule that simulated behavior was made with, from labels with noise.

Two animals whose behaviors follow known rules, tracked without error; six recordings to learn from, two to judge.
Labels of the first are wrong in 0, 5 and 10 % of the frames, drawn frame by frame; those of the others are the truth.
Prints the share of held-out frames on which program and planted rule agree, F1, and how far each planted threshold is
from the nearest found one of the same feature and direction, in its unit. Run it with

    python tests/benchmarks/planted_rules.py [--seeds 2] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nsp_core import rng
from nsp_core.dsl.ast import Compare, Condition, feature_names, walk
from nsp_core.features import available_features, compute_features, feature_sequences
from nsp_core.labels import frame_states
from nsp_core.search.assess import predict_sequences
from nsp_core.search.synthesize import synthesize_sequences
from nsp_core.sequences import LabeledSequence, as_sequences
from nsp_core.simulate import SimulatedRecording, simulate_dyad
from nsp_core.simulate_rules import PLANTED_RULES, SIMULATED_ROLES, PlantedRule

N_LEARN, N_JUDGE, MINUTES, FPS = 6, 2, 3.0, 30.0
NOISE = (0.0, 0.05, 0.10)


def simulated(seed: int) -> list[SimulatedRecording]:
    """Return recordings of different pairs, tracked without error."""
    return [
        simulate_dyad(
            seed=rng.stream(seed, "planted rules", str(number)),
            n_frames=round(60 * MINUTES * FPS),
            fps=FPS,
            dropout=0.0,
            jitter_px=0.0,
            label_jitter_frames=0,
            recording=f"sim{number}",
        )
        for number in range(N_LEARN + N_JUDGE)
    ]


def sequences_of(recording: SimulatedRecording, rule: PlantedRule) -> tuple[LabeledSequence, ...]:
    """Return the sequences of a recording with the planted truth as labels."""
    names = available_features(SIMULATED_ROLES, 2)
    features = compute_features(recording.poses, SIMULATED_ROLES, names, length_unit="mm")
    arrays = feature_sequences(features, rule.behavior.kind)
    states = [
        frame_states(
            recording.truth,
            rule.behavior,
            features.sizes["time"],
            str(array.attrs["individual"]),
            str(array.attrs["target"]) or None,
            sole=len(arrays) == 1,
        )
        for array in arrays
    ]
    return as_sequences(arrays, states)


def with_noise(sequences: list[LabeledSequence], share: float, generator: np.random.Generator) -> list[LabeledSequence]:
    """Return ``sequences`` with the labels of a share of the frames turned to their contrary."""
    return [
        replace(one, states=np.where(generator.random(len(one.states)) < share, 1 - one.states, one.states))
        for one in sequences
    ]


def threshold_errors(program: Condition, rule: PlantedRule) -> dict[str, float | None]:
    """Return planted condition -> distance of the nearest found threshold; None where there is none."""
    found = [node for node in walk(program) if isinstance(node, Compare)]
    errors: dict[str, float | None] = {}
    for condition in rule.conditions:
        distances = [
            abs(node.threshold - condition.threshold)
            for node in found
            if feature_names(node) == (condition.feature,) and node.relation == condition.relation
        ]
        errors[str(condition)] = min(distances, default=None)
    return errors


def run(rule: PlantedRule, recordings: list[SimulatedRecording], share: float, seed: int) -> dict[str, Any]:
    """Return what synthesis found from labels with noise, held against the truth."""
    learn, judge = (
        [sequence for recording in part for sequence in sequences_of(recording, rule)]
        for part in (recordings[:N_LEARN], recordings[N_LEARN:])
    )
    started = time.perf_counter()
    noisy = with_noise(learn, share, rng.stream(seed, "planted rules", "noise"))
    result = synthesize_sequences(noisy, seed=seed)
    seconds = time.perf_counter() - started
    present = np.concatenate([prediction.states for prediction in predict_sequences(result.best.program, judge)]) == 1
    truth = np.concatenate([sequence.states for sequence in judge]) == 1
    return {
        "behavior": rule.behavior.name,
        "label_noise": share,
        "seed": seed,
        "agreement": float((present == truth).mean()),
        "f1": float(2 * (present & truth).sum() / (present.sum() + truth.sum())),
        "threshold_errors": threshold_errors(result.best.program, rule),
        "complexity": result.best.complexity,
        "seconds": seconds,
        "text": result.best.text,
    }


def main() -> None:
    """Print one line per rule, share of wrong labels and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = []
    for seed in range(options.seeds):
        recordings = simulated(seed)
        for rule in PLANTED_RULES:
            for share in NOISE:
                one = run(rule, recordings, share, seed)
                found.append(one)
                print(f"{one['behavior']:9s} {share:4.0%} wrong, seed {seed}: agreement {one['agreement']:.4f}  "
                      f"F1 {one['f1']:.3f}  {one['seconds']:.0f} s  {one['text']}", flush=True)  # fmt: skip
                for condition, error in one["threshold_errors"].items():
                    print(f"    {condition}: {'not among the clauses' if error is None else f'off by {error:.3g}'}")
    if options.out:
        options.out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

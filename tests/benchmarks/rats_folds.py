"""Four folds over the 16 rat recordings: program and baselines on recordings none of them has seen.

Fold k holds out every fourth recording in numeric order; programs and baselines are found, fitted and chosen on the
other twelve. Predictions of all folds are pooled, intervals are taken over the 16 recordings, and differences to each
baseline are paired. Run it with

    NSP_DATA=<folder> python tests/benchmarks/rats_folds.py --out DIR [--seed 0] [--max-complexity 20] [--workers 2]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from nsp_adapters.recordings import extract_recording, labeled_sequences
from nsp_adapters.study import read_study
from nsp_core import rng
from nsp_core.dsl.text import format_program
from nsp_core.evaluate.bootstrap import paired_difference, scores_with_intervals
from nsp_core.evaluate.frames import FramePredictions
from nsp_core.evaluate.splits import folds
from nsp_core.labels import Behavior
from nsp_core.search.compare import baseline_predictions, program_predictions
from nsp_core.search.synthesize import MAX_COMPLEXITY, synthesize_sequences
from nsp_core.study import Study

STUDY = Path(__file__).resolve().parents[2] / "deployments" / "studies" / "rats.toml"
N_FOLDS = 4


def run_fold(study: Study, behavior: Behavior, fold: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the program of one fold and the held-out predictions of every model."""
    import torch

    torch.set_num_threads(1)
    prepared = {entry.name: extract_recording(entry, study, options.out / "recordings") for entry in study.recordings}
    held_out = folds(list(prepared), N_FOLDS)[fold]
    development, test = (
        [sequence for name in names for sequence in labeled_sequences(prepared[name], study, behavior)]
        for names in ([name for name in prepared if name not in held_out], held_out)
    )
    started = time.monotonic()
    result = synthesize_sequences(development, seed=options.seed, max_complexity=options.max_complexity)
    search_s = time.monotonic() - started
    others = {} if options.program_only else baseline_predictions(development, {"test": test}, seed=options.seed)
    predictions = {name: by_split["test"] for name, by_split in others.items()}
    predictions["program"] = program_predictions(result.best.program, test)
    return {
        "fold": fold,
        "behavior": behavior.name,
        "text": format_program(result.best.program),
        "complexity": result.best.complexity,
        "discretization_gap": result.best.discretization_gap,
        "search_s": search_s,
        "n_candidates": result.n_candidates,
        "predictions": predictions,
    }


def pooled(runs: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Return pooled scores of every model, and paired differences of the program to each baseline."""
    models: dict[str, list[FramePredictions]] = {}
    for run in runs:
        for model, predictions in run["predictions"].items():
            models.setdefault(model, []).extend(predictions)
    # The program decides on whole sequences, baselines only on labeled frames: compare on labeled frames.
    models = {model: [_labeled(one) for one in predictions] for model, predictions in models.items()}
    return {
        "scores": {
            model: asdict(scores_with_intervals(predictions, generator=rng.stream(seed, "folds")))
            for model, predictions in models.items()
        },
        "program_minus": {
            model: asdict(paired_difference(models["program"], predictions, generator=rng.stream(seed, "folds")))
            for model, predictions in models.items()
            if model != "program"
        },
    }


def _labeled(one: FramePredictions) -> FramePredictions:
    labeled = one.states >= 0
    return FramePredictions(one.recording, one.states[labeled], one.predicted[labeled], one.probability[labeled])


def main() -> None:
    """Run all folds of all behaviors and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-complexity", type=int, default=MAX_COMPLEXITY)
    parser.add_argument("--program-only", action="store_true", help="leave the baselines out")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    study = read_study(STUDY, environment={"NSP_DATA": "../shared/data", **os.environ})
    for entry in study.recordings:
        extract_recording(entry, study, options.out / "recordings")
    summary: dict[str, Any] = {}
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        futures = {
            behavior.name: [pool.submit(run_fold, study, behavior, fold, options) for fold in range(N_FOLDS)]
            for behavior in study.behaviors
        }
        for behavior, pending in futures.items():
            runs = [future.result() for future in pending]
            summary[behavior] = pooled(runs, options.seed)
            summary[behavior]["folds"] = [{k: v for k, v in run.items() if k != "predictions"} for run in runs]
            _print(behavior, summary[behavior])
    (options.out / f"folds-seed{options.seed}.json").write_text(json.dumps(summary, indent=2))


def _print(behavior: str, summary: dict[str, Any]) -> None:
    print(f"\n{behavior}")
    for fold in summary["folds"]:
        print(f"  fold {fold['fold']} ({fold['search_s']:.0f} s, {fold['n_candidates']} candidates): {fold['text']}")
    for model, scores in summary["scores"].items():
        line = f"  {model:20s} F1 {scores['f1']:.3f} [{scores['f1_low']:.2f} {scores['f1_high']:.2f}]"
        line += f"   AP {scores['ap']:.3f} [{scores['ap_low']:.2f} {scores['ap_high']:.2f}]"
        if model in summary["program_minus"]:
            difference = summary["program_minus"][model]
            f1, ap = difference["f1"], difference["ap"]
            line += f"   program minus it: F1 [{f1['low']:+.3f} {f1['high']:+.3f}]"
            line += f" AP [{ap['low']:+.3f} {ap['high']:+.3f}]"
        print(line)


if __name__ == "__main__":
    main()

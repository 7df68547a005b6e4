"""What 3, 10 and 50 annotated bouts of the rats are worth, for programs with and without weak labels and for baselines.

Bouts are drawn from the ten training recordings; one comes with 2 s on either side, and everything else is unlabeled.
The share of frames with the behavior is that of the two validation recordings, which are annotated throughout; they are
used for nothing else. All models learn from the same frames, weighted to this share, and are judged on the four test
recordings. "All" is a program learned from all training frames. Run it with

    NSP_DATA=<folder> python tests/benchmarks/few_bouts_rats.py --out DIR [--judge validation] [--seeds 0 1 2]

Every finished run is a line of ``DIR/few_bouts.jsonl``, and a rerun goes on with those that are missing. In the end a
table is printed and ``DIR/few_bouts.png`` drawn. With ``--judge validation`` models are judged on the validation
recordings instead: for choices, which must not know the test.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rich.progress import track

from nsp_adapters.recordings import extract_recording, labeled_sequences
from nsp_adapters.study import read_study
from nsp_core.dsl.text import format_program
from nsp_core.errors import LabelError
from nsp_core.evaluate.frames import FramePredictions, pooled_scores
from nsp_core.labels import UNLABELED
from nsp_core.rng import stream
from nsp_core.search.compare import baseline_predictions, program_predictions
from nsp_core.search.synthesize import synthesize_sequences
from nsp_core.sequences import LabeledSequence
from nsp_core.study import RecordingRole, Study
from nsp_core.weak.balance import AnnotatedSpan, ClassBalance, balance_from_spans
from nsp_core.weak.few_bouts import draw_bouts, labeled_around, weighted_to_balance
from nsp_core.weak.weak_labels import label_weakly

STUDY = Path(__file__).resolve().parents[2] / "deployments" / "studies" / "rats.toml"
N_BOUTS = (3, 10, 50)
ALL = 0
MODELS = ("program", "program + weak labels", "gradient_boosting", "depth3_tree")
COLUMNS = ["behavior", "n_bouts", "seed", "judge"]


def run(study: Study, behavior_name: str, n_bouts: int, seed: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row per model, of models that learned from ``n_bouts`` bouts; of all frames for :data:`ALL`."""
    import torch

    torch.set_num_threads(1)
    behavior = next(one for one in study.behaviors if one.name == behavior_name)

    def of_role(role: RecordingRole) -> list[LabeledSequence]:
        prepared = [extract_recording(one, study, options.out / "recordings") for one in study.of_role(role)]
        return [sequence for one in prepared for sequence in labeled_sequences(one, study, behavior)]

    train, judged, validation = of_role("train"), of_role(options.judge), of_role("validation")
    who = {"behavior": behavior_name, "n_bouts": n_bouts, "seed": seed, "judge": options.judge}
    if n_bouts == ALL:
        return [who | _program("program", train, judged, seed, options.max_complexity)]
    balance = _balance(validation)
    bouts = draw_bouts(train, n_bouts, stream(seed, "few bouts", behavior_name))
    few = weighted_to_balance(labeled_around(train, bouts), balance.share)
    rows = [_program("program", few, judged, seed, options.max_complexity)]
    started = time.monotonic()
    try:
        weak = label_weakly(few, balance, seed=seed)
    except LabelError as error:
        rows.append({"model": "program + weak labels", "f1": np.nan, "ap": np.nan, "failed": str(error)})
    else:
        labels_s = time.monotonic() - started
        row = _program("program + weak labels", weak.sequences, judged, seed, options.max_complexity)
        rows.append(row | {"labels_s": labels_s})
    names = ("gradient_boosting", "depth3_tree")
    for model, predicted in baseline_predictions(few, {"judged": judged}, seed=seed, names=names).items():
        rows.append({"model": model} | _scores(predicted["judged"]))
    return [who | {"share": balance.share} | row for row in rows]


def _balance(sequences: Sequence[LabeledSequence]) -> ClassBalance:
    spans = [AnnotatedSpan(one.recording, one.states, one.states != UNLABELED) for one in sequences]
    return balance_from_spans(spans, seed=0)


def _program(
    model: str,
    learned: Sequence[LabeledSequence],
    judged: Sequence[LabeledSequence],
    seed: int,
    max_complexity: int,
) -> dict[str, Any]:
    started = time.monotonic()
    best = synthesize_sequences(learned, seed=seed, max_complexity=max_complexity).best
    seconds = time.monotonic() - started
    return {
        "model": model,
        **_scores(program_predictions(best.program, judged)),
        "text": format_program(best.program),
        "complexity": best.complexity,
        "search_s": seconds,
    }


def _scores(predicted: Sequence[FramePredictions]) -> dict[str, float]:
    scores = pooled_scores(predicted)
    return {"f1": float(scores.f1), "ap": float(scores.ap)}


def main() -> None:
    """Do all runs that are missing, then print the table and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--judge", choices=("validation", "test"), default="test")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--bouts", type=int, nargs="+", default=[ALL, *N_BOUTS], help=f"{ALL} for all frames")
    parser.add_argument("--max-complexity", type=int, default=18)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    study = read_study(STUDY, environment={"NSP_DATA": "../shared/data", **os.environ})
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "few_bouts.jsonl"
    done = _read(path)
    todo = [
        (behavior.name, n_bouts, seed)
        for n_bouts in options.bouts
        for seed in (options.seeds if n_bouts != ALL else options.seeds[:1])
        for behavior in study.behaviors
        if (behavior.name, n_bouts, seed, options.judge) not in set(done[COLUMNS].itertuples(index=False, name=None))
    ]
    for entry in track(study.recordings, "extract features"):
        extract_recording(entry, study, options.out / "recordings")
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(run, study, *one, options) for one in todo]
        for future in track(as_completed(futures), "learn and judge", total=len(futures)):
            with path.open("a") as lines:
                lines.write("".join(json.dumps(row) + "\n" for row in future.result()))
    rows = _read(path)
    rows = rows[rows["judge"] == options.judge]
    print(_table(rows).to_string())
    _draw(rows, options.out / "few_bouts.png")


def _read(path: Path) -> pd.DataFrame:
    lines = path.read_text().splitlines() if path.is_file() else []
    return pd.DataFrame([json.loads(line) for line in lines]) if lines else pd.DataFrame(columns=[*COLUMNS, "model"])


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return behavior, bouts, model -> mean F1 and AP over seeds with the lowest and the highest, and their share."""
    whole = rows[rows["n_bouts"] == ALL].set_index("behavior")
    told = []
    for (behavior, n_bouts, model), own in rows.groupby(["behavior", "n_bouts", "model"]):
        row = {"behavior": behavior, "bouts": n_bouts or "all", "model": model}
        for measure in ("f1", "ap"):
            values = own[measure]
            row[measure] = f"{values.mean():.3f} [{values.min():.3f} {values.max():.3f}]"
        row["of all"] = f"{own['f1'].mean() / whole.loc[behavior, 'f1']:.0%}" if behavior in whole.index else ""
        row["seconds"] = f"{own.get('search_s', pd.Series(dtype=float)).mean():.0f}"
        told.append(row)
    return pd.DataFrame(told).set_index(["behavior", "bouts", "model"])


def _draw(rows: pd.DataFrame, path: Path) -> None:
    behaviors = sorted(rows["behavior"].unique())
    figure, axes = plt.subplots(2, len(behaviors), figsize=(4 * len(behaviors), 6), sharex=True, squeeze=False)
    for column, behavior in enumerate(behaviors):
        for line, measure in enumerate(("f1", "ap")):
            axis, own = axes[line][column], rows[(rows["behavior"] == behavior) & (rows["n_bouts"] != ALL)]
            for model in MODELS:
                by_bouts = own[own["model"] == model].groupby("n_bouts")[measure]
                mean = by_bouts.mean()
                around = [mean - by_bouts.min(), by_bouts.max() - mean]
                axis.errorbar(mean.index, mean, yerr=around, marker="o", capsize=3, label=model.replace("_", " "))
            for whole in rows[(rows["behavior"] == behavior) & (rows["n_bouts"] == ALL)][measure]:
                axis.axhline(whole, color="gray", linestyle="--", label="program, all labels")
            axis.set(xscale="log", xticks=N_BOUTS, xticklabels=N_BOUTS, ylabel=measure.upper(), ylim=(0, 1))
            axis.minorticks_off()
        axes[0][column].set_title(behavior)
        axes[1][column].set_xlabel("annotated bouts")
    axes[0][0].legend(fontsize="x-small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

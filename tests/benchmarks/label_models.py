"""The label model beside single functions, votes and Snorkel's label model, on simulated votes whose truth is known.

    python tests/benchmarks/label_models.py [--seeds 0 1 2] [--frames 12000] [--out FILE.json]

Every setting has 12 recordings: four with a few chosen bouts and 2 s around each as gold, eight unlabeled ones on which
labels are judged against the truth. The class balance that models are told is that of the simulation. Figures are means
over seeds: F1 and average precision (higher is better), Brier score and expected calibration error (lower is better),
and the seconds of the fit.

Snorkel's LabelModel is added where ``snorkel`` can be imported (it is no dependency). It is told the class balance, and
fits the unlabeled votes; it has no use for gold, neither for rates nor for dependence or time.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nsp_core.weak.balance import stated_balance
from nsp_core.weak.bout_smoothing import BoutChain
from nsp_core.weak.compare import LabelModelScores, compare_label_models, score_labels
from nsp_core.weak.label_model import fit_label_model
from nsp_core.weak.simulated_votes import PlantedFunction, simulate_votes, with_chosen_gold
from nsp_core.weak.votes import VoteSequence

try:
    from snorkel.labeling.model import LabelModel
except ImportError:
    LabelModel = None

N_RECORDINGS, N_WITH_GOLD, N_BOUTS, MARGIN_S = 12, 4, 3, 2.0


@dataclass(frozen=True)
class Setting:
    """What is simulated."""

    functions: tuple[PlantedFunction, ...]
    share: float = 0.1
    mean_bout_s: float = 1.0
    n_bouts: int = N_BOUTS


def voter(hit: float, false_alarm: float, silent: tuple[float, float] = (0.1, 0.1), **kwargs: Any) -> PlantedFunction:
    """Return a function that abstains with probability ``silent`` (absent, present), else errs at the rates given."""
    (off, on) = silent
    return PlantedFunction(
        (off, (1 - off) * (1 - false_alarm), (1 - off) * false_alarm),
        (on, (1 - on) * (1 - hit), (1 - on) * hit),
        **kwargs,
    )


MIXED = (voter(0.9, 0.05), voter(0.8, 0.1), voter(0.7, 0.05), voter(0.85, 0.15), voter(0.6, 0.02))
WEAK = voter(0.6, 0.2)
LASTING = tuple(replace(one, error_s=0.3, edge_s=0.1) for one in MIXED)
SETTINGS: dict[str, Setting] = {
    "independent": Setting(MIXED),
    "duplicates: three copies of a weak one": Setting((*MIXED[:3], WEAK, *(replace(WEAK, copies=3),) * 3)),
    "near copies: 80 % of the errors shared": Setting(
        (*MIXED[:3], WEAK, *(replace(WEAK, copies=3, copied_share=0.8),) * 3)
    ),
    "abstaining tells of the state": Setting(
        (voter(0.8, 0.1, (0.7, 0.1)), voter(0.8, 0.1, (0.1, 0.6)), voter(0.7, 0.1, (0.5, 0.2)), voter(0.75, 0.15))
    ),
    "errors last 0.6 s, edges move by 0.1 s": Setting(LASTING),
    "rare: 1 % of the frames": Setting(MIXED, share=0.01),
    "rare, errors last, edges move": Setting(LASTING, share=0.01),
    "three functions": Setting(tuple(replace(one, error_s=0.1, edge_s=0.1) for one in MIXED[1:4])),
}


def compared(setting: Setting, n_frames: int, seed: int) -> list[dict[str, Any]]:
    """Return a row per model."""
    chain = BoutChain(setting.mean_bout_s, setting.share)
    truth = simulate_votes(setting.functions, chain, n_recordings=N_RECORDINGS, n_frames=n_frames, seed=seed)
    gold = with_chosen_gold(truth[:N_WITH_GOLD], setting.n_bouts, MARGIN_S)
    test = truth[N_WITH_GOLD:]
    votes = [replace(one, states=None) for one in test]
    balance = stated_balance(setting.share, setting.share * 0.7, min(setting.share * 1.4, 0.9))
    rows = [asdict(one) for one in compare_label_models(votes, gold, balance, test=test)]
    started = time.perf_counter()
    fit_label_model(votes, balance, gold=gold)
    rows[-1]["seconds"] = time.perf_counter() - started
    if LabelModel is not None:
        started = time.perf_counter()
        scores = snorkel_scores(votes, test, setting.share, seed)
        rows.append(asdict(scores) | {"seconds": time.perf_counter() - started})
    return rows


def snorkel_scores(votes: list[VoteSequence], test: list[VoteSequence], share: float, seed: int) -> LabelModelScores:
    """Return the scores of Snorkel's label model."""
    every = np.concatenate([one.votes for one in votes])
    model = LabelModel(cardinality=2, verbose=False)
    model.fit(every, class_balance=[1 - share, share], n_epochs=500, seed=seed, progress_bar=False)
    probability = model.predict_proba(np.concatenate([one.votes for one in test]))[:, 1]
    states = np.concatenate([one.known_states for one in test])
    return score_labels("Snorkel LabelModel", probability >= 0.5, probability, probability, states, share)


def main() -> None:
    """Print a table per setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--frames", type=int, default=12_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if LabelModel is None:
        print("snorkel is not installed here: without its label model")
    found: dict[str, list[dict[str, Any]]] = {}
    for name, setting in SETTINGS.items():
        runs = [compared(setting, options.frames, seed) for seed in options.seeds]
        rows = [
            {key: row[key] if key == "model" else float(np.mean([run[place][key] for run in runs])) for key in row}
            for place, row in enumerate(runs[0])
        ]
        found[name] = rows
        print(f"\n{name}\n{'':<30}{'F1':>7}{'AP':>7}{'Brier':>9}{'ECE':>8}{'s':>6}")
        for row in rows:
            seconds = f"{row['seconds']:.1f}" if "seconds" in row else ""
            print(
                f"{row['model']:<30}{row['f1']:>7.3f}{row['ap']:>7.3f}{row['brier']:>9.5f}{row['ece']:>8.4f}{seconds:>6}",
                flush=True,
            )
    if options.out:
        options.out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

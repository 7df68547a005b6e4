"""A simulated study of which a few bouts are annotated."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from nsp_adapters.simulated import write_simulated_study

__all__ = ["few_bouts"]

SMALL = """
[features]
use = ["approach_speed", "facing_angle", "centroid_distance"]

[search]
seeds = [0]
max_complexity = 4
"""


def few_bouts(folder: Path, n_bouts: int) -> Path:
    """Write a study of six recordings of a minute, with the first bouts of four of them; sim05 has no labels."""
    path = write_simulated_study(folder, seed=0, n_recordings=6, minutes=1)
    text = path.read_text(encoding="utf-8")
    head, rest = text.split("[[recordings]]", 1)
    cleaning = rest[rest.index("[cleaning]") :].replace("observed = [[1.7, 58.3]]\n", "") + SMALL
    blocks = ['[[recordings]]\nposes = "poses/sim*.csv"\nnames = ["sim05"]\nrole = "infer"\n']
    for number in (1, 2, 3, 4):
        name = f"sim0{number}"
        label_file = path.parent / "labels" / f"{name}.csv"
        table = pd.read_csv(label_file).query("behavior == 'approach'").head(n_bouts)
        table.to_csv(label_file, index=False)
        bouts = table[["start_frame", "stop_frame"]].to_numpy() / 30
        observed = [[max(start - 2, 0), stop + 2] for start, stop in bouts.tolist()]
        blocks.append(
            f'[[recordings]]\nposes = "poses/sim*.csv"\nnames = ["{name}"]\nrole = "train"\n'
            f'labels = "labels/{{recording}}.csv"\nobserved = {observed}\n'
        )
    blocks.append(
        '[[recordings]]\nposes = "poses/sim*.csv"\nnames = ["sim06"]\nrole = "test"\n'
        'labels = "labels/{recording}.csv"\nobserved = [[1.7, 58.3]]\n'
    )
    path.write_text(head + "\n".join(blocks) + cleaning, encoding="utf-8")
    return path

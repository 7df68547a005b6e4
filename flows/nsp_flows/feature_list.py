"""What ``nsp features`` prints: the catalog by family, a word per line."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.table import Table

from nsp_core.features import CATALOG
from nsp_core.features.describe import name_in_lists, unit_in_lists

__all__ = ["print_catalog"]

OF = {"individual": "animal", "pair": "dyad", "ordered_pair": "agent to target"}


def print_catalog(console: Console) -> None:
    """Print name, unit, whose it is and meaning of every feature; those synthesis must be asked for carry a star."""
    for family, members in groupby(CATALOG, key=lambda feature: feature.family):
        table = Table(title=family, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
        for column in ("name", "unit", "of", "meaning"):
            table.add_column(column, header_style="dim", no_wrap=column != "meaning")
        for feature in members:
            name = name_in_lists(feature) + ("" if feature.offered else " *")
            table.add_row(name, unit_in_lists(feature), OF[feature.arity], feature.definition)
        console.print(table)
        console.print()
    console.print("* synthesis uses it only if the study asks for it under [features]", markup=False, highlight=False)
    console.print(
        "nsp features --explain NAME tells formula, range, needs and an example", markup=False, highlight=False
    )

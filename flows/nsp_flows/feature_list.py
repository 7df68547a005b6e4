"""What ``nsp features`` prints: the catalog by family, then the operators over time."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.padding import Padding

from nsp_core.features import CATALOG
from nsp_core.features.describe import name_in_lists, unit_in_lists
from nsp_core.temporal import TEMPORAL_OPERATORS

__all__ = ["print_catalog"]

OF = {"individual": "animal", "pair": "dyad", "ordered_pair": "agent to target"}


def print_catalog(console: Console) -> None:
    """Print name, unit, whose it is and meaning of every feature; those synthesis must be asked for carry a star."""
    for family, members in groupby(CATALOG, key=lambda feature: feature.family):
        console.print(family, style="bold", highlight=False)
        for feature in members:
            name = name_in_lists(feature) + ("" if feature.offered else " *")
            _print_word(console, f"{name:<34} {unit_in_lists(feature):<18} {OF[feature.arity]}", feature.definition)
    console.print("over time", style="bold", highlight=False)
    for operator in TEMPORAL_OPERATORS:
        _print_word(console, f"{operator.name:<12} {operator.signature}", operator.documentation)
    console.print()
    for note in (
        "* synthesis uses it only if the study asks for it under [features]",
        "nsp features --explain NAME tells more about any of them",
    ):
        console.print(note, markup=False, highlight=False)


def _print_word(console: Console, title: str, meaning: str) -> None:
    console.print(f"  {title}".rstrip(), markup=False, highlight=False)
    console.print(Padding(meaning, (0, 0, 0, 6)), markup=False, highlight=False, style="dim")

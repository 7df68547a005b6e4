"""The productions of the published language of behavior programs, as builders of our trees.

Shah et al. 2020 know two types: an *atom*, what holds of one frame, and a *sequence* of atoms. Their atoms are vectors;
here a number stands for one component, so a program of two outputs is two programs. What they read once for a clip is
here read at every frame, and at the ends of a recording an average is that of the frames there are. Their windows are
counted in frames; an average that is built with ``fps`` says the same frames in seconds.

Three things of the public code are not repeated. Nothing below ``mapprefix`` sees a later frame: there the gate of an
``if`` reads the whole clip. The average over 11 frames is one: there it is read at the last frame of the clip, where
half of its frames are missing. And missing frames never enter an average: there shorter clips are padded with -1, and
the padding is averaged too.

References
----------
Shah, Zhan, Sun, Verma, Yue & Chaudhuri 2020, Learning differentiable programs with admissible neural heuristics,
NeurIPS 33, arXiv:2007.12101.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from nsp_core.dsl.ast import (
    AnyNode,
    Before,
    Choose,
    Compare,
    Constant,
    Duration,
    Feature,
    Fold,
    Map,
    MapPrefix,
    Number,
    Product,
    Sum,
    Windowed,
    children,
    with_children,
)
from nsp_core.dsl.places import is_atom
from nsp_core.dsl.text import format_program
from nsp_core.errors import FeatureError, ProgramError
from nsp_core.temporal import Window
from nsp_core.units import Unit

__all__ = ["PRODUCTIONS", "ArgumentType", "Production", "ResultType", "production"]

ResultType = Literal["atom", "sequence"]
ArgumentType = Literal["atom -> atom", "sequence -> atom", "sequence -> sequence", "feature", "number", "weights"]


@dataclass(frozen=True, slots=True)
class Production:
    """One rule of the published grammar.

    Attributes
    ----------
    name
        As the paper or its code calls it.
    result
        What it makes of a sequence.
    arguments
        The types of what it is made of: functions of an atom or of a sequence, or what is learned.
    build
        From its arguments to the number in our tree.
    documentation, source
        What it is, in a sentence, and where it is described.
    """

    name: str
    result: ResultType
    arguments: tuple[ArgumentType, ...]
    build: Callable[..., Number]
    documentation: str
    source: str


def production(name: str) -> Production:
    """Return the production called ``name``.

    Raises
    ------
    ProgramError
        If there is none; the closest name is given.

    Examples
    --------
    >>> from nsp_core.dsl.text import format_program
    >>> product = production("multiply").build(Feature("speed[agent]"), Feature("nose_to_nose"))
    >>> print(format_program(production("window5_average").build(product)))
    mean(speed[agent], 5 frame) * mean(nose_to_nose, 5 frame)
    """
    by_name = {each.name: each for each in PRODUCTIONS}
    if name not in by_name:
        close = difflib.get_close_matches(name, by_name, n=1)
        raise ProgramError(
            found=f"the production '{name}'",
            expected=f"one of {', '.join(by_name)}",
            where="published language",
            remedy=f"did you mean '{close[0]}'?" if close else "choose one of these",
        )
    return by_name[name]


def _added(first: Number, second: Number) -> Number:
    return Sum((first, second))


def _multiplied(first: Number, second: Number) -> Number:
    return Product((first, second))


def _chosen(gate: Number, then: Number, otherwise: Number) -> Number:
    return Choose(Compare(gate, ">", 0.0, 1.0), then, otherwise)


def _affine(
    weights: Mapping[str, float], bias: float, units: Mapping[str, Unit], before: float | None = None
) -> Number:
    """Return the weighted sum of features and a bias, a bare number.

    Parameters
    ----------
    weights
        One per feature of the subset, by reference, in one over the feature's unit.
    bias
        A bare number.
    units
        Unit of every feature there is.
    before
        In a fold, the weight of the fold's own value one frame ago, which is appended to the features.
    """
    for name in weights:
        if name not in units:
            close = difflib.get_close_matches(name, units, n=1)
            raise FeatureError(
                found=f"a weight for the feature '{name}'",
                expected=f"one of {', '.join(sorted(units))}",
                where="affine",
                remedy=f"did you mean '{close[0]}'?" if close else "give the unit of every feature of the subset",
            )
    summands = [_weighted(weight, Feature(name), units[name]) for name, weight in weights.items()]
    if before is not None:
        summands.append(Product((Constant(before), Before())))
    if not summands:
        raise ProgramError(
            found="an empty subset of features",
            expected="at least one feature",
            where="affine",
            remedy="give a weight for each feature of the subset, or use constant",
        )
    return Sum((*summands, Constant(bias)))


def _weighted(weight: float, feature: Feature, unit: Unit) -> Number:
    length, time, angle = (-exponent for exponent in unit.dimension)
    per_unit = Unit(length, time, angle, unit.length_reference, unit.time_reference)
    return Product((Constant(weight, per_unit), feature))


def _averaged(child: Number, *, window: Window, fps: float | None = None) -> Number:
    """Return ``child`` of the features' means over ``window``, whose frames are written in seconds if ``fps`` is given.

    The published averages are those of the features: only of an affine function are they the average of the result.
    """
    if not is_atom(child):
        raise ProgramError(
            found=f"an average of {format_program(child)}, which looks at other frames",
            expected="a function of the frame alone, which is given the averages of its features",
            where="published language",
            remedy="average inside, or use mean(...), which takes any number",
        )
    centered = window.after > 0
    if fps is None:
        width = Duration(float(window.width), "frame")
    else:
        width = Duration((window.width - 1 if centered else window.width) / fps)
    return _of_means(child, partial(Windowed, width=width, side="centered" if centered else "past"))


def _of_means(node: AnyNode, mean_of: Callable[[Number], Windowed]) -> AnyNode | Windowed:
    if isinstance(node, Feature):
        return mean_of(node)
    return with_children(node, [_of_means(part, mean_of) for part in children(node)])


_PAPER = "Shah et al. 2020, arXiv:2007.12101"
_CODE = f"{_PAPER}, public code"

PRODUCTIONS: tuple[Production, ...] = (
    Production("map", "sequence", ("atom -> atom",), Map, "A function of each frame alone.", _PAPER),
    Production(
        "mapprefix",
        "sequence",
        ("sequence -> atom",),
        MapPrefix,
        "At each frame, a function of the frames up to it.",
        _PAPER,
    ),
    Production(
        "fold",
        "atom",
        ("atom -> atom",),
        Fold,
        "A function of each frame and of its own value one frame ago, 0 at the start.",
        _PAPER,
    ),
    Production(
        "last5_average",
        "atom",
        ("atom -> atom",),
        partial(_averaged, window=Window(4, 0)),
        "A function of the features' means over frames t - 4 to t.",
        _CODE,
    ),
    Production(
        "last10_average",
        "atom",
        ("atom -> atom",),
        partial(_averaged, window=Window(9, 0)),
        "A function of the features' means over frames t - 9 to t.",
        _CODE,
    ),
    Production(
        "window5_average",
        "atom",
        ("atom -> atom",),
        partial(_averaged, window=Window(2, 2)),
        "A function of the features' means over frames t - 2 to t + 2.",
        _CODE,
    ),
    Production(
        "window7_average",
        "atom",
        ("atom -> atom",),
        partial(_averaged, window=Window(3, 3)),
        "A function of the features' means over frames t - 3 to t + 3.",
        _CODE,
    ),
    Production(
        "window11_average",
        "atom",
        ("atom -> atom",),
        partial(_averaged, window=Window(5, 5)),
        "A function of the features' means over frames t - 5 to t + 5.",
        _CODE,
    ),
    Production("add", "atom", ("atom -> atom", "atom -> atom"), _added, "The sum of two functions.", _PAPER),
    Production(
        "multiply", "atom", ("atom -> atom", "atom -> atom"), _multiplied, "The product of two functions.", _PAPER
    ),
    Production(
        "if_then_else",
        "atom",
        ("atom -> atom", "atom -> atom", "atom -> atom"),
        _chosen,
        "The second function where the first is above 0, else the third; smoothly, their mean weighted by the logistic "
        "function of the first.",
        _PAPER,
    ),
    Production(
        "sequence_if_then_else",
        "sequence",
        ("sequence -> atom", "sequence -> sequence", "sequence -> sequence"),
        _chosen,
        "The same with a gate that looks at other frames; read at each frame, and not once for the whole clip.",
        _CODE,
    ),
    Production(
        "affine",
        "atom",
        ("weights", "number"),
        _affine,
        "A weighted sum of a subset of features, and a bias; each weight in one over the unit of its feature.",
        _PAPER,
    ),
    Production("constant", "atom", ("number",), Constant, "The same number at every frame.", _PAPER),
    Production("input", "atom", ("feature",), Feature, "A feature at the frame.", _PAPER),
)
"""What the published programs are made of."""

"""The one visible tuple of operators: what each node is called, means, costs and how it reads.

A number is a series with NaN where it is missing. A condition's value is an interval ``(low, high)``: what is certain,
and what is possible; a missing number gives ``(0, 1)``. The smooth semantics computes the pair in probabilities, the
exact semantics in {0, 1}; the formulas below serve both, because every one of them maps {0, 1} to {0, 1}. In the exact
semantics ``(0, 1)`` is Kleene's third value: the program abstains.

=================  ======================================================  =========================================
operator           smooth meaning                                          exact meaning (limit of zero temperature)
=================  ======================================================  =========================================
``x < c ± s``      logistic((c - x) / (s * temperature))                   x < c
``and``            product                                                 all
``or``             1 - product of complements                              any
``not``            complement, bounds exchanged                            complement
``points``         logistic((sum of weight * part - c) / (s * temp.))      sum of the weights of what holds > c
``either``         larger of both orders                                   any of both orders
``sustained``      minimum over the last frames                            has held so long
``within``         maximum over the window                                 holds in the window
``followed_by``    first * maximum of the second over the next frames      first, and second at a later frame
``hysteresis``     s(t) = max(enter(t), min(stay(t), s(t - 1)))            from where it begins while it stays
``fill_gaps``      gray-scale closing                                      gaps filled
``min_bout``       gray-scale opening                                      short bouts dropped
``fraction``       mean over the window of low / (1 - (high - low))        share of the known frames
``if``             d * then + (1 - d) * otherwise, d = low / (1 - ...)     one of the two
=================  ======================================================  =========================================

The functions are in :mod:`~nsp_core.dsl.logic`, :mod:`~nsp_core.dsl.in_time` and :mod:`~nsp_core.dsl.arithmetic`, with
their sources. The evaluator (:mod:`~nsp_core.dsl.semantics`) walks the tree and calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from nsp_core.dsl import arithmetic, in_time, logic
from nsp_core.dsl.ast import (
    And,
    Apply,
    Before,
    Choose,
    Compare,
    Constant,
    Either,
    Feature,
    FillGaps,
    Filtered,
    Fold,
    FollowedBy,
    Fraction,
    Hysteresis,
    Map,
    MapPrefix,
    MinBout,
    Negative,
    Node,
    Not,
    Or,
    Product,
    Quotient,
    Sum,
    Sustained,
    Vote,
    Windowed,
    Within,
)
from nsp_core.dsl.values import (
    Numbers,
    Semantics,
    Series,
    Truth,
    Value,
    degree,
    duration_frames,
    half_window_frames,
    window_frames,
)

__all__ = [
    "OPERATORS",
    "Operator",
    "Semantics",
    "Series",
    "Truth",
    "duration_frames",
    "half_window_frames",
    "operator_of",
    "window_frames",
]


@dataclass(frozen=True, slots=True)
class Operator:
    """One word of the language.

    Attributes
    ----------
    name, node
        What it is called, and the node it gives a meaning to.
    signature
        What it takes and gives, in words.
    n_constants
        How many learned constants it adds to a program's complexity.
    text
        An example of how it reads.
    documentation, source
        What it means, in a sentence, and who described it.
    number
        Its meaning, of an operator that maps one number, or a condition's degree, to a number.
    numbers
        That of an operator that maps several of them to a number, frame by frame.
    compare
        That of an operator that maps a number to a truth.
    truth
        That of an operator that maps truths to a truth. Features, constants, ``before`` and ``fold`` have no function:
        the evaluator alone knows where values come from.
    """

    name: str
    node: type[Node]
    signature: str
    n_constants: str
    text: str
    documentation: str
    source: str
    number: Callable[[Node, Numbers, Semantics], Numbers] | None = None
    numbers: Callable[[Node, Sequence[Numbers], Semantics], Numbers] | None = None
    compare: Callable[[Node, Numbers, Semantics], Truth] | None = None
    truth: Callable[[Node, Sequence[Truth], Semantics], Truth] | None = None

    def value(self, node: Node, parts: Sequence[Value], semantics: Semantics) -> Value:
        """Return the value of ``node`` from those of its parts, in the order the evaluator has them."""
        if self.truth is not None:
            return self.truth(node, cast(Sequence[Truth], parts), semantics)
        series = [degree(part) if isinstance(part, tuple) else part for part in parts]
        if self.numbers is not None:
            return self.numbers(node, series, semantics)
        function = self.compare or self.number
        assert function is not None, f"{self.name} has no parts to make its value from"
        return function(node, series[0], semantics)


def operator_of(node: Node) -> Operator:
    """Return the operator that gives ``node`` its meaning."""
    return _BY_NODE[type(node)]


_SHAH = "Shah et al. 2020, NeurIPS"
_KLEENE = "Kleene 1952"

OPERATORS: tuple[Operator, ...] = (
    Operator(
        "feature",
        Feature,
        "name -> number [unit of the feature]",
        "0",
        "nose_to_nose",
        "The value of a feature at the frame.",
        "",
    ),
    Operator(
        "constant",
        Constant,
        "value [u] -> number [u]",
        "1 (value)",
        "3 mm/s",
        "The same number at every frame.",
        "",
    ),
    Operator(
        "window",
        Windowed,
        "statistic, number [u], [share], [past or next] duration -> number [u; of a slope u / time]",
        "1 (window), 2 with a share",
        "mean(speed[agent], 0.5 s)",
        "What a number does around, before or after the frame: mean, min, max, std, range, quantile, delta or slope; "
        "of a signed angle its circular version.",
        "Shah et al. 2020 (window averages); NaN-aware and in seconds here",
        number=arithmetic.windowed,
    ),
    Operator(
        "filter",
        Filtered,
        "kernel, number [u], sigma, [frequency] -> number [u]",
        "1 (sigma), 2 with a frequency",
        "morlet(speed[agent], 0.2 s, 3 1/s)",
        "A number weighted around the frame: gaussian, or morlet, which answers to one frequency.",
        "Tjandrasuwita et al. 2021, arXiv:2106.06114; NaN-aware and in seconds here",
        number=arithmetic.filtered,
    ),
    Operator(
        "fraction",
        Fraction,
        "truth, [past or next] duration -> number",
        "1 (window)",
        "fraction(p, past 2 s)",
        "Share of the known frames around, before or after the frame in which p holds; missing where none is known.",
        "Common practice (time budgets)",
        number=arithmetic.share_of_time,
    ),
    Operator(
        "negative",
        Negative,
        "number [u] -> number [u]",
        "0",
        "-x",
        "The number with its sign changed.",
        "",
        number=arithmetic.turned_negative,
    ),
    Operator(
        "sum",
        Sum,
        "number [u], number [u], ... -> number [u]",
        "0",
        "x + y",
        "Numbers added up; missing where a part is.",
        "",
        numbers=arithmetic.added,
    ),
    Operator(
        "product",
        Product,
        "number [u], number [v], ... -> number [u * v * ...]",
        "0",
        "x * y",
        "Numbers multiplied; missing where a part is.",
        "",
        numbers=arithmetic.multiplied,
    ),
    Operator(
        "quotient",
        Quotient,
        "number [u], number [v] -> number [u / v]",
        "0",
        "x / y",
        "One number over another; missing where either is, or where the divisor is 0.",
        "",
        numbers=arithmetic.divided,
    ),
    Operator(
        "function",
        Apply,
        "abs: number [u] -> number [u]; wrap: number [rad] -> angle; atan2: number [u], number [u] -> angle",
        "0",
        "atan2(y, x)",
        "abs, the size; wrap, an angle brought into (-pi, pi]; atan2, the direction of (x, y), missing at (0, 0).",
        "Mardia & Jupp 2000",
        numbers=arithmetic.function_of,
    ),
    Operator(
        "if",
        Choose,
        "truth, number [u], number [u] -> number [u]",
        "0",
        "if(p, x, y)",
        "x where p holds and y where it does not; missing where that is unknown. In the smooth semantics in between.",
        f"{_SHAH} (if-then-else, weighted)",
        numbers=arithmetic.chosen,
    ),
    Operator(
        "before",
        Before,
        "-> number",
        "0",
        "before",
        "Inside fold: the value of the fold at the frame before, 0 at the start.",
        _SHAH,
    ),
    Operator(
        "fold",
        Fold,
        "number [u] of the frame and of before [u] -> number [u]",
        "0",
        "fold(0.9 * before + 0.1 * x)",
        "A number made of this frame and of its own value before; where it is missing, that value is kept.",
        f"{_SHAH} (recurrence)",
    ),
    Operator(
        "map",
        Map,
        "number [u] of the frame alone -> number [u]",
        "0",
        "map(x)",
        "The number itself, said to look at nothing but the frame.",
        _SHAH,
        number=arithmetic.unchanged,
    ),
    Operator(
        "mapprefix",
        MapPrefix,
        "number [u] -> number [u]",
        "0",
        "mapprefix(x)",
        "What x would be if the recording ended at the frame: nothing looks ahead.",
        _SHAH,
        number=arithmetic.unchanged,
    ),
    Operator(
        "compare",
        Compare,
        "number [u], threshold [u], softness [u] -> truth",
        "2 (threshold, softness)",
        "nose_to_nose < 22 ± 3 mm",
        "A threshold with softness; unknown where the number is missing.",
        "Chaudhuri & Solar-Lezama 2010",
        compare=logic.compared,
    ),
    Operator("not", Not, "truth -> truth", "0", "not p", "Present where p is absent.", _KLEENE, truth=logic.negated),
    Operator("and", And, "truth, truth, ... -> truth", "0", "p and q", "All parts hold.", _KLEENE, truth=logic.all_of),
    Operator("or", Or, "truth, truth, ... -> truth", "0", "p or q", "Any part holds.", _KLEENE, truth=logic.any_of),
    Operator(
        "points",
        Vote,
        "weight, truth, weight, truth, ..., threshold, softness -> truth",
        "1 a part, and 2 (threshold, softness)",
        "points(2: p, 1: q) > 2.5 ± 0.5",
        "The weights of the parts that hold add up to more than a threshold.",
        "Rosenblatt 1958, doi:10.1037/h0042519 (threshold unit)",
        truth=logic.voted,
    ),
    Operator(
        "either",
        Either,
        "truth -> truth",
        "0",
        "either(p)",
        "The better of both orders of the two animals.",
        "",
        truth=logic.better_of,
    ),
    Operator(
        "sustained",
        Sustained,
        "truth, duration -> truth",
        "1 (duration)",
        "sustained(p, 2 s)",
        "p has held for at least this long, this frame included.",
        "Maler & Nickovic 2004 (bounded past of conditions)",
        truth=in_time.sustained,
    ),
    Operator(
        "within",
        Within,
        "truth, [past or next] duration -> truth",
        "1 (window)",
        "within(p, past 2 s)",
        "p holds at some frame around, before or after the frame.",
        "Maler & Nickovic 2004 (bounded past and future of conditions)",
        truth=in_time.some_within,
    ),
    Operator(
        "followed_by",
        FollowedBy,
        "truth, truth, duration -> truth",
        "1 (duration)",
        "followed_by(p, q, 2 s)",
        "p holds, and q does at a later frame, at most this far away.",
        "Maler & Nickovic 2004 (bounded future of conditions)",
        truth=in_time.followed,
    ),
    Operator(
        "hysteresis",
        Hysteresis,
        "truth, truth -> truth",
        "0",
        "hysteresis(p, q)",
        "Begins where p holds and lasts as long as q does.",
        "Canny 1986 (two thresholds)",
        truth=in_time.latched,
    ),
    Operator(
        "fill_gaps",
        FillGaps,
        "truth, duration -> truth",
        "1 (duration)",
        "fill_gaps(p, 0.3 s)",
        "Gaps between two bouts of at most this long belong to the behavior.",
        "Serra 1982 (closing)",
        truth=in_time.gaps_filled,
    ),
    Operator(
        "min_bout",
        MinBout,
        "truth, duration -> truth",
        "1 (duration)",
        "min_bout(p, 0.5 s)",
        "Bouts shorter than this are dropped.",
        "Serra 1982 (opening)",
        truth=in_time.short_bouts_dropped,
    ),
)

_BY_NODE: dict[type[Node], Operator] = {operator.node: operator for operator in OPERATORS}

"""Features and operators over time in words: what ``nsp features`` prints and the page says, from their definitions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby

from nsp_core.features.catalog import CATALOG
from nsp_core.features.geometry import BODY, CENTROID, DERIVATIVE_STEP_S
from nsp_core.features.lookup import spec
from nsp_core.features.spec import FeatureSpec
from nsp_core.temporal import TEMPORAL_OPERATORS, TemporalOperator

__all__ = ["ARITY_IN_WORDS", "catalog_page", "example_clause", "explain", "name_in_lists", "unit_in_lists"]

Facts = Iterator[tuple[str, str]]

ARITY_IN_WORDS = {
    "individual": "one animal",
    "pair": "a dyad, both orders alike",
    "ordered_pair": "a dyad, from agent to target",
}

_ARENA_IN_WORDS = {
    "outline": "an arena",
    "corners": "an arena with corners",
    "region": "a named region of the arena",
    "object": "a named object",
}

# A threshold of a plausible size for each dimension (exponents of length, time and angle), lengths in mm.
_EXAMPLE_THRESHOLDS = {
    (0, 0, 0): 0.5, (1, 0, 0): 40, (2, 0, 0): 900, (1, -1, 0): 50, (1, -2, 0): 200, (1, -3, 0): 2000, (0, 0, 1): 0.8,
    (0, -1, 1): 2, (-1, 0, 1): 0.05,
}  # fmt: skip
_EXAMPLE_ARENA_SHARE = 0.1
_EXAMPLE_NAMES = {
    "<region>": "shelter",
    "<object>": "water",
    "<role>": "left_paw",
    "<role>_to_<role>": "nose_to_left_paw",
}


def name_in_lists(feature: FeatureSpec) -> str:
    """Return the name, with the kind of name it takes behind it.

    Examples
    --------
    >>> name_in_lists(spec("in_region_shelter").spec)
    'in_region_<region>'
    """
    return f"{feature.name}_{feature.name_wanted}" if feature.takes_name else feature.name


def unit_in_lists(feature: FeatureSpec) -> str:
    """Return the unit where the scale is known, and the one where it is not if that differs.

    Examples
    --------
    >>> unit_in_lists(spec("speed").spec), unit_in_lists(spec("bend").spec), unit_in_lists(spec("contact").spec)
    ('mm/s or bl/s', 'rad', '-')
    """
    in_mm, in_body_lengths = str(feature.unit("mm")), str(feature.unit("body"))
    return (in_mm if in_mm == in_body_lengths else f"{in_mm} or {in_body_lengths}") or "-"


def example_clause(feature: FeatureSpec) -> str:
    """Return a clause of a program about the feature, with lengths in mm; of an angle that wraps, about its size.

    Examples
    --------
    >>> example_clause(spec("facing_angle").spec)
    'facing_angle[agent] < 0.8 rad'
    """
    name = f"{feature.name}_{_EXAMPLE_NAMES[feature.name_wanted]}" if feature.takes_name else feature.name
    reference = f"{name}[agent]" if feature.arity == "ordered_pair" else name
    number = f"abs({reference})" if feature.circular else reference
    threshold = _EXAMPLE_ARENA_SHARE if feature.fixed_reference == "arena" else _EXAMPLE_THRESHOLDS[feature.exponents]
    if feature.exponents == (0, 0, 0) and feature.range[0] >= 1:
        threshold = 2.0
    relation = ">" if feature.exponents[1] < 0 or feature.family == "tracking" else "<"
    return f"{number} {relation} {threshold:g} {feature.unit('mm')}".rstrip()


def explain(name: str) -> str:
    """Return what the feature, or the operator over time, called ``name`` means, as a few lines of text.

    Raises
    ------
    FeatureError
        If there is neither; the closest name of a feature is given.
    """
    for operator in TEMPORAL_OPERATORS:
        if operator.name == name:
            return _as_lines(operator.name, operator.documentation, _operator_facts(operator))
    by_list_name = {name_in_lists(feature): feature for feature in CATALOG}
    feature = by_list_name.get(name) or next((f for f in CATALOG if f.name == name), None) or spec(name).spec
    return _as_lines(f"{name_in_lists(feature)} ({feature.symbol})", feature.definition, _facts(feature))


def catalog_page() -> str:
    """Return the documentation page of the catalog, in markdown."""
    parts = [_PAGE_HEAD]
    for family, features in groupby(CATALOG, key=lambda feature: feature.family):
        parts.append(f"## {family.capitalize()}\n")
        for feature in features:
            parts.append(f"### `{name_in_lists(feature)}`\n\n{feature.definition}\n")
            parts.append(_as_list(_facts(feature)))
    parts.append(_OPERATORS_HEAD)
    for operator in TEMPORAL_OPERATORS:
        parts.append(f"### `{operator.name}`\n\n{operator.documentation}\n")
        parts.append(_as_list(_operator_facts(operator)))
    return "\n".join(parts)


def _facts(feature: FeatureSpec) -> Facts:
    yield "formula", f"{feature.symbol} = {feature.formula}"
    yield "unit", f"{unit_in_lists(feature)} (dimension: {feature.dimension or 'none'})"
    low, high = (_number(value) for value in feature.range)
    yield "range", f"{low} to {high}" + (", wraps around" if feature.circular else "")
    yield "of", ARITY_IN_WORDS[feature.arity]
    yield "needs", _needs(feature)
    if feature.reach_steps:
        yield "looks", f"{feature.reach_s:g} s into the past and the future"
    yield "example", example_clause(feature)
    if not feature.offered:
        yield "synthesis", "only if the study asks for it under [features]"
    yield "source", feature.source


def _operator_facts(operator: TemporalOperator) -> Facts:
    yield "takes", operator.signature
    for parameter in operator.parameters:
        unit = f" [{parameter.unit}]" if str(parameter.unit) else ""
        yield parameter.name, parameter.documentation.rstrip(".") + unit
    yield "edges", operator.edges
    yield "of signed angles", "a version of its own" if operator.circular else "refused"
    if operator.source:
        yield "source", operator.source


def _as_lines(title: str, meaning: str, facts: Facts) -> str:
    told = dict(facts)
    width = max(map(len, told))
    return "\n".join([title, f"  {meaning}", "", *(f"  {fact:<{width}}  {text}" for fact, text in told.items())])


def _as_list(facts: Facts) -> str:
    return "\n".join(f"- {fact}: {_as_markdown(fact, text)}" for fact, text in facts) + "\n"


def _needs(feature: FeatureSpec) -> str:
    roles = [f"the role {role}" if role != CENTROID else "any of nose, center, tail_base" for role in feature.roles]
    needs = roles or ["the roles in its name" if feature.n_points else "keypoints"]
    if feature.arena is not None:
        needs.append(_ARENA_IN_WORDS[feature.arena])
    return ", ".join(needs)


def _number(value: float) -> str:
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    return {math.pi: "pi", -math.pi: "-pi"}.get(value, f"{value:g}")


def _as_markdown(fact: str, text: str) -> str:
    return f"`{text}`" if fact in ("formula", "example", "takes") else text


_PAGE_HEAD = f"""# The feature catalog

Generated from `catalog.py` by `nsp features --page`; do not edit by hand.

Every feature is a word that programs may use. Lengths are in mm where the recording has a scale, and in body lengths
(bl) otherwise. A feature is missing (NaN) where a point it needs is missing and where it is undefined: a direction
without length, an ellipse of points on one line. It is never 0 for want of knowledge.

Derivatives are centered differences over {DERIVATIVE_STEP_S:g} s, not over one frame: tracking jitter of sigma per axis
adds noise of about sigma * sqrt(2) / {DERIVATIVE_STEP_S:g} s to a speed, whatever the frame rate.

A role is what features call a point, given by one keypoint of the tracker or by the mean of several. `{CENTROID}` is no
role: it is the mean of those of nose, center and tail_base that there are. The role `{BODY}` names the keypoints that
outline the animal, for its ellipse; without it all keypoints count, a tail tip too.

In formulas `c` is the centroid, `a` the body axis from the base of the tail to the nose, `v` the velocity of the
centroid, `h` half a derivative step ({DERIVATIVE_STEP_S / 2:g} s), `.` the inner and `x` the outer product, `cos+` a
cosine counted as 0 below 0. Of a dyad, 1 is the agent (or the first animal), 2 the target (or the second).
"""

_OPERATORS_HEAD = """## Over time

What a series does in a window of so many seconds around, before or after each frame, or since something was true.
Missing frames are left out. A recording computed in chunks gives the same bits as in one piece. Programs use all but
time_since, of features and of what is computed from them, as in `max(speed, 2 s)`, `quantile(speed, 0.9, next 2 s)`,
`gaussian(speed / body_length, 0.2 s)` and `fraction(speed > 30 mm/s, past 2 s)`; synthesis searches centered means so
far. All are there from Python (`nsp_core.temporal`). What a window costs does not depend on its width, except for
quantiles (the logarithm of it), the range of angles, and the filters (their sigma).
"""

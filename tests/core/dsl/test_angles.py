from __future__ import annotations

import numpy as np
import pytest

from nsp_core.dsl.angles import angle_kind, is_signed_angle
from nsp_core.dsl.ast import Apply, Before, Compare, Constant, Feature, Number, Sum
from nsp_core.dsl.text import parse_program
from nsp_core.features.catalog import CATALOG
from nsp_core.features.describe import name_in_lists
from nsp_core.features.spec import FeatureSpec
from nsp_core.search.columns import columns_for
from nsp_core.sequences import LabeledSequence
from nsp_core.units import parse_unit


def number(text: str) -> Number:
    program = parse_program(f"{text} > 0")
    assert isinstance(program, Compare)
    return program.child


@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_a_feature_is_what_the_catalog_says_whosever_it_is(feature: FeatureSpec) -> None:
    name = name_in_lists(feature).replace("<", "").replace(">", "")
    for reference in (name, f"{name}[agent]", f"{name}[target]"):
        assert is_signed_angle(Feature(reference)) == feature.circular


@pytest.mark.parametrize("name", ["wing_angle", "heading_2", "bearings[agent]", "point_speed_heading", "[agent]", ""])
def test_a_name_that_is_not_in_the_catalog_or_holds_an_angles_name_is_plain(name: str) -> None:
    assert not is_signed_angle(Feature(name))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("3.14 rad", "plain"),
        ("facing_angle[agent]", "plain"),
        ("facing_angle[agent] - facing_angle[target]", "plain"),
        ("fraction(heading > 1 rad, 2 s)", "plain"),
        ("wrap(facing_angle[agent])", "signed"),
        ("atan2(centroid_y, centroid_x)", "signed"),
        ("-heading", "signed"),
        ("abs(heading)", "plain"),
        ("abs(wrap(heading - bearing[agent]))", "plain"),
        ("heading - bearing[agent]", "unwrapped"),
        ("-(heading - bearing[agent])", "unwrapped"),
        ("heading + 1 rad", "unwrapped"),
        ("0.5 * heading", "unwrapped"),
        ("heading / 2", "unwrapped"),
        ("abs(heading) + abs(bearing[agent])", "plain"),
        ("wrap(heading - bearing[agent])", "signed"),
        ("mean(wrap(heading - bearing[agent]), 1 s)", "signed"),
        ("gaussian(heading, 1 s)", "signed"),
        ("delta(gaussian(-heading, 1 s), past 2 s)", "signed"),
        ("slope(heading, 1 s)", "plain"),
        ("map(heading)", "signed"),
        ("mapprefix(mean(heading, 1 s))", "signed"),
        ("if(heading > 1 rad, heading, bearing[agent])", "signed"),
        ("if(heading > 1 rad, 1 rad, 2 rad)", "plain"),
        ("fold(before + turning_rate * 0.1 s)", "plain"),
        ("fold(wrap(before + turning_rate * 0.1 s))", "signed"),
        ("fold(if(speed > 1 mm/s, before, heading))", "signed"),
        ("fold(before + heading)", "unwrapped"),
        ("fold(if(speed > 1 mm/s, before + 1 rad, heading))", "unwrapped"),
        ("std(fold(if(speed > 1 mm/s, before, heading)), 1 s)", "plain"),
    ],
)
def test_what_is_made_of_an_angle_wraps_or_has_left_the_range(text: str, kind: str) -> None:
    assert angle_kind(number(text)) == kind
    assert is_signed_angle(number(text)) == (kind == "signed")


@pytest.mark.parametrize(
    ("statistic", "signed"), [("mean", True), ("delta", True), ("std", False), ("range", False), ("slope", False)]
)
def test_a_direction_or_a_turn_wraps_a_spread_or_a_rate_does_not(statistic: str, signed: bool) -> None:
    assert is_signed_angle(number(f"{statistic}(heading, 1 s)")) == signed


def test_before_is_what_the_fold_around_it_is() -> None:
    angle = Sum((Before(), Constant(1.0, parse_unit("rad"))))
    assert angle_kind(angle) == "plain"
    assert angle_kind(angle, before="signed") == "unwrapped"
    assert angle_kind(Apply("wrap", (angle,)), before="unwrapped") == "signed"


def test_search_and_baselines_are_offered_no_threshold_on_an_angle_that_wraps() -> None:
    names = ("heading[agent]", "speed[agent]", "bearing[target]", "facing_angle[agent]")
    values, states = np.zeros((90, 4), np.float32), np.zeros(90, np.int8)
    sequence = LabeledSequence("r", values, states, names, (parse_unit("rad"),) * 4, 30.0)
    columns = columns_for([sequence])
    assert {column.feature for column in columns} == {"speed[agent]", "facing_angle[agent]"}

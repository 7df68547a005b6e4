from __future__ import annotations

from pathlib import Path

import pytest

from nsp_core.dsl.ast import Compare, feature_names
from nsp_core.dsl.text import parse_program
from nsp_core.dsl.typecheck import check_program
from nsp_core.errors import FeatureError
from nsp_core.features.catalog import CATALOG
from nsp_core.features.describe import catalog_page, example_clause, explain, name_in_lists
from nsp_core.features.geometry import CENTROID
from nsp_core.features.spec import FeatureSpec
from nsp_core.temporal import TEMPORAL_OPERATORS, TemporalOperator


@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_every_example_is_a_program_in_the_unit_of_the_feature(feature: FeatureSpec) -> None:
    program = parse_program(example_clause(feature))
    (name,) = feature_names(program)
    check_program(program, {name: feature.unit("mm")})
    assert isinstance(program, Compare)
    assert feature.range[0] <= program.threshold <= feature.range[1]


@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_an_explanation_says_everything_the_catalog_knows(feature: FeatureSpec) -> None:
    text = explain(name_in_lists(feature))
    assert text.startswith(name_in_lists(feature))
    needs = ["any of nose, center, tail_base" if role == CENTROID else role for role in feature.roles]
    for part in (feature.definition, feature.formula, str(feature.unit("mm")), feature.source, *needs):
        assert part in text
    assert ("only if the study asks" in text) == (not feature.offered)


def test_a_feature_of_a_place_is_explained_by_any_of_its_names() -> None:
    assert explain("in_region") == explain("in_region_<region>") == explain("in_region_shelter")


@pytest.mark.parametrize("operator", TEMPORAL_OPERATORS, ids=lambda operator: operator.name)
def test_operators_over_time_are_explained_and_on_the_page(operator: TemporalOperator) -> None:
    text, page = explain(operator.name), catalog_page()
    for part in (operator.documentation, operator.signature, operator.edges, operator.source):
        assert part in text
        assert part in page
    assert ("refused" in text) == (operator.circular is None)


def test_no_operator_has_the_name_of_a_feature() -> None:
    assert {operator.name for operator in TEMPORAL_OPERATORS}.isdisjoint(feature.name for feature in CATALOG)


def test_an_unknown_word_is_answered_with_the_closest() -> None:
    with pytest.raises(FeatureError, match="did you mean 'elongation'"):
        explain("elongatoin")


def test_the_documentation_page_is_the_catalogs() -> None:
    page = Path(__file__).parents[3] / "nsp_core" / "features" / "README.md"
    assert page.read_text(encoding="utf-8") == catalog_page(), "write it anew: nsp features --page"

from __future__ import annotations

import copy
import pickle

import pytest

from nsp_core import errors
from nsp_core.errors import NspError

PARTS = {
    "found": "fps = 0",
    "expected": "a positive number",
    "where": "study.toml, line 3",
    "remedy": "read it from the video",
}
KINDS = [getattr(errors, name) for name in errors.__all__]

BUILT_IN = {
    errors.MissingFileError: FileNotFoundError,
    errors.FormatError: ValueError,
    errors.AmbiguousError: ValueError,
    errors.StudyError: ValueError,
    errors.PoseError: ValueError,
    errors.LabelError: ValueError,
    errors.FeatureError: LookupError,
    errors.UnitError: TypeError,
    errors.ProgramError: ValueError,
    errors.OutputError: OSError,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_says_where_what_was_found_and_expected_and_what_to_do(kind: type[NspError]) -> None:
    error = kind(**PARTS)
    assert str(error) == "study.toml, line 3: found fps = 0, expected a positive number; read it from the video"
    assert {name: getattr(error, name) for name in PARTS} == PARTS


@pytest.mark.parametrize("kind", BUILT_IN)
def test_an_error_is_also_what_a_python_programmer_would_catch(kind: type[NspError]) -> None:
    with pytest.raises(BUILT_IN[kind], match="found fps = 0"):
        raise kind(**PARTS)
    with pytest.raises(NspError, match="found fps = 0"):
        raise kind(**PARTS)


def test_every_error_of_the_tree_has_a_built_in_parent() -> None:
    assert set(BUILT_IN) == set(KINDS) - {NspError}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("carry", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_comes_home_whole_from_another_process(kind: type[NspError], carry: object) -> None:
    error = kind(**PARTS)
    home = carry(error)
    assert type(home) is kind
    assert (str(home), home.args) == (str(error), error.args)


def test_the_four_parts_are_given_by_name() -> None:
    with pytest.raises(TypeError, match="positional"):
        NspError("fps = 0", "a positive number", "study.toml", "read it")

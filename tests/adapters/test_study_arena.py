"""The tables about arena and features: what they become, and what is said about each wrong one, line by line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nsp_adapters.study import read_study
from nsp_core.arena import Arena
from nsp_core.errors import StudyError
from nsp_core.study import Study, study_digest

STUDY = """\
[study]
name = "mice"
[tracking]
tracker = "deeplabcut"
fps = 30
scale = "unknown"
[roles]
nose = "snout"
[[recordings]]
role = "infer"
files = "m1.csv"
[[recordings]]
role = "infer"
files = ["m2.csv", "m3.csv"]
"""
# Below the lines above, so its header is line 15.
ARENA = """\
[arena]
outline = [[0, 0], [500, 0], [500, 400], [0, 400]]
regions = { shelter = [[10, 10], [90, 10], [90, 60]] }
objects = { water = [20, 35] }
"""
ALL = Arena(((0, 0), (500, 0), (500, 400), (0, 400)), {"shelter": ((10, 10), (90, 10), (90, 60))}, {"water": (20, 35)})


def read(folder: Path, *tables: str) -> Study:
    return read_text(folder, STUDY + "".join(tables))


def read_text(folder: Path, text: str) -> Study:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path, environment={})


def arenas(study: Study) -> list[Arena | None]:
    return [entry.arena for entry in study.recordings]


def test_a_study_need_not_state_arena_or_features(tmp_path: Path) -> None:
    study = read(tmp_path)
    assert arenas(study) == [None, None, None]
    assert study.features is None


def test_the_arena_holds_for_every_recording(tmp_path: Path) -> None:
    assert arenas(read(tmp_path, ARENA)) == [ALL, ALL, ALL]


@pytest.mark.parametrize(
    ("stated", "arena"),
    [
        ("circle = { center = [320, 240.5], radius = 200 }", Arena.circle((320, 240.5), 200)),
        ("rectangle = [[10, 20], [300, 200]]", Arena.rectangle((10, 20), (300, 200))),
        ("outline = [\n [0, 0], # a comment\n [9, 0],\n [0, 9],\n]", Arena(((0, 0), (9, 0), (0, 9)))),
    ],
)
def test_a_wall_has_one_of_three_shapes(tmp_path: Path, stated: str, arena: Arena) -> None:
    assert arenas(read(tmp_path, f"[arena]\n{stated}\n"))[0] == arena


@pytest.mark.parametrize(
    "stated",
    [
        "arena = { circle = { center = [5, 5], radius = 4 }, objects = { food = [1, 2] } }\n",
        "[recordings.arena]\ncircle = { center = [5, 5], radius = 4 }\n[recordings.arena.objects]\nfood = [1, 2]\n",
    ],
)
def test_a_block_replaces_the_whole_arena(tmp_path: Path, stated: str) -> None:
    own = Arena.circle((5, 5), 4, objects={"food": (1, 2)})
    assert arenas(read(tmp_path, stated, ARENA)) == [ALL, own, own]
    assert arenas(read(tmp_path, stated)) == [None, own, own]


def test_the_example_in_the_documentation_is_a_study(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "adapters" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert read(tmp_path, example).features == (
        "speed",
        "thigmotaxis",
        "in_region_shelter",
        "object_distance_water",
    )


def test_features_are_taken_as_they_are_written(tmp_path: Path) -> None:
    used = ("thigmotaxis", "speed", "in_region_shelter", "object_distance_water")
    assert read(tmp_path, ARENA, f"[features]\nuse = {list(used)}\n").features == used
    assert read(tmp_path, "[features]\n").features is None


def test_the_digest_covers_arena_and_features_by_what_they_mean(tmp_path: Path) -> None:
    stated = study_digest(read(tmp_path, ARENA))
    reworded = ARENA.replace("500", "500.0").replace("{ water", "{ water") + "# a comment\n"
    assert study_digest(read(tmp_path, reworded)) == stated
    for old, new in [("400", "401"), ("shelter", "nest"), ("[20, 35]", "[20, 36]"), ("water", "food")]:
        assert study_digest(read(tmp_path, ARENA.replace(old, new))) != stated
    assert study_digest(read(tmp_path)) != stated
    assert study_digest(read(tmp_path, ARENA, '[features]\nuse = ["speed"]\n')) != stated


# What stands in the arena | what is written instead | the line it is reported at and how that message begins.
WRONG = r"""
outline = [[0, 0], [500, 0], [500, 400], [0, 400]]\n | | 15: [arena] needs one of outline, circle, rectangle, and has
outline | outlin | 16: unknown key 'outlin' in [arena], did you mean 'outline'?
[arena] | [arnea] | 15: unknown table [arnea], did you mean [arena]?
[arena] | [[arena]] | 15: arena = a list of tables, expected the table [arena], in single brackets
[arena] | [arena]\nzzz = 1 | 16: unknown key 'zzz' in [arena], known keys: outline, circle, rectangle, regions, obj
[arena] | [arena]\nfps = 1 | 16: unknown key 'fps' in [arena], it belongs in [tracking] or [[recordings]]
[arena] | [arena]\nrectangle = [[0, 0], [1, 1]] | 15: [arena] needs one of outline, circle, rectangle, not outline an
[arena] | [arena]\nrectangle = [[0, 0]] | 16: rectangle = [[0, 0]] in [arena], expected two opposite corners [[x, y],
[arena] | [arena]\ncircle = 3 | 16: circle = 3 in [arena], expected { center = [x, y], radius = r } in pixels
[arena] | [arena]\ncircle = { center = [1, 2] } | 16: radius is missing in circle of [arena], expected pixels, a numb
[arena] | [arena]\ncircle = { radios = 2 } | 16: unknown key 'radios' in circle of [arena], did you mean 'radius'?
[arena] | [arena]\ncircle = { radius = 0 } | 16: radius = 0 in circle of [arena], expected pixels, a number above 0
[arena] | [arena]\ncircle = { center = [1] } | 16: center = [1] in circle of [arena], expected [x, y] in pixels
[500, 400] | \n[500, "a"] | 17: outline contains "a" in [arena], expected a list of corners [x, y] in pixels, at
[500, 400] | \n[500] | 17: outline contains [500] in [arena], expected a list of corners [x, y] in pixels
[500, 400] | \n[500, inf] | 17: outline contains inf in [arena], expected a list of corners
, [500, 400], [0, 400] | | 16: outline = [[0, 0], [500, 0]] in [arena], expected a list of corners [x, y] in pixels
[500, 400] | [0, 0] | 16: outline of [arena]: found the corner (0, 0) twice, expected every corner once; leave the
[500, 0], [500, 400] | [500, 400], [500, 0] | 16: outline of [arena]: found the edges (0, 0) to (500, 400) and (500, 0)
[500, 0], [500, 400], [0, 400] | [1, 1], [5, 5] | 16: outline of [arena]: found 3 corners on one line, expected corner
, [90, 60] | | 17: shelter = [[10, 10], [90, 10]] in regions of [arena], expected three or more corners in pixels
[90, 60] | [50, 10] | 17: region "shelter" of [arena]: found 3 corners on one line, expected corners around an area
[90, 60] | true | 17: shelter contains true in regions of [arena], expected three or more corners in pixels behind
shelter | "the nest" | 17: region "the nest" of [arena]: found the name 'the nest', expected a-z, 0-9 and _, a letter
[20, 35] | [20, 3e9] | 18: object "water" of [arena]: found the point (20.0, 3000000000.0), expected x and y in pixels
[20, 35] | 20 | 18: water = 20 in objects of [arena], expected a point in pixels behind each name, as water = [20, 35]
water | shelter | 18: object "shelter" of [arena]: found a region and an object called 'shelter', expected a name of
{ water = [20, 35] } | 5 | 18: objects = 5 in [arena], expected a point in pixels behind each name, as water = [20, 35]
"""


@pytest.mark.parametrize("row", WRONG.strip().splitlines())
def test_what_is_wrong_in_an_arena_is_said_with_its_line(tmp_path: Path, row: str) -> None:
    old, new, message = (part.strip(" ") for part in row.replace("\\n", "\n").split("|"))
    assert ARENA.count(old) == 1, f"{old!r} must stand once in the arena"
    with pytest.raises(StudyError, match=re.escape(f"study.toml:{message}")):
        read(tmp_path, ARENA.replace(old, new))


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("outlin = 1", "15: unknown key 'outlin' in arena of [[recordings]], did you mean 'outline'?"),
        (
            "circle = { radios = 1 }",
            "15: unknown key 'radios' in circle of arena of [[recordings]], did you mean 'radi",
        ),
        ("circle = 1", "15: circle = 1 in arena of [[recordings]], expected { center = [x, y], radius = r } in pixels"),
        ("regions = {}", "15: arena of [[recordings]] needs one of outline, circle, rectangle, and has none"),
        ("rectangle = [[1, 1], [1, 5]]", "15: rectangle of arena of [[recordings]]: found 4 corners on one line"),
    ],
)
def test_what_is_wrong_in_the_arena_of_a_block_is_said_with_its_line(tmp_path: Path, stated: str, message: str) -> None:
    with pytest.raises(StudyError, match=re.escape(f"study.toml:{message}")):
        read(tmp_path, f"arena = {{ {stated} }}\n")
    with pytest.raises(StudyError, match=re.escape("15: arena = 7 in [[recordings]], expected a table with")):
        read(tmp_path, "arena = 7\n")


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ('["spede"]', "20: unknown feature \"spede\" in use of [features], did you mean 'speed'?"),
        ('["speed",\n"spede"]', "21: unknown feature \"spede\" in use of [features], did you mean 'speed'?"),
        ('["speed", "speed"]', '20: the feature "speed" stands twice in use of [features]; keep one'),
        ("[]", "20: use = [] in [features], expected a list of feature names such as"),
        ('"speed"', '20: use = "speed" in [features], expected a list of feature names such as ["speed"]'),
        ("[1]", "20: use contains 1 in [features], expected a list of feature names"),
        ('["in_region"]', '20: unknown feature "in_region" in use of [features], did you mean'),
        (
            '["in_region_nest"]',
            "20: use of [features], for the [[recordings]] of line 9: found the feature in_region_nest and an arena "
            "with the regions shelter, expected an arena with the region 'nest'; state it under [arena]",
        ),
        (
            '["body_length"]',
            "20: use of [features], for the [[recordings]] of line 9: found the feature body_length and",
        ),
    ],
)
def test_features_that_programs_could_not_use_are_said_with_their_line(tmp_path: Path, use: str, message: str) -> None:
    with pytest.raises(StudyError, match=re.escape(f"study.toml:{message}")):
        read(tmp_path, ARENA, f"[features]\nuse = {use}\n")


def test_angles_that_wrap_may_be_asked_for_beside_what_synthesis_can_compare(tmp_path: Path) -> None:
    for name in ("labels.txt", "m1.csv", "m2.csv", "m3.csv"):
        (tmp_path / name).touch()
    study = STUDY.replace('"snout"\n', '"snout"\ntail_base = "rump"\n')
    labeled = study.replace('"infer"', '"train"\nlabels = "labels.txt"', 1)
    labeled += '[labels]\nformat = "bout-csv"\n[[behaviors]]\nname = "chase"\nkind = "directed"\n'

    def asking(tables: str, *names: str) -> str:
        return f"{tables}[features]\nuse = {json.dumps(names)}\n"

    assert read_text(tmp_path, asking(study, "heading", "bearing")).features == ("heading", "bearing")
    assert read_text(tmp_path, asking(labeled, "heading", "facing_angle")).features == ("heading", "facing_angle")
    only = r"study\.toml:23: use of \[features\] names nothing but angles that wrap, which synthesis compares with no "
    with pytest.raises(StudyError, match=f"{only}threshold; add a feature such as facing_angle$"):
        read_text(tmp_path, asking(labeled, "heading", "bearing"))
    with pytest.raises(StudyError, match=r"use of \[features\], did you mean 'heading'\?$"):
        read_text(tmp_path, asking(labeled, "hedaing"))


def test_a_used_feature_must_suit_every_block(tmp_path: Path) -> None:
    own = "arena = { circle = { center = [5, 5], radius = 4 } }\n"
    for used in ("corner_distance", "in_region_shelter", "object_distance_water"):
        message = (
            f"21: use of [features], for the [[recordings]] of line 12: found the feature {used} and an arena with"
        )
        with pytest.raises(StudyError, match=re.escape(message)):
            read(tmp_path, own, ARENA, f'[features]\nuse = ["{used}"]\n')


def test_a_misspelled_key_of_features_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=re.escape("16: unknown key 'used' in [features], did you mean 'use'?")):
        read(tmp_path, '[features]\nused = ["speed"]\n')

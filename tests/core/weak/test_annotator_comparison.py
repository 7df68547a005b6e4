"""What is said of annotators from the constants of their programs, on results made by hand."""

from __future__ import annotations

import math
from itertools import combinations

import pandas as pd
import pytest

from nsp_core.dsl.constants import constants_of, with_constants
from nsp_core.dsl.text import parse_program
from nsp_core.evaluate.agreement import Agreement
from nsp_core.evaluate.agreement_timing import TimingDifference
from nsp_core.evaluate.bootstrap import Interval
from nsp_core.weak.annotator_comparison import (
    TABLE_DTYPES,
    AnnotatorPair,
    AnnotatorPrograms,
    ConstantComparison,
    ConstantDifference,
    ConstantEstimate,
    ProgramAgreement,
    account_of,
    constant_name,
    constant_table,
)

NONE = Interval(math.nan, math.nan)
EARLIER = TimingDifference(-0.3, Interval(-0.5, -0.1), 12, "bouts")


def compared(
    text: str,
    constants: dict[str, list[float]],
    *,
    spread: float = 0.0,
    kept: tuple[int, ...] = (),
    onset: TimingDifference = EARLIER,
) -> AnnotatorPrograms:
    """Return programs with these constants; a difference is clear where it is larger than ``spread``."""
    common = parse_program(text)

    def interval(value: float) -> Interval:
        return Interval(value - spread, value + spread) if spread else NONE

    compared_constants = tuple(
        ConstantComparison(
            place,
            constant,
            place not in kept,
            tuple(ConstantEstimate(who, own[place], interval(own[place])) for who, own in constants.items()),
            tuple(
                ConstantDifference(first, second, ours[place] - theirs[place], interval(ours[place] - theirs[place]))
                for (first, ours), (second, theirs) in combinations(constants.items(), 2)
            ),
        )
        for place, constant in enumerate(constants_of(common))
    )
    frames = Agreement(both_present=20, only_first=5, only_second=10, both_absent=15)
    return AnnotatorPrograms(
        given=common,
        common=common,
        programs={who: with_constants(common, own) for who, own in constants.items()},
        constants=compared_constants,
        agreements=tuple(
            ProgramAgreement(whose, who, frames, 0.3 if spread and whose else math.nan)
            for whose in (*constants, "")
            for who in constants
        ),
        pairs=tuple(AnnotatorPair(*both, frames, onset) for both in combinations(constants, 2)),
        drawn="blocks of time",
        n_refits=20 if spread else 0,
    )


TEXT = "min_bout(mean(d, 0.5 s) < 30 mm and v > 10 mm/s, 0.3 s)"


def test_the_account_says_what_each_means_and_what_is_clear():
    found = compared(TEXT, {"brett": [0.3, 34, 0.6, 10], "donnie": [0.3, 28, 0.55, 14]}, spread=2)
    assert account_of(found, "interact") == (
        "shortest bout: 0.3 s for all",
        "brett calls it interact up to 34 mm (32 to 36) of mean(d, …), donnie up to 28 mm (26 to 30); "
        "brett's is larger than donnie's by 6 mm (4 to 8)",
        "window of mean(d, …): brett 0.6 s (-1.4 to 2.6), donnie 0.55 s (-1.45 to 2.55); no clear difference",
        "brett calls it interact from 10 mm/s (8 to 12) of v, donnie from 14 mm/s (12 to 16); "
        "donnie's is larger than brett's by 4 mm/s (2 to 6)",
        "brett's bouts start 0.30 s earlier than donnie's (95 % interval 0.10 to 0.50 s, median of 12 matching bouts)",
        "kappa between annotators: brett and donnie 0.40; of each program with its own annotator "
        "(on frames not fitted to): brett 0.40 (0.30), donnie 0.40 (0.30); "
        "with the others: brett's with donnie 0.40 (0.30), donnie's with brett 0.40 (0.30)",
        "2 of 4 differences of constants are clear, judged by 20 fits to random halves of blocks of time; "
        "of twenty that are none, one would be by accident",
    )


def test_without_refits_nothing_is_called_clear():
    found = compared("d < 30 mm", {"brett": [34], "donnie": [28]})
    sentences = account_of(found, "interact")
    assert sentences[0] == "brett calls it interact up to 34 mm of d, donnie up to 28 mm"
    assert len(sentences) == 3
    assert "not fitted" not in sentences[-1]


def test_constants_that_were_kept_are_not_told_of_and_stay_in_the_text():
    found = compared("mean(d, 0.5 s) < 30 mm", {"brett": [34, 0.5], "donnie": [28, 0.5]}, kept=(1,))
    assert (
        account_of(found, "interact")[0] == "brett calls it interact up to 34 mm of mean(d, 0.5 s), donnie up to 28 mm"
    )
    assert not any("window" in sentence for sentence in account_of(found, "interact"))


def test_a_threshold_on_what_the_behavior_is_not_is_told_plainly():
    found = compared("not v > 10 mm/s", {"brett": [10], "donnie": [12]})
    assert account_of(found, "interact")[0] == "threshold of v >: brett 10 mm/s, donnie 12 mm/s"


@pytest.mark.parametrize(
    ("onset", "sentence"),
    [
        ((0.2, 0.1, 0.4, 9, "recordings"), "donnie's bouts start 0.20 s earlier than brett's "
         "(95 % interval 0.10 to 0.40 s, median of 9 matching bouts)"),
        ((-0.2, -0.4, 0.1, 9, "bouts"), "brett's bouts start 0.20 s earlier than donnie's "
         "(95 % interval -0.10 to 0.40 s, median of 9 matching bouts; not clear)"),
        ((0.0, -0.1, 0.1, 9, "bouts"), "brett's bouts start when donnie's do "
         "(95 % interval -0.10 to 0.10 s, median of 9 matching bouts; not clear)"),
        ((-0.2, math.nan, math.nan, 1, ""), "brett's bouts start 0.20 s earlier than donnie's, in the one bout that "
         "matches"),
    ],
)  # fmt: skip
def test_who_starts_earlier_is_told_as_seconds_above_zero(onset, sentence):
    median, low, high, n, drawn = onset
    timing = TimingDifference(median, Interval(low, high), n, drawn)
    found = compared("d < 30 mm", {"brett": [34], "donnie": [28]}, onset=timing)
    assert account_of(found, "interact")[1] == sentence


def test_without_matching_bouts_nothing_is_said_of_onsets():
    found = compared("d < 30 mm", {"brett": [34], "donnie": [28]}, onset=TimingDifference(math.nan, NONE, 0, ""))
    assert len(account_of(found, "interact")) == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("morlet(d, 0.5 s, 2 1/s) > 3 ± 1 mm",
         ["threshold of morlet(d, …, …) >", "softness of morlet(d, …, …) >", "width of morlet(d, …, …)",
          "frequency of morlet(d, …, …)"]),
        ("quantile(d, 0.2, past 2 s) < 25 mm",
         ["threshold of quantile(d, …, past …) <", "window of quantile(d, …, past …)",
          "share of quantile(d, …, past …)"]),
        ("fill_gaps(sustained(d < 5 mm, 1 s), 2 s)",
         ["longest gap filled", "shortest duration of sustained(d < …, …)", "threshold of d <"]),
        ("points(2: d < 5 mm, 1: v > 3 mm/s) > 1.5",
         ["weight of d < …", "weight of v > …", "threshold of the points", "threshold of d <", "threshold of v >"]),
        ("within(v > 3 mm/s, past 2 s)", ["window of within(v > …, past …)", "threshold of v >"]),
    ],
)  # fmt: skip
def test_every_constant_has_a_name(text, names):
    values = [constant.value for constant in constants_of(parse_program(text))]
    found = compared(text, {"brett": values, "donnie": values})
    assert [constant_name(found, one) for one in found.constants] == names


def test_the_table_has_every_value_and_every_difference():
    table = constant_table(compared(TEXT, {"anna": [1, 2, 3, 4], "ben": [1, 3, 3, 9], "cleo": [1, 2, 3, 4]}, spread=2))
    assert {name: str(kind) for name, kind in table.dtypes.items()} == TABLE_DTYPES
    assert len(table) == 4 * (3 + 3)
    assert table["path"].drop_duplicates().tolist() == ["", "0.0", "0.0.0", "0.1"]
    differences = table[table["second"].notna()]
    clear = differences[differences["clear"]]
    assert clear[["constant", "first", "second", "value"]].to_numpy().tolist() == [
        ["threshold of v >", "anna", "ben", -5.0],
        ["threshold of v >", "ben", "cleo", 5.0],
    ]
    values = table[table["second"].isna()]
    assert values["clear"].isna().all()
    assert values[values["first"] == "ben"]["value"].tolist() == [1, 3, 3, 9]


def test_the_table_without_refits_has_no_intervals():
    table = constant_table(compared("d < 30 mm", {"brett": [34], "donnie": [28]}))
    assert table["low"].isna().all()
    assert isinstance(table, pd.DataFrame)
    assert not table["clear"].fillna(False).any()

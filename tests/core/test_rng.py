from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsp_core.rng import stream

names = st.lists(st.sampled_from(["search", "fold-1", "fold-2", "bootstrap"]), max_size=3).map(tuple)


@given(seed=st.integers(0, 2**64), path=names)
def test_a_seed_and_a_path_of_names_always_give_the_same_numbers(seed: int, path: tuple[str, ...]) -> None:
    np.testing.assert_array_equal(stream(seed, *path).random(4), stream(seed, *path).random(4))


@given(first=st.tuples(st.integers(0, 99), names), second=st.tuples(st.integers(0, 99), names))
def test_another_seed_or_path_gives_other_numbers(first: tuple, second: tuple) -> None:
    (seed, path), (other_seed, other_path) = first, second
    same = stream(seed, *path).random(4).tolist() == stream(other_seed, *other_path).random(4).tolist()
    assert same == (first == second)


def test_a_stream_is_the_same_in_every_release() -> None:
    # The figures stand here so that a change is noticed: it would change every result.
    assert stream(7, "search", "fold-3").integers(1_000_000, size=3).tolist() == [717355, 863224, 961062]


def test_drawing_from_one_stream_moves_no_other() -> None:
    untouched = stream(7, "bootstrap").random(3)
    search, bootstrap = stream(7, "search"), stream(7, "bootstrap")
    search.random(100)
    np.testing.assert_array_equal(bootstrap.random(3), untouched)


def test_a_stream_leaves_the_global_generator_alone() -> None:
    before = np.random.get_state()[1].tolist()  # noqa: NPY002  # the global generator is what the test is about
    stream(7, "search").random(10)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002  # as above

"""Inert pickles: lists of names in any protocol, and nothing that could run."""

from __future__ import annotations

import contextlib
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsp_adapters.poses.inert_pickle import InertPickleError, read_inert_pickle

names = st.text(max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | names,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(names, inner, max_size=3),
    max_leaves=20,
)


@given(value=plain, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_return_as_they_were(value, protocol):
    assert read_inert_pickle(pickle.dumps(value, protocol)) == value


@given(content=st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(content):
    with contextlib.suppress(InertPickleError):
        read_inert_pickle(content)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [len, np.float64(1), {1}, 1.5, b"bytes", np.str_("nose")])
def test_everything_else_is_refused(value, protocol):
    with pytest.raises(InertPickleError, match="which could run code"):
        read_inert_pickle(pickle.dumps([value], protocol))


@pytest.mark.parametrize("content", [b"", b"(lp0\n", b".", b"a.", b"g5\n.", b"(lp0\n(Vx\n", b"NN."])
def test_damage_is_refused(content):
    with pytest.raises(InertPickleError, match="damaged"):
        read_inert_pickle(content)


def test_huge_pickles_are_refused_unread(monkeypatch):
    monkeypatch.setattr("nsp_adapters.poses.inert_pickle.MAX_BYTES", 10)
    with pytest.raises(InertPickleError, match="11 bytes"):
        read_inert_pickle(b"." * 11)

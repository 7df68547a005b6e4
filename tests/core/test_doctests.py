"""The examples in the documentation of the core are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import nsp_core

MODULES = sorted(module.name for module in pkgutil.walk_packages(nsp_core.__path__, "nsp_core."))


@pytest.mark.parametrize("name", MODULES)
def test_every_example_shows_what_the_code_does(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_examples_are_found() -> None:
    finder = doctest.DocTestFinder()
    n_examples = {
        name: sum(len(test.examples) for test in finder.find(importlib.import_module(name))) for name in MODULES
    }
    assert sum(n_examples.values()) >= 30
    assert all(n_examples[f"nsp_core.dsl.{module}"] for module in ("ast", "text", "tree"))

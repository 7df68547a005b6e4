"""The command answers at once: nothing heavy is imported before there is something to do."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

HEAVY = ("numpy", "pandas", "xarray", "torch", "sklearn", "scipy", "pyarrow", "zarr", "prefect")
REPORT = f"""
import sys
from nsp_flows.cli import main
sys.argv[0] = "nsp"
try:
    main()
finally:
    print("imported:", *[name for name in {HEAVY!r} if name in sys.modules])
"""


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["infer", "--help"], []], ids=" ".join)
def test_help_imports_nothing_heavy(start_python: Callable[..., subprocess.Popen[str]], arguments: list[str]) -> None:
    output, errors = start_python(REPORT, *arguments).communicate(timeout=60)
    assert "Usage: nsp" in output + errors
    assert output.splitlines()[-1] == "imported:"


def test_help_lists_every_verb(start_python: Callable[..., subprocess.Popen[str]]) -> None:
    process = start_python(REPORT, "--help")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""
    assert all(verb in output for verb in ("demo", "run", "infer", "doctor"))


def test_the_core_imports_torch_only_for_who_calls_it(start_python: Callable[..., subprocess.Popen[str]]) -> None:
    code = "import sys, nsp_core; assert 'torch' not in sys.modules; print(*nsp_core.__all__)"
    output, errors = start_python(code).communicate(timeout=60)
    assert (output, errors) == ("evaluate infer synthesize\n", "")

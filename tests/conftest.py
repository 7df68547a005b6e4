"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def nsp_data() -> Path:
    """Folder of the real recordings; tests that need it are skipped, saying so, where it is absent."""
    folder = Path(os.environ.get("NSP_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "rats_resident_intruder_dlc").is_dir():
        pytest.skip(f"real recordings not found under {folder}: set NSP_DATA")
    return folder

"""A correct study of three recordings as text, to be changed, and how tests read it."""

from __future__ import annotations

from pathlib import Path

from nsp_adapters.study import read_study
from nsp_core.study import Study

FISH = ["f1", "f2", "f10"]

STUDY = """\
[study]
name = "fish"
data = "tracks"

[tracking]
tracker = "deeplabcut"
fps = 29.97
scale = "unknown"

[roles]
nose = "snout"
center = ["left", "right"]
tail_base = "tail"

[[recordings]]
role = "train"
poses = "pose/f1*.csv"
labels = "labels/{recording}.txt"

[[recordings]]
role = "test"
names = ["f2"]
poses = "pose/f2*.csv"
labels = "test/{stem}.txt"

[labels]
format = "caltech"
stream = "S1"

[[behaviors]]
name = "chase"
kind = "undirected"
"""

TRAIN = 'poses = "pose/f1*.csv"'


def read(folder: Path, text: str = STUDY, **environment: str) -> Study:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path, environment=environment)


def names(study: Study) -> list[str]:
    return [entry.name for entry in study.recordings]


def changed(*pairs: tuple[str, str]) -> str:
    text = STUDY
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} must stand once in the study"
        text = text.replace(old, new)
    return text

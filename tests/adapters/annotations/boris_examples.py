"""Rows of BORIS tabular events of versions 7, 8 and 9, and how the tests of such tables read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsp_adapters.annotations.boris_tabular import read_boris_tabular

PREAMBLE = """Observation id,day 1,,,,,,,
,,,,,,,,
Media file(s),,,,,,,,
,,,,,,,,
Player #1,C:/Video/cage3.avi,,,,,,,
,,,,,,,,
Observation date,2021-06-15 13:41:51,,,,,,,
Time offset (s),{offset},,,,,,,
,,,,,,,,
independent variables,,,,,,,,
variable,value,,,,,,,
Observer,anna,,,,,,,
,,,,,,,,
"""

V7 = "Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status\n"

V8 = (
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,Media duration (s),FPS,"
    "Subject,Behavior,Behavioral category,Behavior type,Time,Media file name,Image index,Image file path,Comment\n"
)

V9 = (
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),"
    "Media duration (s),FPS,observer,Subject,Behavior,Behavioral category,Modifier #1,Modifier #2,Behavior type,Time,"
    "Media file name,Image index,Image file path,Comment\n"
)


def v7(time: object, status: str, subject: str = "rat1", behavior: str = "sniff", fps: object = 25.0) -> str:
    return f"{time},C:/Video/cage3.avi,20.000,{fps},{subject},{behavior},,,{status}\n"


def v8(time: float, status: str, subject: str = "rat1", behavior: str = "sniff") -> str:
    media = "Media file(s),player #1:C:/Video/cage3.avi,20.000,25.000"
    return f"day 1,2024-01-01 10:00:00,,20.000,{media},{subject},{behavior},,{status},{time},cage3.avi,NA,NA,\n"


def v9(
    time: float,
    status: str,
    *,
    subject: str = "rat1",
    behavior: str = "sniff",
    modifiers: str = ",",
    observation: str = "day 1",
    coded: str = "20.000",
    offset: str = "0.000",
    media: str = "player #1:C:/Video/cage3.avi",
    duration: str = "20.000",
    fps: str = "25.000",
    observer: str = "",
) -> str:
    head = f"{observation},2024-01-01 10:00:00,,{coded},Media file(s),{media},{offset},{duration},{fps},{observer}"
    return f"{head},{subject},{behavior},,{modifiers},{status},{time:.3f},cage3.avi,NA,NA,\n"


def read(path: Path, **request: object):
    imported = read_boris_tabular(path, **({"fps": 25.0} | request))
    (labels,) = imported.labels
    return labels, imported.assumptions


def refusal(kind: type[Exception], path: Path, **request: object) -> str:
    with pytest.raises(kind) as caught:
        read_boris_tabular(path, **({"fps": 25.0} | request))
    return str(caught.value)

"""Videos, broken."""

from __future__ import annotations

from pathlib import Path

from nsp_core.errors import FormatError
from tests.adapters.broken.catalog import Broken, Damage, content, cut, holds
from tests.adapters.broken.sources import ffmpeg

COPIED = "copied completely|copy it again"


def row(name: str, damage: str, kind: str, make: Damage, found: str, advice: str = COPIED) -> Broken:
    return Broken(f"{kind} {name}", damage, kind, make, "video", FormatError, found, advice)


def converted(*words: object, name: str) -> Damage:
    """Let ffmpeg make another file of the video."""

    def damage(path: Path) -> Path:
        ffmpeg("-i", path, *words, path.with_name(name))
        return path.with_name(name)

    return damage


def sound(path: Path) -> Path:
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", path.with_name("cage3.m4a"))
    return path.with_name("cage3.m4a").rename(path.with_name("sound.mp4"))


def playlist(path: Path) -> Path:
    listed = path.with_name("list.mp4")
    listed.write_text(f"ffconcat version 1.0\nfile {path.name}\n")
    return listed


def scrambled(movie: bytes) -> bytes:
    """Garble the table of frames."""
    at = movie.index(b"stsz")
    return movie[: at + 8] + b"\xff" * 24 + movie[at + 32 :]


VIDEOS = (
    *(
        row(f"cut at {share:.0%}", "truncated", "mp4", cut(share), "damaged or truncated|cannot be opened as a video")
        for share in (0.01, 0.5, 0.97)
    ),
    *(
        row(f"cut at {share:.0%}", "truncated", "mkv", cut(share), "damaged or truncated|cannot be opened as a video")
        for share in (0.02, 0.7)
    ),
    row(
        "with its index garbled",
        "binary junk",
        "mp4",
        content(scrambled),
        "damaged or truncated|cannot be opened|without a frame",
    ),
    row("of sound alone", "no frames", "mp4", sound, "a file without a video stream", "give the video"),
    row(
        "that is a list of others",
        "content elsewhere",
        "mp4",
        playlist,
        "no video container",
        "put a raw stream into a container",
    ),
    row(
        "that is a raw stream",
        "unknown format",
        "mp4",
        converted("-c:v", "mpeg4", "-f", "m4v", name="raw.mp4"),
        "no video container|without different timestamps",
        "put a raw stream into a container|keeps time",
    ),
    row(
        "that is a picture",
        "unknown format",
        "mp4",
        converted("-frames:v", "1", "-update", "1", "-c:v", "png", "-f", "image2", name="still.mp4"),
        "no video container",
        "put a raw stream",
    ),
    row("that is a table", "unknown format", "mp4", holds("time,behavior\n1.0,sniff\n"), "cannot be opened as a video"),
)

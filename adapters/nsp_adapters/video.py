"""What a video is: exact frame rate, number of frames, size; broken and variable-rate files said to be so.

Read with ffmpeg, which only takes the container apart and decodes nothing: every packet of the first video stream is
listed with its timestamps (``-c copy -f framecrc``)::

    #tb 0: 1/30000
    #dimensions 0: 640x480
    #sar 0: 1/1
    0,      -1001,          0,     1001,    18315, 0x4cc1161f
    0,          0,       2002,     1001,      291, 0x1b2a8c11, F=0x0

(stream, decoding time, presentation time, duration, bytes, checksum, flags).

- **Frame rate**: from the timestamps, a fraction (30000/1001, never 29.97 or 30); see :mod:`nsp_adapters.video_timing`.
- **Number of frames**: counted, never duration times rate, and only those that are shown: an edit list (a trimmed mp4)
  marks frames as discarded, and players and trackers drop them; empty packets of an AVI are frames the camera lost.
- **Size**: as trackers see it, so width and height change places where the container says "turn by 90 degrees".

Known traps:

- ``Duration`` in the header is the longest stream's: with sound it is not the video's.
- A raw stream (``.h264``) has no timestamps; ffmpeg would invent 25 frames per second. Refused.
- An mp4 that lost its end lost its index too (*moov atom not found*). Matroska, AVI and mp4 with the index in front
  read up to the cut: refused as damaged. A transport stream (``.ts``) that was cut shows no sign of it.
- AVI with B-frames has no presentation times for some frames; decoding times lie on the same grid and replace them.
- VP8 may hide reference frames in packets of their own; these are counted.
- A playlist renamed ``.mp4`` makes ffmpeg open other files and addresses: only real containers and local files are
  allowed.

References
----------
ffmpeg formats (framecrc), https://ffmpeg.org/ffmpeg-formats.html#framecrc-1
imageio-ffmpeg (brings the ffmpeg program), https://github.com/imageio/imageio-ffmpeg
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from nsp_adapters.input_file import require_file
from nsp_adapters.video_timing import FrameTiming, timing_of
from nsp_core.errors import FormatError, MissingFileError

__all__ = ["VideoInfo", "read_video"]

# Demuxers of containers that hold their own timestamps and open no other file.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,mpegts,mpeg,flv,ogg,nut,mxf"
# Rates closer than this are the same number written with fewer digits (23.98 for 23.976); 29.97 and 30 are not.
_SAME_RATE = 5e-4
_NO_TIMESTAMP = -(2**63)
_CORRUPT, _DISCARD = 0x2, 0x4
_LOG_BYTES = 1 << 16

_HEADER = re.compile(r"#(?P<key>tb|dimensions|sar|codec_id) 0: (?P<value>\S+)")
_STATED_FPS = re.compile(r"Stream #0:.*Video: .*?(?P<fps>[\d.]+) fps")
_ROTATION = re.compile(r"display ?matrix: rotation of (?P<degrees>-?[\d.]+) degrees", re.IGNORECASE)
_COMPLAINT = re.compile(r"\[(?:error|fatal)\] (?P<text>.*)")
_DAMAGE = re.compile(
    r"\[(?:warning|error|fatal)\] (?P<text>(?!Error opening).*(?:ended prematurely|partial file|truncat|[Cc]orrupt).*)"
)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """One video stream.

    Attributes
    ----------
    file_name
        Name without the folder.
    n_frames
        Frames that are shown.
    width, height
        Pixels, after the rotation the container asks for.
    pixel_aspect
        Width of a pixel divided by its height; not 1 means that x and y have different millimeters per pixel.
    codec
        Name of the compression, as ffmpeg calls it.
    timing
        Rate and evenness.
    notes
        Sentences for the user: what was left out or replaced.
    """

    file_name: str
    n_frames: int
    width: int
    height: int
    pixel_aspect: Fraction
    codec: str
    timing: FrameTiming
    notes: tuple[str, ...] = ()

    @property
    def is_constant(self) -> bool:
        """Whether frame ``i`` is shown at ``i / fps`` seconds."""
        return self.timing.fps is not None

    def constant_fps(self, stated_fps: float | None = None) -> Fraction:
        """Return the exact frames per second.

        Parameters
        ----------
        stated_fps
            What the user or another file says; a rounded number (23.98) is replaced by the exact one.

        Raises
        ------
        FormatError
            If the rate varies, or ``stated_fps`` is another rate.
        """
        fps = self.timing.fps
        if fps is None:
            self._refuse_variable()
        if stated_fps is not None and not abs(stated_fps / float(fps) - 1) <= _SAME_RATE:
            raise FormatError(
                found=f"{float(fps):.6g} frames per second ({fps})",
                expected=f"the stated fps = {stated_fps:g}",
                where=self.file_name,
                remedy=f"state fps = {float(fps):.9g}, or give the video that these files are of",
            )
        return fps

    def _refuse_variable(self) -> NoReturn:
        timing = self.timing
        raise FormatError(
            found=(
                f"a variable frame rate: intervals of {1e3 * timing.shortest_s:.3g} to {1e3 * timing.longest_s:.3g} ms,"
                f" {timing.n_irregular} of {self.n_frames - 1} irregular, the first after frame"
                f" {timing.first_irregular}; frames up to {timing.largest_offset_s:.3g} s from their place"
            ),
            expected="a constant frame rate, so that frame numbers and seconds can be converted",
            where=self.file_name,
            remedy=(
                f"write a copy with `ffmpeg -i {self.file_name} -fps_mode cfr -r {round(1 / timing.median_s, 3):g}"
                " constant.mp4`, then track and annotate that copy"
            ),
        )


@dataclass(slots=True)
class _Packets:
    """What ffmpeg listed, as it comes."""

    header: dict[str, str] = field(default_factory=dict)
    shown: array[int] = field(default_factory=lambda: array("q"))
    decoded: array[int] = field(default_factory=lambda: array("q"))
    last_duration: int = 0
    n_discarded: int = 0
    n_empty: int = 0
    n_corrupt: int = 0


def read_video(path: Path) -> VideoInfo:
    """Return what the first video stream of ``path`` is; nothing is decoded, every packet is looked at.

    Raises
    ------
    MissingFileError
        If there is no such file, or no ffmpeg to read it with.
    FormatError
        If it is no video container, holds no picture, was cut short, or its timestamps say nothing.
    """
    require_file(path, "a video")
    packets, log, code = _list_packets(path)
    _refuse_damaged(path, packets, log, code)
    return _describe(path, packets, log)


def _list_packets(path: Path) -> tuple[_Packets, str, int]:
    command = [_ffmpeg(), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info"]
    command += ["-protocol_whitelist", "file", "-format_whitelist", _CONTAINERS, "-copyts"]
    # -copyinkf: packets before the first complete picture count too.
    command += ["-i", f"file:{path.absolute()}", "-map", "0:V:0", "-c", "copy", "-copyinkf", "-f", "framecrc", "-"]
    with tempfile.TemporaryFile() as log:
        # The file name is one argument with a prefix: neither an option nor an address can hide in it.
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process:  # noqa: S603
            assert process.stdout is not None
            packets = _parse_packets(process.stdout)
        log.seek(0)
        text = log.read(_LOG_BYTES).decode(errors="replace")
    # The path is not ffmpeg's word: a folder may be called "corrupt".
    return packets, text.replace(str(path.absolute()), path.name), process.returncode


def _ffmpeg() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MissingFileError(
            found="no ffmpeg program",
            expected="the one that comes with imageio-ffmpeg, or one on the PATH",
            where="reading a video",
            remedy="install ffmpeg, or set IMAGEIO_FFMPEG_EXE to its path",
        ) from error


def _parse_packets(lines: Iterable[bytes]) -> _Packets:
    packets = _Packets()
    for line in lines:
        if line.startswith(b"#"):
            if match := _HEADER.match(line.decode(errors="replace")):
                packets.header[match["key"]] = match["value"]
            continue
        _, decoded, shown, duration, size, _, *rest = line.split(b",")
        flags = int(rest[0].strip()[2:], 16) if rest and rest[0].strip().startswith(b"F=") else 0
        packets.n_corrupt += bool(flags & _CORRUPT)
        if flags & _DISCARD:
            packets.n_discarded += 1
        elif int(size) == 0:
            packets.n_empty += 1
        else:
            packets.shown.append(int(shown))
            packets.decoded.append(int(decoded))
            packets.last_duration = int(duration)
    return packets


def _refuse_damaged(path: Path, packets: _Packets, log: str, code: int) -> None:
    damage = _DAMAGE.search(log)
    if code == 0 and damage is None and not packets.n_corrupt:
        if not packets.shown:
            _refuse(path, "a video stream without a frame", "check that it was copied completely")
        return
    if "matches no streams" in log:
        _refuse(path, "a file without a video stream", "give the video, not its sound or a still image")
    if "Format not on whitelist" in log:
        _refuse(
            path,
            "no video container (a raw stream, an image or a playlist)",
            "put a raw stream into a container at its true rate: ffmpeg -r RATE -i FILE -c copy video.mp4",
        )
    if damage is not None or packets.shown:
        text = damage["text"].rstrip(". ") if damage is not None else f"{packets.n_corrupt} corrupt packets"
        _refuse(
            path,
            f"a damaged or truncated video: {text}, after {len(packets.shown)} frames",
            "copy it again from the camera, or cut the damaged end off and track the new file",
        )
    complaint = _COMPLAINT.search(log)
    reason = complaint["text"].rstrip(". ") if complaint is not None else f"ffmpeg ended with {code}"
    _refuse(path, f"a file that cannot be opened as a video ({reason})", "check that it was copied completely")


def _refuse(path: Path, found: str, remedy: str) -> NoReturn:
    raise FormatError(
        found=found, expected="a complete video (mp4, mov, avi, mkv, ...)", where=path.name, remedy=remedy
    )


def _describe(path: Path, packets: _Packets, log: str) -> VideoInfo:
    opened = log.partition("Stream mapping:")[0]
    ticks, notes = _ticks(packets)
    if packets.n_discarded:
        notes.append(f"{packets.n_discarded} frames cut away by the container's edit list are not counted")
    if packets.n_empty:
        notes.append(f"{packets.n_empty} empty packets (frames the camera lost) are not counted")
    width, _, height = packets.header["dimensions"].partition("x")
    size = (int(width), int(height))
    rotation = _ROTATION.search(opened)
    if rotation is not None and round(float(rotation["degrees"])) % 180 == 90:
        size = (size[1], size[0])
        notes.append("the picture is turned by 90 degrees, as the container asks: width and height change places")
    aspect = Fraction(1)
    if packets.header.get("sar", "0/1").partition("/")[0] != "0":
        aspect = Fraction(packets.header["sar"])
    return VideoInfo(
        file_name=path.name,
        n_frames=len(ticks),
        width=size[0],
        height=size[1],
        pixel_aspect=aspect,
        codec=packets.header.get("codec_id", "unknown"),
        timing=_timing(path, packets, ticks, opened),
        notes=tuple(notes),
    )


def _ticks(packets: _Packets) -> tuple[NDArray[np.int64], list[str]]:
    shown = np.frombuffer(packets.shown, dtype=np.int64)
    if not (shown == _NO_TIMESTAMP).any():
        return np.sort(shown), []
    return np.sort(np.frombuffer(packets.decoded, dtype=np.int64)), [
        "decoding times replace missing presentation times"
    ]


def _timing(path: Path, packets: _Packets, ticks: NDArray[np.int64], opened: str) -> FrameTiming:
    time_base = Fraction(packets.header["tb"])
    stated = _STATED_FPS.search(opened)
    if len(ticks) == 1 and packets.last_duration > 0:
        # The end of the only frame stands for the frame that would follow.
        ticks = np.append(ticks, ticks[0] + packets.last_duration)
    if len(ticks) == 1 or ticks[0] == ticks[-1]:
        _refuse(path, "frames without different timestamps", "record it in a container that keeps time, or remux it")
    return timing_of(ticks, time_base, stated_fps=Fraction(stated["fps"]) if stated is not None else None)

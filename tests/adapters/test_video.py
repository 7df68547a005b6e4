"""Video metadata: exact, counted, and refused where the file is broken or its rate varies."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest

from nsp_adapters import video as video_module
from nsp_adapters.video import read_video
from nsp_core.errors import FormatError, MissingFileError

Make = Callable[..., Path]


def ffmpeg(*words: object) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def decoded_frames(path: Path) -> int:
    """Frames a player gets: every picture shrunk to one gray byte."""
    return len(
        ffmpeg("-i", path, "-fps_mode", "passthrough", "-vf", "scale=1:1", "-pix_fmt", "gray", "-f", "rawvideo", "-")
    )


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Make a small video once: ``make("a.mp4", rate="24000/1001", frames=10, options...)``."""
    folder = tmp_path_factory.mktemp("videos")

    def make(name: str, *options: object, rate: str = "30", frames: int = 12, size: str = "64x48") -> Path:
        path = folder / name
        if not path.exists():
            source = f"testsrc=size={size}:rate={rate}"
            ffmpeg("-f", "lavfi", "-i", source, "-frames:v", frames, "-c:v", "mpeg4", *options, path)
        return path

    return make


def refusal(path: Path) -> str:
    with pytest.raises(FormatError) as caught:
        read_video(path)
    assert caught.value.where == path.name
    assert caught.value.remedy
    return caught.value.found


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        *(("a.mp4", rate) for rate in ("24000/1001", "30000/1001", "25", "5883/100", "120")),
        *(("a.mkv", rate) for rate in ("30000/1001", "5883/100", "240")),
        ("a.avi", "24000/1001"),
    ],
)
def test_rate_count_and_size_are_exact_in_every_container(make, rate, name):
    path = make(f"{rate.replace('/', '_')}{name}", rate=rate, frames=31)
    video = read_video(path)
    assert video.timing.fps == Fraction(rate)
    assert video.constant_fps() == Fraction(rate)
    assert video.is_constant
    assert video.n_frames == 31 == decoded_frames(path)
    assert (video.width, video.height, video.pixel_aspect) == (64, 48, 1)
    assert (video.file_name, video.codec, video.notes) == (path.name, "mpeg4", ())


def test_frames_shown_in_another_order_than_stored_are_counted_and_timed(make):
    path = make("reordered.mp4", "-bf", 2, rate="30000/1001", frames=20)
    video = read_video(path)
    assert (video.n_frames, video.timing.fps) == (20, Fraction(30000, 1001))
    assert video.n_frames == decoded_frames(path)


def test_missing_presentation_times_of_an_avi_are_said_to_be_replaced(make):
    video = read_video(make("reordered.avi", "-bf", 2, frames=20))
    assert (video.n_frames, video.timing.fps) == (20, 30)
    assert video.notes == ("decoding times replace missing presentation times",)


def test_frames_before_an_edit_do_not_count(make):
    whole = make("keyframes.mp4", "-g", 10, frames=40)
    path = whole.with_name("trimmed.mp4")
    ffmpeg("-y", "-ss", "0.5", "-i", whole, "-c", "copy", path)
    video = read_video(path)
    assert video.n_frames == decoded_frames(path) < 40
    assert "edit list" in video.notes[0]


def test_turned_video_changes_width_and_height(make):
    path = make("upright.mp4").with_name("turned.mp4")
    ffmpeg("-y", "-display_rotation", 90, "-i", make("upright.mp4"), "-c", "copy", path)
    video = read_video(path)
    assert (video.width, video.height) == (48, 64)
    assert "90 degrees" in video.notes[0]


def test_oblong_pixels_are_reported(make):
    assert read_video(make("oblong.mp4", "-vf", "setsar=8/9")).pixel_aspect == Fraction(8, 9)


def test_one_frame_is_a_video(make):
    video = read_video(make("one.mp4", rate="25", frames=1))
    assert (video.n_frames, video.timing.fps) == (1, 25)


def test_sound_longer_than_the_picture_changes_nothing(make):
    path = make("silent.mp4").with_name("sound.mp4")
    ffmpeg("-y", "-i", make("silent.mp4"), "-f", "lavfi", "-i", "sine=duration=3", "-c:v", "copy", path)
    video = read_video(path)
    assert (video.n_frames, video.timing.fps) == (12, 30)


def test_name_that_looks_like_an_option_or_an_address_is_a_name(make, tmp_path, monkeypatch):
    for name in ("-version.mp4", "pipe:0", "corrupt truncated 50%.mp4"):
        (tmp_path / name).write_bytes(make("plain.mp4").read_bytes())
        monkeypatch.chdir(tmp_path)
        assert read_video(Path(name)).n_frames == 12


def test_joined_clips_of_two_rates_are_variable_and_refused_where_a_rate_is_needed(make):
    first, second = make("slow.mkv", rate="25"), make("fast.mkv", rate="50")
    listing = first.with_name("clips.txt")
    listing.write_text(f"file '{first}'\nfile '{second}'\n")
    path = first.with_name("joined.mkv")
    ffmpeg("-y", "-f", "concat", "-safe", 0, "-i", listing, "-c", "copy", path)
    video = read_video(path)
    assert not video.is_constant
    assert video.n_frames == 24 == decoded_frames(path)
    assert video.timing.fps is None
    with pytest.raises(FormatError) as caught:
        video.constant_fps(25.0)
    assert caught.value.found.startswith("a variable frame rate: intervals of 20 to 40 ms, 11 of 23 irregular")
    assert "-fps_mode cfr" in caught.value.remedy


def test_one_dropped_frame_is_variable(make):
    video = read_video(make("dropped.mp4", "-vf", "select=not(eq(n\\,7))", "-fps_mode", "vfr", frames=30))
    assert not video.is_constant
    assert (video.timing.n_irregular, video.timing.first_irregular) == (1, 6)
    assert video.timing.longest_s == pytest.approx(2 / 30)


def test_stated_rate_is_checked_and_replaced_by_the_exact_one(make):
    video = read_video(make("ntsc.mp4", rate="24000/1001"))
    assert video.constant_fps(23.98) == Fraction(24000, 1001)
    with pytest.raises(FormatError, match=r"ntsc\.mp4: found 23\.976 .*24000/1001.*, expected the stated fps = 24;"):
        video.constant_fps(24.0)
    with pytest.raises(FormatError, match=r"; state fps = 23\.976024, or give the video that these files are of$"):
        video.constant_fps(24.0)
    with pytest.raises(FormatError, match="stated fps = nan"):
        video.constant_fps(float("nan"))


@pytest.mark.parametrize("name", ["front.mp4", "cut.mkv", "cut.avi"])
@pytest.mark.parametrize("share", [0.6, 0.9])
def test_truncated_video_that_still_plays_is_refused(make, tmp_path, name, share):
    options = ["-movflags", "faststart"] if name.endswith("mp4") else []
    content = make(name, *options, size="320x240", frames=40).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: int(share * len(content))])
    found = refusal(path)
    assert "damaged or truncated video" in found
    assert "frames" in found


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 5000, b"RIFF\x00\x00\x00\x00AVI "])
def test_what_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "cage.mp4"
    path.write_bytes(content)
    assert "cannot be opened as a video" in refusal(path)


def test_mp4_without_its_end_has_no_index(make, tmp_path):
    path = tmp_path / "cage.mp4"
    content = make("whole.mp4").read_bytes()
    path.write_bytes(content[: content.index(b"moov")])
    assert refusal(path).startswith("a file that cannot be opened as a video (")
    path.write_bytes(content[:-500])
    assert refusal(path) == "a video stream without a frame"


def test_raw_stream_and_playlist_are_no_containers(make, tmp_path):
    raw, playlist = tmp_path / "raw.bin", tmp_path / "list.mp4"
    ffmpeg("-i", make("plain.mp4"), "-c", "copy", "-f", "m4v", raw)
    playlist.write_text(f"ffconcat version 1.0\nfile '{make('plain.mp4').name}'\n")
    for path in (raw, playlist):
        assert refusal(path) == "no video container (a raw stream, an image or a playlist)"


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "song.m4a"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", path)
    assert refusal(path) == "a file without a video stream"


def test_missing_video_and_missing_ffmpeg_are_named(make, tmp_path, monkeypatch):
    with pytest.raises(MissingFileError, match=r"cage9\.mp4: found no such file, expected a video"):
        read_video(tmp_path / "cage9.mp4")

    def none() -> str:
        raise RuntimeError("no ffmpeg exe")

    monkeypatch.setattr(video_module.imageio_ffmpeg, "get_ffmpeg_exe", none)
    with pytest.raises(MissingFileError, match=r"found no ffmpeg program.*IMAGEIO_FFMPEG_EXE"):
        read_video(make("plain.mp4"))


def test_frames_all_at_one_time_are_refused(make, monkeypatch):
    listing = b"#tb 0: 1/30\n#dimensions 0: 64x48\n" + 2 * b"0, 5, 5, 0, 99, 0x1\n"
    packets = video_module._parse_packets(listing.splitlines(keepends=True))
    monkeypatch.setattr(video_module, "_list_packets", lambda path: (packets, "", 0))
    assert refusal(make("plain.mp4")) == "frames without different timestamps"


def test_empty_packets_are_frames_the_camera_lost(make, monkeypatch):
    rows = b"".join(b"0, %d, %d, 1, %d, 0x1, F=0x0\n" % (k, k, 0 if k == 3 else 50) for k in range(8))
    packets = video_module._parse_packets((b"#tb 0: 1/30\n#dimensions 0: 64x48\n" + rows).splitlines(keepends=True))
    monkeypatch.setattr(video_module, "_list_packets", lambda path: (packets, "", 0))
    video = read_video(make("plain.mp4"))
    assert (video.n_frames, video.timing.fps, video.timing.first_irregular) == (7, None, 2)
    assert "1 empty packets" in video.notes[0]


def mp4_boxes(path: Path) -> tuple[Fraction, int]:
    """Rate and number of frames from the boxes of the video track, read without ffmpeg."""
    content = path.read_bytes()
    handler = content.index(b"hdlr", content.index(b"moov"))
    while content[handler + 12 : handler + 16] != b"vide":
        handler = content.index(b"hdlr", handler + 4)
    clock = content.rindex(b"mdhd", 0, handler)
    (timescale,) = struct.unpack(">I", content[clock + 16 : clock + 20])
    table = content.index(b"stts", handler)
    (n_rows,) = struct.unpack(">I", content[table + 8 : table + 12])
    rows = [struct.unpack(">II", content[table + 12 + 8 * k : table + 20 + 8 * k]) for k in range(n_rows)]
    assert len({step for _, step in rows}) == 1
    return Fraction(timescale, rows[0][1]), sum(count for count, _ in rows)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("formats/sleap/centered_pair_small.mp4", (384, 384)),
        ("formats/sleap/small_robot.mp4", (560, 320)),
        ("amadeus_mabe_video/MABe/EGS8X2MN4SSUGFWAV976.mp4", (512, 512)),
        ("amadeus_mabe_video/Horse/BrownHorseinShadow.mp4", (288, 162)),
    ],
)
def test_real_videos_agree_with_their_boxes_and_with_decoding(nsp_data, name, size):
    path = nsp_data / name
    video = read_video(path)
    assert (video.constant_fps(), video.n_frames) == mp4_boxes(path)
    assert (video.width, video.height) == size
    assert not video.notes
    if video.n_frames < 400:
        assert video.n_frames == decoded_frames(path)

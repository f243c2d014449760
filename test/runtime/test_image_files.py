"""The decoders of images, against Pillow; files that are no images; mutated files under the sanitizers."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import aicc
from aicc import runtime
from aicc.errors import RuntimeError_

from .conftest import Fake, cc
from .image_samples import REAL, SAMPLES

HERE = Path(__file__).parent
Array = np.ndarray[Any, Any]
Decode = Callable[[bytes], Array]


@pytest.fixture(scope="session")
def decode(fake: Fake) -> Decode:
    """The RGB pixels of a file."""
    model = aicc.load(fake("image"))

    def run(file: bytes) -> Array:
        (y,) = model.run([np.frombuffer(file, np.uint8)])
        return np.asarray(y)

    return run


def pillow(file: bytes) -> Array:
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


@pytest.mark.parametrize("name", SAMPLES)
def test_pixels_are_those_of_pillow(decode: Decode, name: str) -> None:
    file, expected = SAMPLES[name]()
    np.testing.assert_array_equal(decode(file), pillow(file) if expected is None else expected)


@pytest.mark.parametrize("name", REAL)
def test_pixels_are_nearly_those_of_pillow(decode: Decode, name: str) -> None:
    file, _ = REAL[name]()
    difference = np.abs(decode(file).astype(int) - pillow(file))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("1", lambda image: np.asarray(image)[..., ::-1]),
        ("2", lambda image: np.asarray(image.convert("L"))[..., None]),
    ],
)
def test_layouts(fake: Fake, layout: str, expected: Callable[[Any], Array]) -> None:
    """Blue first, and luma."""
    file, _ = SAMPLES["bmp RGB"]()
    (y,) = aicc.load(fake("image", f"LAYOUT={layout}")).run([np.frombuffer(file, np.uint8)])
    np.testing.assert_array_equal(y, expected(Image.open(io.BytesIO(file))))


FORMATS = "supported are BMP, PNM, PNG, JPEG, TIFF, WebP, JPEG 2000"
BAD = {
    "": f"node 'decode': the 0 bytes are no image of a known format; {FORMATS}",
    "GIF89a": f"node 'decode': images of format GIF are not supported; {FORMATS}",
    "P6 4 4 255 \x00\x01": "the PNM image cannot be decoded: 48 bytes from byte 11 on are needed, and the file has 13",
    "P3 1 1 7 1 2 8": "the PNM image cannot be decoded: the sample before byte 14 is out of range",
    "P5 99999999 9999999 255 ": "it is said to be 99999999 pixels wide and 9999999 high",
}


@pytest.mark.parametrize("file", BAD)
def test_what_cannot_be_decoded_is_an_error(decode: Decode, file: str) -> None:
    with pytest.raises(RuntimeError_, match="AICC-5003") as error:
        decode(file.encode("latin1"))
    assert BAD[file].lower() in str(error.value).lower()


CHANGED = {
    "another checksum": ("png RGB", b"IDAT", 8, "the checksum of chunk 'IDAT' is wrong"),
    "a lossless JPEG": ("jpeg RGB", b"\xff\xc0", 1, "lossless images are not supported"),
    "an arithmetic-coded JPEG": ("jpeg RGB", b"\xff\xc0", 1, "arithmetic-coded images are not supported"),
    "a JPEG of 12 bits": ("jpeg RGB", b"\xff\xc0", 4, "samples of 12 bits are not supported"),
    "a JPEG without its table": ("jpeg RGB", b"\xff\xc4", 4, "a Huffman table is missing"),
    "a BMP in a BMP": ("bmp RGB", b"BM", 30, "compression 4 (JPEG) is not supported"),
    "a TIFF of a fax": ("tiff 1, raw", b"\x03\x01\x03\x00", 8, "compression 4 (CCITT group 4) is not supported"),
    "a WebP of another version": ("webp RGB of (16, 16), lossless", b"VP8L", 12, "its lossless header is unknown"),
    "regions of interest": ("jpeg 2000 RGB", b"\xff\x5c", 1, "regions of interest are not supported"),
    "a colour space": ("jpeg 2000 RGB", b"colr", 10, "the colour space 18 is not supported"),
}  # fmt: skip
VALUES = {
    "a lossless JPEG": 0xC3, "an arithmetic-coded JPEG": 0xC9, "a JPEG of 12 bits": 12, "a BMP in a BMP": 4,
    "a TIFF of a fax": 4, "regions of interest": 0x5E, "a colour space": 18, "a JPEG without its table": 3,
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGED)
def test_what_is_refused_is_named(decode: Decode, what: str) -> None:
    """One byte of a file is another one."""
    name, mark, offset, message = CHANGED[what]
    file = bytearray(SAMPLES[name]()[0])
    place = file.index(mark) + offset
    file[place] = VALUES.get(what, file[place] ^ 0xFF)
    with pytest.raises(RuntimeError_, match="AICC-5003") as error:
        decode(bytes(file))
    assert message in str(error.value)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_part_of_a_file_is_needed_or_ignored(decode: Decode, name: str) -> None:
    """Files that end early are errors, or decode: nothing else happens."""
    file, _ = SAMPLES[name]()
    errors = 0
    for length in range(0, len(file), max(1, len(file) // 12)):
        try:
            decode(file[:length])
        except RuntimeError_ as error:
            errors += "AICC-5003" in str(error)
    assert errors > 0


@pytest.fixture(scope="session")
def fuzz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The decoders under the sanitizers, with a program that mutates files."""
    folder = tmp_path_factory.mktemp("fuzz")
    program = folder / "images_fuzz"
    sources = [*runtime.part_sources("images"), runtime.include_dir() / "error.c", HERE / "images_fuzz.c"]
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    found = subprocess.run(["cc", *sanitize, probe, "-o", folder / "probe"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("the C compiler has no sanitizers")
    cc("-std=gnu11", "-O1", "-g", *sanitize, f"-I{runtime.include_dir()}", *sources, "-o", program, "-lm")
    return program


def test_mutated_files_break_nothing(fuzz: Path, tmp_path: Path) -> None:
    files = []
    for name, make in {**SAMPLES, **REAL}.items():
        files.append(tmp_path / name.replace(" ", "_").replace("/", "_"))
        files[-1].write_bytes(make()[0])
    done = subprocess.run(
        [str(fuzz), "12", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=300,
        env={"ASAN_OPTIONS": "allocator_may_return_null=1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

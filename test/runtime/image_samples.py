"""Image files of every kind that is supported, made here: `SAMPLES["bmp 24"]()` is a file and its RGB pixels, or None
where Pillow says what they are."""

from __future__ import annotations

import base64
import functools
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from .image_foreign import FILES

Array = np.ndarray[Any, Any]
Sample = tuple[bytes, Array | None]
SAMPLES: dict[str, Callable[[], Sample]] = {}


def sample(name: str, *args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers the file that a function makes from these arguments."""

    def register(make: Callable[..., Any]) -> Callable[..., Any]:
        def result() -> Sample:
            made = make(*args, **kwargs)
            return (made, None) if isinstance(made, bytes) else made

        assert name not in SAMPLES
        SAMPLES[name] = functools.cache(result)
        return make

    return register


def picture(height: int = 37, width: int = 53, channels: int = 3) -> Array:
    """Something smooth, with edges and some noise."""
    rng = np.random.default_rng(height * 1000 + width)
    y, x = np.mgrid[:height, :width]
    planes = [
        128 + 90 * np.sin(x / (5 + 3 * c) + y / (9 - 2 * c)) + 60 * ((x + 2 * y) // 16 % 2) - 30
        for c in range(channels)
    ]
    noisy = np.stack(planes, -1) + rng.normal(0, 6, (height, width, channels))
    return noisy.clip(0, 255).astype(np.uint8)


def saved(mode: str, kind: str, size: tuple[int, int] = (37, 53), **options: Any) -> bytes:
    """A picture of a mode of Pillow's as Pillow writes it."""
    channels = {"RGBA": 4, "CMYK": 4, "LA": 2}.get(mode, 3)
    pixels = picture(*size, channels)
    image = Image.fromarray(pixels, "RGBA").convert("CMYK") if mode == "CMYK" else None
    if mode == "I;16":
        image = Image.fromarray(picture(*size, 1)[..., 0].astype(np.uint16) * 257)
    elif mode in ("RGBA", "LA", "RGB"):
        image = Image.fromarray(pixels, mode)
    elif mode == "P":
        image = Image.fromarray(pixels).quantize(options.pop("colors", 200))
    elif image is None:
        image = Image.fromarray(pixels).convert(mode)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


# ---- BMP


def bmp(
    bits: int,
    size: tuple[int, int],
    data: bytes,
    compression: int = 0,
    palette: bytes = b"",
    masks: bytes = b"",
) -> bytes:
    """A file with the header BITMAPINFOHEADER; `size` is (height, width)."""
    start = 14 + 40 + len(masks) + len(palette)
    header = struct.pack(
        "<IiiHHIIiiII",
        40,
        size[1],
        size[0],
        1,
        bits,
        compression,
        len(data),
        2835,
        2835,
        len(palette) // 4,
        0,
    )
    return struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start) + header + masks + palette + data


def colours(n: int) -> bytes:
    return np.random.default_rng(n).integers(0, 256, (n, 4), np.uint8).tobytes()


for mode in ("1", "L", "P", "RGB", "RGBA"):
    sample(f"bmp {mode}", mode, "bmp")(saved)


@sample("bmp 4 bits", 4)
@sample("bmp 1 bit", 1)
@sample("bmp 8 bits, few colours", 8, 40)
def bmp_indexed(bits: int, n: int | None = None, size: tuple[int, int] = (9, 21)) -> bytes:
    n = n or 1 << bits
    index = np.random.default_rng(1).integers(0, n, size, np.uint8)
    planes = [index >> k & 1 for k in reversed(range(bits))]
    rows = np.packbits(np.stack(planes, -1).reshape(size[0], -1), axis=1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return bmp(bits, size, rows.tobytes(), palette=colours(n))


@sample("bmp 16 bits, 555", 2, 0, ())
@sample("bmp 16 bits, 565", 2, 3, (0xF800, 0x7E0, 0x1F))
@sample("bmp 32 bits", 4, 0, ())
@sample("bmp 32 bits, masks", 4, 3, (0xFF000000, 0xFF0000, 0xFF00))
@sample("bmp top down", 4, 0, (), (-9, 21))
def bmp_packed(
    bytes_: int, compression: int, masks: tuple[int, ...], size: tuple[int, int] = (9, 21)
) -> bytes:
    row = size[1] * bytes_
    data = np.random.default_rng(2).integers(0, 256, (abs(size[0]), row + -row % 4), np.uint8)
    return bmp(8 * bytes_, size, data.tobytes(), compression, masks=struct.pack(f"<{len(masks)}I", *masks))


@sample("bmp run lengths of 8 bits", 1)
@sample("bmp run lengths of 4 bits", 2)
def bmp_runs(compression: int) -> Sample:
    """Runs, literals of odd length, a jump, and rows that end early."""
    bits = 8 if compression == 1 else 4
    literal = bytes([0, 5, 1, 2, 3, 4, 5, 0]) if bits == 8 else bytes([0, 5, 0x12, 0x34, 0x50, 0])
    data = b"\3\7" + literal + b"\0\0" + b"\0\2\4\1" + b"\4\x9a" + b"\0\0" + b"\x0a\3" + b"\0\1"
    index = np.zeros((5, 10), np.uint8)
    index[0, :8] = [7, 7, 7, 1, 2, 3, 4, 5] if bits == 8 else [0, 7, 0, 1, 2, 3, 4, 5]
    index[2, 4:8] = 0x9A if bits == 8 else [9, 10, 9, 10]
    index[3] = 3 if bits == 8 else [0, 3] * 5
    palette = colours(1 << bits)
    rgb = np.frombuffer(palette, np.uint8).reshape(-1, 4)[:, 2::-1]
    return bmp(bits, (5, 10), data, compression, palette), rgb[index][::-1]


@sample("bmp of OS/2")
def bmp_os2() -> bytes:
    data = np.random.default_rng(3).integers(0, 256, (3, 16), np.uint8).tobytes()
    return struct.pack("<2sIHHIIHHHH", b"BM", 26 + len(data), 0, 0, 26, 12, 5, 3, 1, 24) + data


# ---- PNM

for mode in ("1", "L", "RGB"):
    sample(f"pnm {mode}", mode, "ppm")(saved)


@sample("pnm 16 bits", b"P6", 65535)
@sample("pnm of 100 levels", b"P6", 100)
@sample("pnm of 2 levels", b"P6", 2)
@sample("pnm gray of 77 levels", b"P5", 77)
def pnm_binary(kind: bytes, most: int) -> bytes:
    channels = 3 if kind == b"P6" else 1
    values = np.random.default_rng(most).integers(0, most + 1, (5, 7, channels))
    return (
        b"%s # a comment\n7\n#another\n5 %d\n" % (kind, most)
        + values.astype(">u2" if most > 255 else "u1").tobytes()
    )


@sample("pnm plain pixmap", b"P3", 100)
@sample("pnm plain graymap", b"P2", 255)
def pnm_plain(kind: bytes, most: int) -> bytes:
    channels = 3 if kind == b"P3" else 1
    values = np.random.default_rng(most).integers(0, most + 1, (5, 7, channels))
    return b"%s\n7 5\n%d\n" % (kind, most) + b"\n".join(b" ".join(b"%d" % v for v in r.flat) for r in values)


@sample("pnm plain bitmap")
def pnm_plain_bitmap() -> bytes:
    return b"P1 3 2 101\n01 0\n"


# ---- PNG

for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
    sample(f"png {mode}", mode, "png")(saved)
for colours_ in (2, 4, 16):
    sample(f"png of {colours_} colours", "P", "png", colors=colours_, optimize=True)(saved)
for level in (0, 1, 9):
    sample(f"png compressed by {level}", "RGB", "png", (70, 90), compress_level=level)(saved)
sample("png without compression by Huffman codes", "RGB", "png", compress_type=4)(saved)


@functools.cache
def adam7(height: int, width: int) -> list[tuple[Array, Array]]:
    """Rows and columns of the passes of an interlaced image."""
    steps = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    return [(np.arange(y, height, dy), np.arange(x, width, dx)) for y, dy, x, dx in steps]


def png_rows(values: Array, bits: int) -> bytes:
    """Rows of samples, each with the filter byte 0."""
    if bits == 16:
        rows = values.astype(">u2").reshape(len(values), -1).view(np.uint8)
    else:
        planes = np.stack([values.reshape(len(values), -1) >> k & 1 for k in reversed(range(bits))], -1)
        rows = np.packbits(planes.astype(np.uint8).reshape(len(values), -1), axis=1)
    return np.pad(rows, ((0, 0), (1, 0))).tobytes()


CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def png(colour: int, bits: int, interlaced: bool, size: tuple[int, int] = (13, 11)) -> Sample:
    """A file that is not filtered, and its pixels."""
    values = np.random.default_rng(bits).integers(0, 1 << bits, (*size, CHANNELS[colour]))
    passes = adam7(*size) if interlaced else [(np.arange(size[0]), np.arange(size[1]))]
    data = b"".join(png_rows(values[np.ix_(ys, xs)], bits) for ys, xs in passes if len(xs) and len(ys))
    header = struct.pack(">IIBBBBB", size[1], size[0], bits, colour, 0, 0, interlaced)
    chunks = [(b"IHDR", header), (b"tEXt", b"what\0ever")]
    palette = np.random.default_rng(5).integers(0, 256, (1 << min(bits, 8), 3), np.uint8)
    if colour == 3:
        chunks.append((b"PLTE", palette.tobytes()))
    packed = zlib.compress(data)
    chunks += [(b"IDAT", packed[:9]), (b"IDAT", packed[9:]), (b"IEND", b"")]
    file = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        file += struct.pack(">I", len(content)) + kind + content
        file += struct.pack(">I", zlib.crc32(kind + content))
    if colour == 3:
        return file, palette[values[..., 0]]
    scaled = values >> 8 if bits == 16 else values * 255 // ((1 << bits) - 1)
    shown = scaled[..., :3] if colour in (2, 6) else np.repeat(scaled[..., :1], 3, -1)
    return file, shown.astype(np.uint8)


for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
    for bits in depths:
        for interlaced in (False, True):
            sample(
                f"png colour {colour}, {bits} bits{', interlaced' if interlaced else ''}",
                colour,
                bits,
                interlaced,
            )(png)
sample("png of one pixel, interlaced", 2, 8, True, (1, 1))(png)


# ---- JPEG

for mode in ("L", "RGB", "CMYK"):
    for progressive in (False, True):
        sample(f"jpeg {mode}{', progressive' if progressive else ''}", mode, "jpeg", progressive=progressive)(
            saved
        )
for chroma in ("4:4:4", "4:2:2", "4:2:0"):
    for size in ((1, 1), (2, 3), (3, 2), (5, 4), (16, 16), (41, 66)):
        sample(f"jpeg {chroma} of {size}", "RGB", "jpeg", size, subsampling=chroma, quality=90)(saved)
    sample(f"jpeg {chroma}, progressive", "RGB", "jpeg", subsampling=chroma, progressive=True)(saved)
for quality in (1, 30, 100):
    sample(f"jpeg of quality {quality}", "RGB", "jpeg", quality=quality)(saved)
    sample(f"jpeg of quality {quality}, progressive", "RGB", "jpeg", quality=quality, progressive=True)(saved)
sample("jpeg with restarts", "RGB", "jpeg", restart_marker_blocks=3)(saved)
sample("jpeg with restarts, progressive", "RGB", "jpeg", restart_marker_rows=1, progressive=True)(saved)
sample("jpeg that is RGB", "RGB", "jpeg", keep_rgb=True)(saved)
sample("jpeg with own codes", "RGB", "jpeg", optimize=True)(saved)


@sample("jpeg 4:4:0", "4:2:2", 0x12)
@sample("jpeg 4:1:1", "4:2:0", 0x41)
@sample("jpeg of a quarter the height", "4:2:0", 0x14)
@sample("jpeg 4:4:0, progressive", "4:2:2", 0x12, progressive=True)
def jpeg_sampled(chroma: str, factors: int, **options: Any) -> bytes:
    """As many units of other sizes: Pillow does not write such files, and reads them."""
    file = bytearray(saved("RGB", "jpeg", (64, 64), subsampling=chroma, **options))
    frame = max(file.find(b"\xff\xc0\0\x11"), file.find(b"\xff\xc2\0\x11"))
    file[frame + 11] = factors
    return bytes(file)


@sample("jpeg YCCK")
def jpeg_ycck() -> bytes:
    """The marker of Adobe says what the components are."""
    file = bytearray(saved("CMYK", "jpeg"))
    file[file.find(b"Adobe") + 11] = 2
    return bytes(file)


# ---- TIFF

for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"):
    for compression in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate"):
        sample(f"tiff {mode}, {compression}", mode, "tiff", compression=compression)(saved)
for compression in ("tiff_lzw", "tiff_adobe_deflate"):
    sample(f"tiff {compression} of differences", "RGB", "tiff", compression=compression, tiffinfo={317: 2})(
        saved
    )
sample("tiff of strips", "RGB", "tiff", compression="tiff_lzw", tiffinfo={278: 5})(saved)
sample("tiff with large LZW tables", "RGB", "tiff", (120, 150), compression="tiff_lzw")(saved)
sample("tiff of big endian", "RGB", "tiff", big_endian=True)(saved)
for orientation in range(2, 9):
    sample(f"tiff of orientation {orientation}", "RGB", "tiff", tiffinfo={274: orientation})(saved)


def tiff(fields: dict[int, tuple[int, ...]], blocks: list[bytes], order: str, tiled: bool) -> bytes:
    """A file of fields of type LONG."""
    places, data = [], b""
    for block in blocks:
        places.append(8 + len(data))
        data += block
    fields = {**fields, 324 if tiled else 273: tuple(places), 325 if tiled else 279: tuple(map(len, blocks))}
    start = 8 + len(data)
    entries, rest = b"", b""
    for tag, values in sorted(fields.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            place = start + 6 + 12 * len(fields) + len(rest)
            rest += packed
            packed = struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", tag, 4, len(values)) + packed
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    return head + data + struct.pack(f"{order}H", len(fields)) + entries + bytes(4) + rest


@sample("tiff of tiles", 8, 3)
@sample("tiff of tiles, 16 bits", 16, 3)
@sample("tiff of tiles, 16 bits, differences", 16, 3, predictor=2)
@sample("tiff of tiles, big endian, 16 bits, differences", 16, 3, ">", predictor=2)
@sample("tiff of tiles and planes", 8, 3, planes=True)
@sample("tiff of tiles and planes, 16 bits, differences", 16, 4, ">", planes=True, predictor=2)
@sample("tiff of strips and planes", 8, 3, planes=True, tile=None)
@sample("tiff of gray, 16 bits", 16, 1, tile=None)
@sample("tiff of gray, 4 bits", 4, 1, tile=None)
@sample("tiff of gray, 2 bits", 2, 1, tile=None)
@sample("tiff of gray, 4 bits, the lowest bit first", 4, 1, tile=None, fill=2)
@sample("tiff whose white is 0", 8, 1, tile=None, photometric=0)
@sample("tiff whose white is 0, 1 bit", 1, 1, tile=None, photometric=0)
def tiff_blocks(
    bits: int,
    channels: int,
    order: str = "<",
    planes: bool = False,
    predictor: int = 1,
    tile: tuple[int, int] | None = (16, 32),
    photometric: int | None = None,
    fill: int = 1,
) -> Sample:
    """Every bit pattern that samples may have, in blocks that reach over the image's edges."""
    height, width = size = (37, 53)
    values = np.random.default_rng(bits).integers(0, 1 << bits, (*size, channels))
    rows, columns = tile or (10, width)
    blocks = []
    for layer in [values[..., [c]] for c in range(channels)] if planes else [values]:
        for y in range(0, height, rows):
            for x in range(0, width, columns):
                block = layer[y : y + rows, x : x + columns]
                if tile:
                    edges = [(0, rows - block.shape[0]), (0, columns - block.shape[1]), (0, 0)]
                    block = np.pad(block, edges)
                blocks.append(tiff_block(block, bits, order, predictor, fill))
    fields = {
        256: (width,), 257: (height,), 258: (bits,) * channels, 259: (8,), 266: (fill,), 277: (channels,),
        262: (photometric if photometric is not None else 2 if channels >= 3 else 1,),
        284: (2 if planes else 1,), 317: (predictor,),
    }  # fmt: skip
    fields |= {322: (columns,), 323: (rows,)} if tile else {278: (rows,)}
    shown = values >> 8 if bits == 16 else values * 255 // ((1 << bits) - 1)
    shown = shown[..., :3] if channels >= 3 else np.repeat(shown[..., :1], 3, -1)
    pixels = shown.astype(np.uint8)
    return tiff(fields, blocks, order, tile is not None), 255 - pixels if photometric == 0 else pixels


def tiff_block(block: Array, bits: int, order: str, predictor: int, fill: int) -> bytes:
    if predictor == 2:
        block = np.diff(block, axis=1, prepend=0) % (1 << bits)
    if bits == 16:
        data = block.astype(f"{order}u2").tobytes()
    else:
        rows = np.stack([block.reshape(len(block), -1) >> k & 1 for k in reversed(range(bits))], -1)
        data = np.packbits(rows.astype(np.uint8).reshape(len(block), -1), axis=1).tobytes()
    packed = zlib.compress(data)
    if fill == 1:
        return packed
    return np.packbits(np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")).tobytes()


# ---- WebP

SIZES = ((1, 1), (2, 3), (3, 2), (16, 16), (17, 40), (41, 66))
for mode in ("RGB", "RGBA"):
    for size in SIZES:
        sample(f"webp {mode} of {size}, lossless", mode, "webp", size, lossless=True)(saved)
        sample(f"webp {mode} of {size}", mode, "webp", size)(saved)
for method in range(7):
    sample(f"webp, lossless, by method {method}", "RGB", "webp", (70, 90), lossless=True, method=method)(
        saved
    )
    sample(f"webp by method {method}", "RGB", "webp", (70, 90), method=method)(saved)
for quality in (0, 20, 50, 90, 100):
    sample(f"webp of quality {quality}", "RGB", "webp", (100, 130), quality=quality)(saved)
for colours_ in (2, 3, 4, 11, 16, 17, 200):
    sample(f"webp of {colours_} colours, lossless", "P", "webp", colors=colours_, lossless=True)(saved)


@sample("webp that is large, lossless", True)
@sample("webp that is large", False)
def webp_large(lossless: bool) -> bytes:
    """Areas of different kinds: segments, and groups of codes."""
    rng = np.random.default_rng(9)
    pixels = np.concatenate(
        [picture(90, 200), rng.integers(0, 256, (60, 200, 3), np.uint8), picture(90, 200)]
    )
    pixels[100:140, 40:120] = 17
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "webp", lossless=lossless, quality=75, method=6)
    return stream.getvalue()


@sample("webp that moves", False)
@sample("webp that moves, lossless", True)
def webp_animation(lossless: bool) -> bytes:
    frames = [Image.fromarray(picture(30, 40 + 0 * k) // (k + 1)) for k in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "webp", save_all=True, append_images=frames[1:], lossless=lossless)
    return stream.getvalue()


# ---- JPEG 2000

for mode in ("L", "LA", "RGB", "RGBA"):
    sample(f"jpeg 2000 {mode}", mode, "jpeg2000")(saved)
for size in ((1, 1), (1, 9), (2, 3), (3, 2), (64, 64), (100, 130)):
    sample(f"jpeg 2000 of {size}", "RGB", "jpeg2000", size, num_resolutions=1 if min(size) < 4 else 3)(saved)
for progression in ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL"):
    for more in ({}, {"precinct_size": (64, 32)}):
        sample(
            f"jpeg 2000 {progression}, {more}",
            "RGB",
            "jpeg2000",
            (150, 170),
            progression=progression,
            quality_layers=[40, 10, 0],
            quality_mode="rates",
            codeblock_size=(16, 32),
            **more,
        )(saved)
sample("jpeg 2000 of tiles", "RGB", "jpeg2000", (100, 130), tile_size=(40, 50))(saved)
sample(
    "jpeg 2000 of tiles, elsewhere", "RGB", "jpeg2000", tile_size=(32, 48), tile_offset=(3, 5), offset=(9, 7)
)(saved)
sample("jpeg 2000 without colour transform", "RGB", "jpeg2000", mct=0)(saved)
sample("jpeg 2000 without boxes", "RGB", "jpeg2000", no_jp2=True)(saved)
sample("jpeg 2000 of one resolution", "RGB", "jpeg2000", num_resolutions=1)(saved)
sample("jpeg 2000 with packet lengths", "RGB", "jpeg2000", plt=True)(saved)


@sample("jpeg 2000 of 16 bits")
def jpeg2000_deep() -> Sample:
    return saved("I;16", "jpeg2000"), np.repeat(picture(37, 53, 1), 3, -1)


for name, text in FILES.items():
    sample(name, text)(base64.b64decode)

REAL: dict[str, Callable[[], Sample]] = {}
"""Files whose pixels are sums of real numbers, which may be rounded to either side."""

for rate in (0, 5, 20):
    for size in ((37, 53), (90, 131)):
        name = f"jpeg 2000 in real numbers, {size}, 1/{rate}"
        sample(name, "RGB", "jpeg2000", size, irreversible=True, quality_layers=[rate])(saved)
        REAL[name] = SAMPLES.pop(name)

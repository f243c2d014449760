/* TIFF 6.0 (Adobe, 1992): the first image of a file, in strips or tiles. Extra samples are left out, and of samples of 16
 * bits the low byte. */
#include <string.h>

#include "tiff.h"

enum { SHORT = 3, LONG = 4 };
enum {
  WIDTH = 256, HEIGHT = 257, BITS = 258, COMPRESSION = 259, PHOTOMETRIC = 262, FILL_ORDER = 266, STRIPS = 273,
  ORIENTATION = 274, SAMPLES = 277, ROWS_PER_STRIP = 278, STRIP_BYTES = 279, PLANES = 284, PREDICTOR = 317,
  COLOUR_MAP = 320, TILE_WIDTH = 322, TILE_HEIGHT = 323, TILES = 324, TILE_BYTES = 325, SAMPLE_FORMAT = 339,
};
enum { NONE = 1, LZW = 5, DEFLATE = 8, OLD_DEFLATE = 32946, PACKBITS = 32773 };
enum { WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK };

struct field {
  const uint8_t *values; /* NULL: the file has no such field */
  int64_t count;
  int32_t type;
};

struct tiff {
  struct rt_image *image;
  bool big; /* the most significant byte first */
  int64_t directory;
  int32_t entries;
  int64_t width, height; /* as the samples lie */
  int64_t bits, compression, photometric, samples, predictor, orientation;
  bool separate, reversed;                         /* a plane for each sample; the lowest bit first */
  int64_t block_width, block_height, across, down; /* strips are tiles as wide as the image */
  struct field offsets, sizes, map;
};

static uint32_t u16(const struct tiff *t, const uint8_t *p) { return t->big ? rt_be16(p) : rt_le16(p); }
static uint32_t u32(const struct tiff *t, const uint8_t *p) { return t->big ? rt_be32(p) : rt_le32(p); }

static struct field find(const struct tiff *t, int32_t tag) {
  for (int32_t i = 0; i < t->entries; i++) {
    const uint8_t *p = t->image->data + t->directory + 12 * i;
    struct field f = {.type = (int32_t)u16(t, p + 2), .count = u32(t, p + 4)};
    if ((int32_t)u16(t, p) != tag || (f.type != SHORT && f.type != LONG) || !f.count) continue;
    const int64_t bytes = f.count * (f.type == SHORT ? 2 : 4);
    f.values = bytes <= 4 ? p + 8 : rt_image_bytes(t->image, u32(t, p + 8), bytes);
    return f;
  }
  return (struct field){0};
}

static int64_t value(const struct tiff *t, struct field f, int64_t i) {
  if (i >= f.count) rt_image_fail(t->image, "a field has fewer values than there are strips or tiles");
  return f.type == SHORT ? u16(t, f.values + 2 * i) : u32(t, f.values + 4 * i);
}

static int64_t number(const struct tiff *t, int32_t tag, int64_t otherwise) {
  const struct field f = find(t, tag);
  return f.values ? value(t, f, 0) : otherwise;
}

static const char *compression_name(int64_t compression) {
  static const struct {
    int64_t number;
    const char *name;
  } names[] = {{2, "CCITT 1D"}, {3, "CCITT group 3"}, {4, "CCITT group 4"}, {6, "old JPEG"},
               {7, "JPEG"},     {34925, "LZMA"},      {50000, "Zstandard"}, {50001, "WebP"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].number == compression) return names[i].name;
  return "unknown";
}

static void check(const struct tiff *t) {
  const struct rt_image *image = t->image;
  const int64_t c = t->compression, b = t->bits;
  if (c != NONE && c != LZW && c != DEFLATE && c != OLD_DEFLATE && c != PACKBITS)
    rt_image_fail(image, "compression %lld (%s) is not supported", (long long)c, compression_name(c));
  if (b != 1 && b != 2 && b != 4 && b != 8 && b != 16)
    rt_image_fail(image, "samples of %lld bits are not supported", (long long)b);
  if (t->photometric < WHITE_IS_ZERO || t->photometric > CMYK || t->photometric == MASK)
    rt_image_fail(image, "the colour space %lld is not supported", (long long)t->photometric);
  const int64_t least = t->photometric == RGB ? 3 : t->photometric == CMYK ? 4 : 1;
  if (t->samples < least || t->samples > 16)
    rt_image_fail(image, "%lld samples a pixel do not go with its colours", (long long)t->samples);
  if (b < 8 && least > 1) rt_image_fail(image, "colours of %lld bits are not supported", (long long)b);
  if (t->photometric == PALETTE && (b > 8 || t->map.count < 3 << b))
    rt_image_fail(image, "its palette is missing or too short");
  if (t->predictor != 1 && (t->predictor != 2 || b < 8))
    rt_image_fail(image, "predictor %lld with samples of %lld bits is not supported", (long long)t->predictor,
                  (long long)b);
  if (number(t, SAMPLE_FORMAT, 1) != 1) rt_image_fail(image, "samples that are no unsigned integers are not supported");
}

static void read_fields(struct tiff *t) {
  t->width = number(t, WIDTH, 0);
  t->height = number(t, HEIGHT, 0);
  const struct field bits = find(t, BITS);
  t->bits = bits.values ? value(t, bits, 0) : 1;
  for (int64_t i = 1; i < bits.count && i < 16; i++)
    if (value(t, bits, i) != t->bits) rt_image_fail(t->image, "samples of different sizes are not supported");
  t->compression = number(t, COMPRESSION, NONE);
  t->photometric = number(t, PHOTOMETRIC, BLACK_IS_ZERO);
  t->samples = number(t, SAMPLES, 1);
  t->predictor = number(t, PREDICTOR, 1);
  t->orientation = number(t, ORIENTATION, 1);
  t->separate = number(t, PLANES, 1) == 2 && t->samples > 1;
  t->reversed = number(t, FILL_ORDER, 1) == 2;
  t->map = find(t, COLOUR_MAP);
  t->offsets = find(t, TILES);
  const bool tiled = t->offsets.values != NULL;
  if (!tiled) t->offsets = find(t, STRIPS);
  t->sizes = find(t, tiled ? TILE_BYTES : STRIP_BYTES);
  t->block_width = tiled ? number(t, TILE_WIDTH, 0) : t->width;
  t->block_height = number(t, tiled ? TILE_HEIGHT : ROWS_PER_STRIP, tiled ? 0 : t->height);
  if (!tiled && t->block_height > t->height) t->block_height = t->height;
  check(t);
}

/* ---- samples ---- */

/* From differences to the pixel before. */
static void add_up(const struct tiff *t, uint8_t *row, int64_t samples) {
  const int64_t n = t->block_width * samples;
  if (t->bits == 8) {
    for (int64_t i = samples; i < n; i++) row[i] = (uint8_t)(row[i] + row[i - samples]);
    return;
  }
  for (int64_t i = samples; i < n; i++) {
    const uint32_t sum = u16(t, row + 2 * i) + u16(t, row + 2 * (i - samples));
    row[2 * i + !t->big] = (uint8_t)(sum >> 8);
    row[2 * i + t->big] = (uint8_t)sum;
  }
}

static int32_t sample(const struct tiff *t, const uint8_t *row, int64_t i) {
  if (t->bits == 8) return row[i];
  if (t->bits == 16) return row[2 * i + !t->big];
  const int64_t bit = i * t->bits;
  return row[bit >> 3] >> (8 - t->bits - (bit & 7)) & ((1 << t->bits) - 1);
}

/* Where pixel (x, y) of the samples belongs: the orientation says which corner the first one is. */
static uint8_t *place(const struct tiff *t, int64_t x, int64_t y) {
  const struct rt_image *image = t->image;
  const int64_t o = t->orientation;
  if (o == 2 || o == 3 || o == 7 || o == 8) x = t->width - 1 - x;
  if (o == 3 || o == 4 || o == 6 || o == 7) y = t->height - 1 - y;
  return image->pixels + 3 * (o >= 5 && o <= 8 ? x * image->width + y : y * image->width + x);
}

static void put_gray(const struct tiff *t, int32_t v, uint8_t *out) {
  const int32_t most = t->bits >= 8 ? 255 : (1 << t->bits) - 1;
  memset(out, (t->photometric == WHITE_IS_ZERO ? most - v : v) * 255 / most, 3);
}

static void put_pixel(const struct tiff *t, const uint8_t *row, int64_t x, uint8_t *out) {
  const int64_t at = x * t->samples;
  if (t->photometric == RGB) {
    for (int c = 0; c < 3; c++) out[c] = (uint8_t)sample(t, row, at + c);
  } else if (t->photometric == CMYK) {
    int32_t v[4];
    for (int c = 0; c < 4; c++) v[c] = 255 - sample(t, row, at + c);
    rt_image_cmyk(out, v[0], v[1], v[2], v[3]);
  } else if (t->photometric == PALETTE) {
    const int64_t index = sample(t, row, at);
    for (int c = 0; c < 3; c++) out[c] = (uint8_t)(value(t, t->map, ((int64_t)c << t->bits) + index) >> 8);
  } else {
    put_gray(t, sample(t, row, at), out);
  }
}

/* ---- strips and tiles ---- */

static const uint8_t *bytes_of(const struct tiff *t, int64_t block, int64_t whole, int64_t *size) {
  *size = t->sizes.values ? value(t, t->sizes, block) : whole;
  const uint8_t *data = rt_image_bytes(t->image, value(t, t->offsets, block), *size);
  if (!t->reversed) return data;
  uint8_t *turned = rt_image_memory(t->image, *size, false);
  for (int64_t i = 0; i < *size; i++) {
    uint32_t byte = data[i], other = 0;
    for (int b = 0; b < 8; b++) other = other << 1 | (byte >> b & 1);
    turned[i] = (uint8_t)other;
  }
  return turned;
}

/* Unpacks a strip or tile of `rows` rows to `out`. */
static void unpack(const struct tiff *t, int64_t block, uint8_t *out, int64_t rows, int64_t row_bytes,
                   int64_t samples) {
  const int64_t wanted = rows * row_bytes;
  int64_t size, found;
  const uint8_t *data = bytes_of(t, block, wanted, &size);
  if (t->compression == NONE) {
    found = size < wanted ? size : wanted;
    memcpy(out, data, (size_t)found);
  } else if (t->compression == PACKBITS) {
    found = rt_tiff_packbits(t->image, data, size, out, wanted);
  } else if (t->compression == LZW) {
    found = rt_tiff_lzw(t->image, data, size, out, wanted);
  } else {
    found = rt_inflate(t->image, data, size, out, wanted);
  }
  if (found < wanted) rt_image_fail(t->image, "strip or tile %lld ends early", (long long)block);
  if (t->reversed) rt_image_release(t->image, (void *)(uintptr_t)data);
  for (int64_t y = 0; y < rows && t->predictor == 2; y++) add_up(t, out + y * row_bytes, samples);
}

/* Planes of samples of 8 or 16 bits to pixels. */
static void join(const struct tiff *t, const uint8_t *planes, uint8_t *out, int64_t pixels) {
  const int64_t bytes = t->bits / 8;
  for (int64_t s = 0; s < t->samples; s++)
    for (int64_t i = 0; i < pixels; i++)
      memcpy(out + (i * t->samples + s) * bytes, planes + (s * pixels + i) * bytes, (size_t)bytes);
}

static void read_blocks(const struct tiff *t) {
  const int64_t samples = t->separate ? 1 : t->samples, row_bytes = (t->block_width * samples * t->bits + 7) / 8;
  const int64_t planes = t->separate ? t->samples : 1, joined = t->block_width * t->samples * t->bits / 8;
  const bool tiled = find(t, TILES).values != NULL;
  uint8_t *data = rt_image_memory(t->image, planes * row_bytes * t->block_height, false);
  uint8_t *pixels = t->separate ? rt_image_memory(t->image, joined * t->block_height, false) : data;
  for (int64_t block = 0; block < t->across * t->down; block++) {
    const int64_t top = block / t->across * t->block_height, left = block % t->across * t->block_width;
    const int64_t below = t->height - top, shown = below < t->block_height ? below : t->block_height,
                  rows = tiled ? t->block_height : shown;
    for (int64_t p = 0; p < planes; p++)
      unpack(t, p * t->across * t->down + block, data + p * rows * row_bytes, rows, row_bytes, samples);
    if (t->separate) join(t, data, pixels, rows * t->block_width);
    for (int64_t y = 0; y < shown; y++)
      for (int64_t x = 0; x < t->block_width && left + x < t->width; x++)
        put_pixel(t, pixels + y * (t->separate ? joined : row_bytes), x, place(t, left + x, top + y));
  }
  if (t->separate) rt_image_release(t->image, pixels);
  rt_image_release(t->image, data);
}

void rt_decode_tiff(struct rt_image *image) {
  struct tiff t = {.image = image, .big = image->data[0] == 'M'};
  t.directory = (int64_t)u32(&t, rt_image_bytes(image, 4, 4)) + 2;
  t.entries = (int32_t)u16(&t, rt_image_bytes(image, t.directory - 2, 2));
  rt_image_bytes(image, t.directory, 12 * t.entries);
  read_fields(&t);
  const bool turned = t.orientation >= 5 && t.orientation <= 8;
  if (!rt_image_sized(image, turned ? t.height : t.width, turned ? t.width : t.height)) return;
  if (t.block_width < 1 || t.block_height < 1 || t.block_width > 1 << 26 || t.block_height > 1 << 26 ||
      t.block_width * t.block_height > (int64_t)1 << 30)
    rt_image_fail(image, "its strips or tiles are of %lld x %lld pixels", (long long)t.block_width,
                  (long long)t.block_height);
  if (t.separate && t.bits < 8)
    rt_image_fail(image, "planes of samples of %lld bits are not supported", (long long)t.bits);
  t.across = (t.width + t.block_width - 1) / t.block_width;
  t.down = (t.height + t.block_height - 1) / t.block_height;
  if (t.offsets.count < t.across * t.down * (t.separate ? t.samples : 1))
    rt_image_fail(image, "it has fewer strips or tiles than its size needs");
  read_blocks(&t);
}

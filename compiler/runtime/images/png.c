/* PNG: "Portable Network Graphics (PNG) Specification (Third Edition)", W3C. Transparency is left out, and of samples of
 * 16 bits the low byte. Only the chunks that the pixels need are read; these are also checked. */
#include <stdlib.h>
#include <string.h>

#include "images.h"

enum { GRAY = 0, TRUECOLOUR = 2, INDEXED = 3, GRAY_ALPHA = 4, TRUECOLOUR_ALPHA = 6 };

struct png {
  struct rt_image *image;
  int32_t bits, colour, channels;
  bool interlaced;
  const uint8_t *palette;
  int32_t colours;
  uint8_t *compressed;
  int64_t compressed_bytes;
};

struct chunk {
  const uint8_t *data;
  int64_t size;
  uint32_t type;
};

#define TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

/* CRC-32 of a chunk's type and data. */
static uint32_t crc(const uint8_t *p, int64_t n) {
  uint32_t table[256], value = 0xffffffff;
  for (uint32_t i = 0; i < 256; i++) {
    table[i] = i;
    for (int k = 0; k < 8; k++) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
  }
  for (int64_t i = 0; i < n; i++) value = value >> 8 ^ table[(value ^ p[i]) & 255];
  return ~value;
}

static struct chunk next_chunk(const struct png *png, int64_t *at) {
  const int64_t size = rt_be32(rt_image_bytes(png->image, *at, 8));
  const uint8_t *p = rt_image_bytes(png->image, *at + 4, size + 8);
  struct chunk c = {p + 4, size, rt_be32(p)};
  /* A capital letter first: the image cannot be read without it. */
  if (!(c.type & 0x20000000) && crc(p, size + 4) != rt_be32(p + 4 + size))
    rt_image_fail(png->image, "the checksum of chunk '%.4s' is wrong", (const char *)p);
  *at += size + 12;
  return c;
}

static void read_header(struct png *png, struct chunk c) {
  static const uint8_t channels[] = {1, 0, 3, 1, 2, 0, 4};
  if (c.type != TYPE('I', 'H', 'D', 'R') || c.size != 13)
    rt_image_fail(png->image, "it does not begin with its header");
  png->bits = c.data[8];
  png->colour = c.data[9];
  png->interlaced = c.data[12] == 1;
  const bool power = png->bits == 1 || png->bits == 2 || png->bits == 4 || png->bits == 8 || png->bits == 16;
  png->channels = png->colour <= 6 ? channels[png->colour] : 0;
  if (!png->channels || !power || (png->bits == 16 && png->colour == INDEXED) ||
      (png->bits < 8 && png->colour != GRAY && png->colour != INDEXED))
    rt_image_fail(png->image, "colour type %d with %d bits does not exist", png->colour, png->bits);
  if (c.data[10] || c.data[11] || c.data[12] > 1)
    rt_image_fail(png->image, "its compression, filter or interlace method is unknown");
}

static void read_chunks(struct png *png, int64_t at) {
  png->compressed = rt_image_memory(png->image, png->image->size, false);
  for (;;) {
    const struct chunk c = next_chunk(png, &at);
    if (c.type == TYPE('I', 'E', 'N', 'D')) break;
    if (c.type == TYPE('P', 'L', 'T', 'E')) {
      png->palette = c.data;
      png->colours = (int32_t)(c.size / 3 < 256 ? c.size / 3 : 256);
    }
    if (c.type != TYPE('I', 'D', 'A', 'T')) continue;
    memcpy(png->compressed + png->compressed_bytes, c.data, (size_t)c.size);
    png->compressed_bytes += c.size;
  }
  if (png->colour == INDEXED && !png->palette) rt_image_fail(png->image, "it has no palette");
}

static int32_t paeth(int32_t left, int32_t above, int32_t corner) {
  const int32_t guess = left + above - corner;
  const int32_t a = abs(guess - left), b = abs(guess - above), c = abs(guess - corner);
  return a <= b && a <= c ? left : b <= c ? above : corner;
}

/* `row` from its differences to what lies before and above; both have `step` bytes before the first one. */
static void unfilter(const struct png *png, int32_t filter, uint8_t *row, const uint8_t *above, int64_t bytes,
                     int32_t step) {
  if (filter > 4) rt_image_fail(png->image, "a row has the unknown filter %d", filter);
  for (int64_t i = 0; i < bytes; i++) {
    const int32_t left = i < step ? 0 : row[i - step], up = above ? above[i] : 0,
                  corner = i < step || !above ? 0 : above[i - step];
    const int32_t guess = filter == 1   ? left
                          : filter == 2 ? up
                          : filter == 3 ? (left + up) / 2
                          : filter == 4 ? paeth(left, up, corner)
                                        : 0;
    row[i] = (uint8_t)(row[i] + guess);
  }
}

static void put_pixel(const struct png *png, const uint8_t *row, int64_t x, uint8_t *out) {
  const bool colourful = png->colour == TRUECOLOUR || png->colour == TRUECOLOUR_ALPHA;
  if (png->bits >= 8 && png->colour != INDEXED) {
    const int32_t bytes = png->bits / 8;
    for (int c = 0; c < 3; c++) out[c] = row[(x * png->channels + (colourful ? c : 0)) * bytes];
    return;
  }
  const int64_t bit = x * png->bits;
  const int32_t most = (1 << png->bits) - 1, value = row[bit >> 3] >> (8 - png->bits - (bit & 7)) & most;
  if (png->colour != INDEXED) {
    memset(out, value * 255 / most, 3);
  } else if (value < png->colours) {
    memcpy(out, png->palette + 3 * value, 3);
  } else {
    memset(out, 0, 3);
  }
}

struct pass {
  int64_t x, y, dx, dy; /* the first pixel, and from one to the next */
};

static int64_t count(int64_t size, int64_t first, int64_t step) {
  return first >= size ? 0 : (size - first + step - 1) / step;
}

static int64_t row_bytes(const struct png *png, int64_t width) { return (width * png->channels * png->bits + 7) / 8; }

void rt_decode_png(struct rt_image *image) {
  static const struct pass whole[] = {{0, 0, 1, 1}};
  static const struct pass adam7[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                      {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  struct png png = {.image = image};
  int64_t at = 8;
  const struct chunk header = next_chunk(&png, &at);
  read_header(&png, header);
  if (!rt_image_sized(image, rt_be32(header.data), rt_be32(header.data + 4))) return;
  read_chunks(&png, at);

  const struct pass *passes = png.interlaced ? adam7 : whole;
  const int n_passes = png.interlaced ? 7 : 1;
  const int32_t step = png.channels * png.bits < 8 ? 1 : png.channels * png.bits / 8;
  int64_t bytes = 0;
  for (int p = 0; p < n_passes; p++) {
    const int64_t width = count(image->width, passes[p].x, passes[p].dx);
    if (width) bytes += count(image->height, passes[p].y, passes[p].dy) * (1 + row_bytes(&png, width));
  }
  uint8_t *data = rt_image_memory(image, bytes, false), *row = data;
  if (rt_inflate(image, png.compressed, png.compressed_bytes, data, bytes) != bytes)
    rt_image_fail(image, "its pixels end early");
  for (int p = 0; p < n_passes; p++) {
    const struct pass pass = passes[p];
    const int64_t width = count(image->width, pass.x, pass.dx), length = row_bytes(&png, width);
    const uint8_t *above = NULL;
    for (int64_t y = pass.y; width && y < image->height; y += pass.dy, row += 1 + length) {
      unfilter(&png, row[0], row + 1, above, length, step);
      above = row + 1;
      uint8_t *out = image->pixels + 3 * (y * image->width + pass.x);
      for (int64_t x = 0; x < width; x++) put_pixel(&png, row + 1, x, out + 3 * x * pass.dx);
    }
  }
  rt_image_release(image, data);
  rt_image_release(image, png.compressed);
}

/* BMP, of Windows and OS/2: Microsoft's "Bitmap Storage" (wingdi.h). Rows lie bottom up, unless the height is negative,
 * and are filled up to 4 bytes. */
#include <string.h>

#include "images.h"

enum { RAW, RLE8, RLE4, BITFIELDS, JPEG, PNG, ALPHABITFIELDS };

struct bmp {
  struct rt_image *image;
  int64_t pixels_at; /* in the file */
  int32_t bits, compression;
  bool top_down;
  uint8_t palette[256][3]; /* red, green, blue; black where the file has none */
  uint32_t masks[3];
};

static uint8_t *row_of(const struct bmp *b, int64_t row) {
  return b->image->pixels + 3 * b->image->width * (b->top_down ? row : b->image->height - 1 - row);
}

/* A sample of up to 32 bits as one of 8. */
static uint8_t masked(uint32_t pixel, uint32_t mask) {
  if (!mask) return 0;
  int shift = __builtin_ctz(mask);
  return (uint8_t)((uint64_t)(pixel >> shift & mask >> shift) * 255 / (mask >> shift));
}

static void read_rows(const struct bmp *b) {
  const int64_t width = b->image->width, height = b->image->height, bytes = (width * b->bits + 31) / 32 * 4;
  /* The last row need not be filled up. */
  const uint8_t *rows = rt_image_bytes(b->image, b->pixels_at, (height - 1) * bytes + (width * b->bits + 7) / 8);
  for (int64_t y = 0; y < height; y++) {
    const uint8_t *in = rows + y * bytes;
    uint8_t *out = row_of(b, y);
    for (int64_t x = 0; x < width; x++, out += 3) {
      if (b->bits <= 8) {
        int64_t bit = x * b->bits;
        int index = in[bit >> 3] >> (8 - b->bits - (bit & 7)) & ((1 << b->bits) - 1);
        memcpy(out, b->palette[index], 3);
      } else if (b->bits == 24) {
        out[0] = in[3 * x + 2], out[1] = in[3 * x + 1], out[2] = in[3 * x];
      } else {
        uint32_t pixel = b->bits == 16 ? rt_le16(in + 2 * x) : rt_le32(in + 4 * x);
        for (int c = 0; c < 3; c++) out[c] = masked(pixel, b->masks[c]);
      }
    }
  }
}

/* Runs of one or two colours, literal pixels, jumps; what is jumped over has the first colour. */
static void read_runs(const struct bmp *b) {
  const struct rt_image *image = b->image;
  const bool nibbles = b->compression == RLE4;
  int64_t at = b->pixels_at, x = 0, y = 0;
  for (int64_t i = 0; i < image->width * image->height; i++) memcpy(image->pixels + 3 * i, b->palette[0], 3);
  while (y < image->height) {
    const uint8_t *code = rt_image_bytes(image, at, 2), *literal = NULL;
    int count = code[0], value = code[1];
    at += 2;
    if (!count && value == 0) {
      x = 0, y++;
      continue;
    }
    if (!count && value == 1) return;
    if (!count && value == 2) {
      const uint8_t *jump = rt_image_bytes(image, at, 2);
      x += jump[0], y += jump[1], at += 2;
      continue;
    }
    if (!count) {
      count = value;
      int64_t bytes = nibbles ? (count + 1) / 2 : count;
      literal = rt_image_bytes(image, at, bytes);
      at += bytes + (bytes & 1);
    }
    for (int i = 0; i < count; i++, x++) {
      int byte = literal ? literal[nibbles ? i / 2 : i] : value;
      int index = nibbles ? byte >> (i & 1 ? 0 : 4) & 15 : byte;
      if (x < image->width) memcpy(row_of(b, y) + 3 * x, b->palette[index], 3);
    }
  }
}

/* Colours lie between the header and the pixels, as blue, green, red and, but in the oldest header, a byte for nothing. */
static void read_palette(struct bmp *b, int64_t at, int64_t colours, int64_t entry) {
  if (colours <= 0 || colours > 1 << b->bits) colours = 1 << b->bits;
  for (int64_t i = 0; i < colours && at + (i + 1) * entry <= b->image->size; i++) {
    const uint8_t *p = rt_image_bytes(b->image, at + i * entry, 3);
    for (int c = 0; c < 3; c++) b->palette[i][c] = p[2 - c];
  }
}

static void read_masks(struct bmp *b, int64_t at) {
  if (b->compression == BITFIELDS || b->compression == ALPHABITFIELDS) {
    const uint8_t *p = rt_image_bytes(b->image, at, 12);
    for (int c = 0; c < 3; c++) b->masks[c] = rt_le32(p + 4 * c);
  } else {
    for (int c = 0; c < 3; c++) b->masks[c] = b->bits == 16 ? 0x1fu << (10 - 5 * c) : 0xffu << (16 - 8 * c);
  }
}

static void check(const struct bmp *b) {
  static const char *const names[] = {"none", "RLE8", "RLE4", "bit fields", "JPEG", "PNG", "bit fields"};
  int bits = b->bits, kind = b->compression;
  if (kind < RAW || kind > ALPHABITFIELDS || kind == JPEG || kind == PNG)
    rt_image_fail(b->image, "compression %d (%s) is not supported", kind,
                  kind == JPEG || kind == PNG ? names[kind] : "unknown");
  if (bits != 1 && bits != 2 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32)
    rt_image_fail(b->image, "%d bits a pixel are not supported", bits);
  if ((kind == RLE8 && bits != 8) || (kind == RLE4 && bits != 4) || (kind >= BITFIELDS && bits != 16 && bits != 32))
    rt_image_fail(b->image, "compression %s does not go with %d bits a pixel", names[kind], bits);
}

void rt_decode_bmp(struct rt_image *image) {
  struct bmp b = {.image = image, .pixels_at = rt_le32(rt_image_bytes(image, 10, 4))};
  const int64_t header = rt_le32(rt_image_bytes(image, 14, 4));
  int64_t width, height, colours = 0;
  if (header == 12) {
    const uint8_t *h = rt_image_bytes(image, 14, 12);
    width = rt_le16(h + 4);
    height = rt_le16(h + 6);
    b.bits = (int32_t)rt_le16(h + 10);
  } else if (header >= 40 && header <= 124) {
    const uint8_t *h = rt_image_bytes(image, 14, 40);
    width = (int32_t)rt_le32(h + 4);
    height = (int32_t)rt_le32(h + 8);
    b.bits = (int32_t)rt_le16(h + 14);
    b.compression = (int32_t)rt_le32(h + 16);
    colours = rt_le32(h + 32);
  } else {
    rt_image_fail(image, "a header of %lld bytes is not supported", (long long)header);
  }
  b.top_down = height < 0;
  check(&b);
  if (!rt_image_sized(image, width, height < 0 ? -height : height)) return;
  if (b.bits <= 8) {
    read_palette(&b, 14 + header, colours, header == 12 ? 3 : 4);
  } else {
    read_masks(&b, 14 + 40);
  }
  if (b.compression == RLE8 || b.compression == RLE4) {
    read_runs(&b);
  } else {
    read_rows(&b);
  }
}

/* Lossless WebP (RFC 9649, section 3): transforms, and pixels as literals, copies and references to a cache of colours. */
#include <stdlib.h>
#include <string.h>

#include "prefix.h"
#include "webp.h"

enum { LENGTHS = 24, DISTANCES = 40, CODES = 5, DEEPEST_CACHE = 11 };
enum { GREEN, RED, BLUE, ALPHA, DISTANCE };
enum { PREDICT, TURN, SUBTRACT_GREEN, INDEX };

struct group {
  struct rt_prefix codes[CODES];
};

struct transform {
  int32_t kind, bits; /* the logarithm of its blocks' side, or of how many pixels are packed into one */
  int64_t width;      /* of the image after its inverse */
  uint32_t *data;
};

/* One image of 32-bit pixels: alpha, red, green, blue, the highest byte first. */
struct decoder {
  const struct webp_frame *frame;
  struct rt_bits bits;
  struct transform transforms[4];
  int32_t n_transforms;
};

static const struct rt_image *image_of(const struct decoder *d) { return d->frame->image; }
static uint32_t take(struct decoder *d, int32_t n) { return rt_bits_take(&d->bits, n); }
static int64_t blocks(int64_t size, int32_t bits) { return (size + ((int64_t)1 << bits) - 1) >> bits; }

/* ---- prefix codes (3.7.2) ---- */

static void read_simple_lengths(struct decoder *d, uint8_t *lengths, int32_t n) {
  const bool two = take(d, 1);
  uint32_t symbols[2] = {take(d, take(d, 1) ? 8 : 1), 0};
  if (two) symbols[1] = take(d, 8);
  for (int i = 0; i <= two; i++) {
    if ((int32_t)symbols[i] >= n) rt_bits_corrupt(&d->bits, "a symbol is out of range");
    lengths[symbols[i]] = 1;
  }
}

static void read_lengths(struct decoder *d, uint8_t *lengths, int32_t n) {
  static const uint8_t order[19] = {17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  uint8_t own[19] = {0}, last = 8;
  uint16_t symbols[19];
  struct rt_prefix code;
  const int32_t given = 4 + (int32_t)take(d, 4);
  for (int32_t i = 0; i < given; i++) own[order[i]] = (uint8_t)take(d, 3);
  rt_prefix_make(&d->bits, &code, own, 19, symbols);
  int32_t most = n;
  if (take(d, 1)) {
    const int32_t width = 2 + 2 * (int32_t)take(d, 3);
    most = 2 + (int32_t)take(d, width);
    if (most > n) rt_bits_corrupt(&d->bits, "there are too many code lengths");
  }
  for (int32_t i = 0; i < n && most; most--) {
    const int32_t what = code.used == 1 ? symbols[0] : rt_prefix_symbol(&d->bits, &code);
    if (what < 16) {
      lengths[i++] = (uint8_t)what;
      if (what) last = (uint8_t)what;
      continue;
    }
    const int32_t times = what == 16   ? 3 + (int32_t)take(d, 2)
                          : what == 17 ? 3 + (int32_t)take(d, 3)
                                       : 11 + (int32_t)take(d, 7);
    if (times > n - i) rt_bits_corrupt(&d->bits, "there are too many code lengths");
    memset(lengths + i, what == 16 ? last : 0, (size_t)times);
    i += times;
  }
}

static void read_code(struct decoder *d, struct rt_prefix *code, int32_t n, uint16_t *symbols) {
  uint8_t lengths[256 + LENGTHS + (1 << DEEPEST_CACHE)] = {0};
  if (take(d, 1)) read_simple_lengths(d, lengths, n);
  else read_lengths(d, lengths, n);
  rt_prefix_make(&d->bits, code, lengths, n, symbols);
  int32_t room = 1 << PREFIX_LONGEST;
  for (int32_t l = 1; l <= PREFIX_LONGEST; l++) room -= code->counts[l] << (PREFIX_LONGEST - l);
  if (code->used != 1 && room) rt_bits_corrupt(&d->bits, "a code is not complete");
}

/* A code of one symbol takes no bits. */
static int32_t symbol(struct decoder *d, const struct rt_prefix *code) {
  return code->used == 1 ? code->symbols[0] : rt_prefix_symbol(&d->bits, code);
}

static struct group *read_groups(struct decoder *d, int64_t n, int32_t cache, uint16_t **symbols) {
  const int32_t sizes[CODES] = {256 + LENGTHS + cache, 256, 256, 256, DISTANCES};
  const int64_t each = sizes[GREEN] + 3 * 256 + DISTANCES;
  struct group *groups = rt_image_memory(image_of(d), n * (int64_t)sizeof *groups, false);
  *symbols = rt_image_memory(image_of(d), n * each * (int64_t)sizeof **symbols, false);
  uint16_t *next = *symbols;
  for (int64_t g = 0; g < n; g++)
    for (int32_t c = 0; c < CODES; next += sizes[c++]) read_code(d, &groups[g].codes[c], sizes[c], next);
  return groups;
}

/* ---- pixels (3.6.2) ---- */

/* A length or a distance: a class, and bits that say which of it. */
static int64_t read_value(struct decoder *d, int32_t code) {
  if (code < 4) return code + 1;
  const int32_t more = (code - 2) >> 1;
  return ((int64_t)(2 + (code & 1)) << more) + take(d, more) + 1;
}

/* Small distances are those of near pixels: how far left, and how many rows up. */
static int64_t distance_of(int64_t value, int64_t width) {
  static const int8_t near[120][2] = {
      {0, 1},  {1, 0},  {1, 1},  {-1, 1}, {0, 2},  {2, 0},  {1, 2},  {-1, 2}, {2, 1},  {-2, 1}, {2, 2}, {-2, 2},
      {0, 3},  {3, 0},  {1, 3},  {-1, 3}, {3, 1},  {-3, 1}, {2, 3},  {-2, 3}, {3, 2},  {-3, 2}, {0, 4}, {4, 0},
      {1, 4},  {-1, 4}, {4, 1},  {-4, 1}, {3, 3},  {-3, 3}, {2, 4},  {-2, 4}, {4, 2},  {-4, 2}, {0, 5}, {3, 4},
      {-3, 4}, {4, 3},  {-4, 3}, {5, 0},  {1, 5},  {-1, 5}, {5, 1},  {-5, 1}, {2, 5},  {-2, 5}, {5, 2}, {-5, 2},
      {4, 4},  {-4, 4}, {3, 5},  {-3, 5}, {5, 3},  {-5, 3}, {0, 6},  {6, 0},  {1, 6},  {-1, 6}, {6, 1}, {-6, 1},
      {2, 6},  {-2, 6}, {6, 2},  {-6, 2}, {4, 5},  {-4, 5}, {5, 4},  {-5, 4}, {3, 6},  {-3, 6}, {6, 3}, {-6, 3},
      {0, 7},  {7, 0},  {1, 7},  {-1, 7}, {5, 5},  {-5, 5}, {7, 1},  {-7, 1}, {4, 6},  {-4, 6}, {6, 4}, {-6, 4},
      {2, 7},  {-2, 7}, {7, 2},  {-7, 2}, {3, 7},  {-3, 7}, {7, 3},  {-7, 3}, {5, 6},  {-5, 6}, {6, 5}, {-6, 5},
      {8, 0},  {4, 7},  {-4, 7}, {7, 4},  {-7, 4}, {8, 1},  {8, 2},  {6, 6},  {-6, 6}, {8, 3},  {5, 7}, {-5, 7},
      {7, 5},  {-7, 5}, {8, 4},  {6, 7},  {-6, 7}, {7, 6},  {-7, 6}, {8, 5},  {7, 7},  {-7, 7}, {8, 6}, {8, 7},
  };
  if (value > 120) return value - 120;
  const int64_t distance = near[value - 1][0] + near[value - 1][1] * width;
  return distance < 1 ? 1 : distance;
}

static uint32_t *read_image(struct decoder *d, int64_t width, int64_t height, bool main);

/* Which group of codes a block of the image has: in the red and green of an image of its own. */
static uint32_t *read_group_numbers(struct decoder *d, int64_t width, int64_t height, int32_t bits, int64_t *n) {
  uint32_t *numbers = read_image(d, blocks(width, bits), blocks(height, bits), false);
  for (int64_t i = 0; i < blocks(width, bits) * blocks(height, bits); i++) {
    numbers[i] = numbers[i] >> 8 & 0xffff;
    if (numbers[i] >= *n) *n = numbers[i] + 1;
  }
  return numbers;
}

struct cache {
  uint32_t colours[1 << DEEPEST_CACHE];
  int32_t bits; /* 0: there is none */
};

static uint32_t remember(struct cache *cache, uint32_t colour) {
  if (cache->bits) cache->colours[(0x1e35a7bdu * colour) >> (32 - cache->bits)] = colour;
  return colour;
}

static uint32_t *read_image(struct decoder *d, int64_t width, int64_t height, bool main) {
  struct cache cache = {.bits = take(d, 1) ? (int32_t)take(d, 4) : 0};
  if (cache.bits > DEEPEST_CACHE) rt_bits_corrupt(&d->bits, "a cache of colours is too large");
  const int32_t group_bits = main && take(d, 1) ? 2 + (int32_t)take(d, 3) : 0;
  int64_t n_groups = 1;
  uint32_t *numbers = group_bits ? read_group_numbers(d, width, height, group_bits, &n_groups) : NULL;
  uint16_t *symbols;
  struct group *groups = read_groups(d, n_groups, cache.bits ? 1 << cache.bits : 0, &symbols);
  const int64_t count = width * height, across = blocks(width, group_bits);
  uint32_t *out = rt_image_memory(image_of(d), count * (int64_t)sizeof *out, false);
  for (int64_t i = 0; i < count;) {
    const int64_t x = i % width, y = i / width;
    const struct rt_prefix *codes = groups[numbers ? numbers[(y >> group_bits) * across + (x >> group_bits)] : 0].codes;
    const int32_t what = symbol(d, &codes[GREEN]);
    if (what < 256) {
      const uint32_t red = (uint32_t)symbol(d, &codes[RED]), blue = (uint32_t)symbol(d, &codes[BLUE]),
                     alpha = (uint32_t)symbol(d, &codes[ALPHA]);
      out[i++] = remember(&cache, alpha << 24 | red << 16 | (uint32_t)what << 8 | blue);
    } else if (what < 256 + LENGTHS) {
      int64_t length = read_value(d, what - 256);
      const int64_t distance = distance_of(read_value(d, symbol(d, &codes[DISTANCE])), width);
      if (distance > i || length > count - i) rt_bits_corrupt(&d->bits, "a copy leaves the image");
      for (; length; length--, i++) out[i] = remember(&cache, out[i - distance]);
    } else {
      out[i] = remember(&cache, cache.colours[what - 256 - LENGTHS]);
      i++;
    }
  }
  rt_image_release(image_of(d), groups);
  rt_image_release(image_of(d), symbols);
  if (numbers) rt_image_release(image_of(d), numbers);
  return out;
}

/* ---- transforms (3.5) ---- */

/* Sums and so on of the four channels of pixels, each by itself. */
static uint32_t add(uint32_t a, uint32_t b) {
  return (((a & 0xff00ff00) + (b & 0xff00ff00)) & 0xff00ff00) | (((a & 0x00ff00ff) + (b & 0x00ff00ff)) & 0x00ff00ff);
}
static uint32_t average(uint32_t a, uint32_t b) { return (((a ^ b) & 0xfefefefe) >> 1) + (a & b); }
static int32_t channel(uint32_t a, int32_t c) { return (int32_t)(a >> 8 * c & 255); }

static uint32_t closer(uint32_t left, uint32_t above, uint32_t corner) {
  int32_t to_left = 0, to_above = 0;
  for (int32_t c = 0; c < 4; c++) {
    to_left += abs(channel(above, c) - channel(corner, c));
    to_above += abs(channel(left, c) - channel(corner, c));
  }
  return to_left < to_above ? left : above;
}

static uint32_t full_gradient(uint32_t left, uint32_t above, uint32_t corner) {
  uint32_t sum = 0;
  for (int32_t c = 0; c < 4; c++)
    sum |= (uint32_t)rt_clamp8(channel(left, c) + channel(above, c) - channel(corner, c)) << 8 * c;
  return sum;
}

static uint32_t half_gradient(uint32_t middle, uint32_t corner) {
  uint32_t sum = 0;
  for (int32_t c = 0; c < 4; c++)
    sum |= (uint32_t)rt_clamp8(channel(middle, c) + (channel(middle, c) - channel(corner, c)) / 2) << 8 * c;
  return sum;
}

/* What pixel `p` is guessed to be; `row` is how far the one above is. */
static uint32_t guess(const uint32_t *p, int64_t row, uint32_t mode) {
  const uint32_t l = p[-1], t = p[-row], tl = p[-row - 1], tr = p[-row + 1];
  switch (mode) {
  case 1: return l;
  case 2: return t;
  case 3: return tr;
  case 4: return tl;
  case 5: return average(average(l, tr), t);
  case 6: return average(l, tl);
  case 7: return average(l, t);
  case 8: return average(tl, t);
  case 9: return average(t, tr);
  case 10: return average(average(l, tl), average(t, tr));
  case 11: return closer(l, t, tl);
  case 12: return full_gradient(l, t, tl);
  case 13: return half_gradient(average(l, t), tl);
  default: return 0xff000000;
  }
}

static void predict(const struct transform *t, uint32_t *pixels, int64_t height) {
  const int64_t width = t->width, across = blocks(width, t->bits);
  for (int64_t y = 0; y < height; y++) {
    for (int64_t x = 0; x < width; x++) {
      uint32_t *p = pixels + y * width + x;
      const uint32_t mode = t->data[(y >> t->bits) * across + (x >> t->bits)] >> 8 & 15;
      *p = add(*p, y == 0 ? x ? p[-1] : 0xff000000 : x == 0 ? p[-width] : guess(p, width, mode));
    }
  }
}

static int32_t turned(uint32_t factor, int32_t colour) { return ((int8_t)factor * (int8_t)colour) >> 5; }

static void turn(const struct transform *t, uint32_t *pixels, int64_t height) {
  const int64_t across = blocks(t->width, t->bits);
  for (int64_t y = 0; y < height; y++) {
    for (int64_t x = 0; x < t->width; x++) {
      uint32_t *p = pixels + y * t->width + x;
      const uint32_t factors = t->data[(y >> t->bits) * across + (x >> t->bits)];
      const int32_t green = channel(*p, 1), red = channel(*p, 2) + turned(factors & 255, green);
      const int32_t blue = channel(*p, 0) + turned(factors >> 8 & 255, green) + turned(factors >> 16 & 255, red);
      *p = (*p & 0xff00ff00) | (uint32_t)(red & 255) << 16 | (uint32_t)(blue & 255);
    }
  }
}

/* Indices, several in a pixel, to colours; in place, from the end, where there is room for all. */
static void look_up(const struct transform *t, uint32_t *pixels, int64_t height) {
  const int64_t packed = blocks(t->width, t->bits);
  const int32_t width = 8 >> t->bits;
  for (int64_t y = height - 1; y >= 0; y--) {
    for (int64_t x = t->width - 1; x >= 0; x--) {
      const int32_t green = channel(pixels[y * packed + (x >> t->bits)], 1), in = (int32_t)(x & ((1 << t->bits) - 1));
      pixels[y * t->width + x] = t->data[green >> in * width & ((1 << width) - 1)];
    }
  }
}

static void undo(const struct transform *t, uint32_t *pixels, int64_t height) {
  if (t->kind == PREDICT) predict(t, pixels, height);
  if (t->kind == TURN) turn(t, pixels, height);
  if (t->kind == INDEX) look_up(t, pixels, height);
  if (t->kind == SUBTRACT_GREEN)
    for (int64_t i = 0; i < t->width * height; i++) pixels[i] = add(pixels[i], (pixels[i] >> 8 & 255) * 0x00010001u);
}

/* Reads one; the image that follows is `*width` wide. */
static void read_transform(struct decoder *d, int64_t *width, int64_t height) {
  struct transform t = {.kind = (int32_t)take(d, 2), .width = *width};
  for (int32_t i = 0; i < d->n_transforms; i++)
    if (d->transforms[i].kind == t.kind) rt_bits_corrupt(&d->bits, "a transform comes twice");
  if (t.kind == PREDICT || t.kind == TURN) {
    t.bits = 2 + (int32_t)take(d, 3);
    t.data = read_image(d, blocks(*width, t.bits), blocks(height, t.bits), false);
  } else if (t.kind == INDEX) {
    const int32_t colours = 1 + (int32_t)take(d, 8);
    uint32_t *table = read_image(d, colours, 1, false);
    t.bits = colours <= 2 ? 3 : colours <= 4 ? 2 : colours <= 16 ? 1 : 0;
    t.data = rt_image_memory(image_of(d), 256 * (int64_t)sizeof *t.data, true);
    for (int32_t i = 0; i < colours; i++) t.data[i] = i ? add(table[i], t.data[i - 1]) : table[i];
    rt_image_release(image_of(d), table);
    *width = blocks(*width, t.bits);
  }
  d->transforms[d->n_transforms++] = t;
}

void rt_webp_lossless_sizes(struct webp_frame *frame) {
  if (frame->size < 5 || frame->data[0] != 0x2f || frame->data[4] >> 5)
    rt_image_fail(frame->image, "its lossless header is unknown");
  const uint32_t bits = rt_le32(frame->data + 1);
  frame->width = 1 + (bits & 0x3fff);
  frame->height = 1 + (bits >> 14 & 0x3fff);
}

void rt_webp_lossless(const struct webp_frame *frame) {
  struct decoder d = {.frame = frame,
                      .bits = {.image = frame->image, .data = frame->data, .at = 5, .size = frame->size}};
  int64_t width = frame->width;
  while (take(&d, 1)) read_transform(&d, &width, frame->height);
  uint32_t *packed = read_image(&d, width, frame->height, true), *pixels = packed;
  rt_bits_check_end(&d.bits);
  if (width < frame->width) {
    pixels = rt_image_memory(frame->image, frame->width * frame->height * (int64_t)sizeof *pixels, false);
    memcpy(pixels, packed, (size_t)(width * frame->height) * sizeof *pixels);
    rt_image_release(frame->image, packed);
  }
  for (int32_t i = d.n_transforms - 1; i >= 0; i--) {
    undo(&d.transforms[i], pixels, frame->height);
    if (d.transforms[i].data) rt_image_release(frame->image, d.transforms[i].data);
  }
  for (int64_t y = 0; y < frame->height; y++) {
    uint8_t *out = frame->pixels + y * frame->stride;
    for (int64_t x = 0; x < frame->width; x++)
      for (int32_t c = 0; c < 3; c++) out[3 * x + c] = (uint8_t)channel(pixels[y * frame->width + x], 2 - c);
  }
  rt_image_release(frame->image, pixels);
}

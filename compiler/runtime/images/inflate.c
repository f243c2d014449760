/* Decompression of zlib streams (RFC 1950) of deflate blocks (RFC 1951). */
#include <string.h>

#include "prefix.h"

enum { LITERALS = 288, DISTANCES = 32 };

struct code {
  struct rt_prefix prefix;
  uint16_t symbols[LITERALS];
};

struct stream {
  struct rt_bits bits;
  uint8_t *out;
  int64_t used, room;
};

static void make_code(const struct stream *s, struct code *code, const uint8_t *lengths, int32_t n) {
  rt_prefix_make(&s->bits, &code->prefix, lengths, n, code->symbols);
}

static uint32_t take(struct stream *s, int32_t n) { return rt_bits_take(&s->bits, n); }

/* False: there is no more room. */
static bool block(struct stream *s, const struct code *literals, const struct code *distances) {
  static const uint16_t length_of[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                       31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
  static const uint8_t length_bits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                        2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
  for (;;) {
    const int32_t what = rt_prefix_symbol(&s->bits, &literals->prefix);
    if (what < 256) {
      if (s->used == s->room) return false;
      s->out[s->used++] = (uint8_t)what;
      continue;
    }
    if (what == 256) return true;
    if (what > 285) rt_bits_corrupt(&s->bits, "a length is unknown");
    int64_t length = length_of[what - 257] + take(s, length_bits[what - 257]);
    const int32_t far = rt_prefix_symbol(&s->bits, &distances->prefix);
    if (far > 29) rt_bits_corrupt(&s->bits, "a distance is unknown");
    const int32_t more = far < 2 ? 0 : far / 2 - 1;
    const int64_t distance = (far < 4 ? far + 1 : ((int64_t)(2 + (far & 1)) << more) + 1) + take(s, more);
    if (distance > s->used) rt_bits_corrupt(&s->bits, "a distance leads before the start");
    bool fits = length <= s->room - s->used;
    if (!fits) length = s->room - s->used;
    const uint8_t *from = s->out + s->used - distance;
    for (int64_t i = 0; i < length; i++) s->out[s->used + i] = from[i];
    s->used += length;
    if (!fits) return false;
  }
}

static bool stored(struct stream *s) {
  take(s, s->bits.count & 7);
  int64_t length = take(s, 16);
  if ((take(s, 16) ^ length) != 0xffff) rt_bits_corrupt(&s->bits, "a stored block says two lengths");
  for (; length; length--) {
    if (s->used == s->room) return false;
    const uint32_t byte = take(s, 8);
    s->out[s->used++] = (uint8_t)byte;
  }
  return true;
}

static void fixed_codes(const struct stream *s, struct code *literals, struct code *distances) {
  uint8_t lengths[LITERALS];
  for (int32_t i = 0; i < LITERALS; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
  make_code(s, literals, lengths, LITERALS);
  memset(lengths, 5, DISTANCES);
  make_code(s, distances, lengths, DISTANCES);
}

static void sent_codes(struct stream *s, struct code *literals, struct code *distances) {
  static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  uint8_t lengths[LITERALS + DISTANCES + 138] = {0};
  const int32_t n = 257 + (int32_t)take(s, 5), far = 1 + (int32_t)take(s, 5), own = 4 + (int32_t)take(s, 4);
  if (n > 286) rt_bits_corrupt(&s->bits, "there are too many lengths");
  for (int32_t i = 0; i < own; i++) lengths[order[i]] = (uint8_t)take(s, 3);
  make_code(s, literals, lengths, 19);
  memset(lengths, 0, 19);
  for (int32_t i = 0; i < n + far;) {
    const int32_t what = rt_prefix_symbol(&s->bits, &literals->prefix);
    if (what < 16) {
      lengths[i++] = (uint8_t)what;
      continue;
    }
    if (what == 16 && i == 0) rt_bits_corrupt(&s->bits, "there is nothing to repeat");
    const uint8_t value = what == 16 ? lengths[i - 1] : 0;
    const int32_t times = what == 16   ? 3 + (int32_t)take(s, 2)
                          : what == 17 ? 3 + (int32_t)take(s, 3)
                                       : 11 + (int32_t)take(s, 7);
    if (times > n + far - i) rt_bits_corrupt(&s->bits, "there are too many code lengths");
    memset(lengths + i, value, (size_t)times);
    i += times;
  }
  make_code(s, distances, lengths + n, far);
  make_code(s, literals, lengths, n);
}

/* The sums of Adler-32 over what came out. */
static uint32_t checksum(const uint8_t *data, int64_t n) {
  uint32_t a = 1, b = 0;
  for (int64_t i = 0; i < n;) {
    for (const int64_t end = n - i < 5552 ? n : i + 5552; i < end; i++) a += data[i], b += a;
    a %= 65521;
    b %= 65521;
  }
  return b << 16 | a;
}

int64_t rt_inflate(const struct rt_image *image, const uint8_t *data, int64_t size, uint8_t *out, int64_t room) {
  struct stream s = {.bits = {.image = image, .data = data, .at = 2, .size = size}, .out = out, .room = room};
  struct code literals, distances;
  if (size < 2 || (data[0] & 15) != 8 || rt_be16(data) % 31 || data[1] & 32)
    rt_bits_corrupt(&s.bits, "they are no zlib stream");
  bool last = false, more = true;
  while (!last && more) {
    last = take(&s, 1);
    const uint32_t kind = take(&s, 2);
    if (kind == 3) rt_bits_corrupt(&s.bits, "a block is of an unknown kind");
    if (kind == 1) fixed_codes(&s, &literals, &distances);
    if (kind == 2) sent_codes(&s, &literals, &distances);
    more = kind ? block(&s, &literals, &distances) : stored(&s);
  }
  if (!more) return s.used; /* more than anybody wants */
  take(&s, s.bits.count & 7);
  uint32_t expected = 0;
  for (int i = 0; i < 4; i++) expected = expected << 8 | take(&s, 8);
  rt_bits_check_end(&s.bits);
  if (expected != checksum(out, s.used)) rt_bits_corrupt(&s.bits, "their checksum is wrong");
  return s.used;
}

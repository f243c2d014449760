/* Bits and canonical prefix codes (RFC 1951, 3.2.2). */
#include "prefix.h"

#include <string.h>

void rt_bits_corrupt(const struct rt_bits *b, const char *what) {
  rt_image_fail(b->image, "its compressed data are corrupt: %s", what);
}

/* Makes 48 bits ready. */
static void refill(struct rt_bits *b) {
  for (; b->count <= 48; b->at++, b->count += 8) {
    if (b->at < b->size) b->bits |= (uint64_t)b->data[b->at] << b->count;
    else if (b->at - b->size > 16) rt_bits_corrupt(b, "they end early");
  }
}

uint32_t rt_bits_take(struct rt_bits *b, int32_t n) {
  if (b->count < n) refill(b);
  const uint32_t value = (uint32_t)(b->bits & (((uint64_t)1 << n) - 1));
  b->bits >>= n;
  b->count -= n;
  return value;
}

void rt_bits_check_end(const struct rt_bits *b) {
  if (b->at - b->count / 8 > b->size) rt_bits_corrupt(b, "they end early");
}

void rt_prefix_make(const struct rt_bits *b, struct rt_prefix *code, const uint8_t *lengths, int32_t n,
                    uint16_t *symbols) {
  int32_t starts[PREFIX_LONGEST + 2] = {0}, first[PREFIX_LONGEST + 2] = {0}, left = 1;
  memset(code, 0, sizeof *code);
  code->symbols = symbols;
  for (int32_t i = 0; i < n; i++) code->counts[lengths[i]]++;
  code->counts[0] = 0;
  for (int32_t l = 1; l <= PREFIX_LONGEST; l++) {
    left = 2 * left - code->counts[l];
    if (left < 0) rt_bits_corrupt(b, "a code has too many short symbols");
    starts[l + 1] = starts[l] + code->counts[l];
    first[l + 1] = (first[l] + code->counts[l]) << 1;
  }
  code->used = starts[PREFIX_LONGEST + 1];
  for (int32_t i = 0; i < n; i++) {
    const int32_t l = lengths[i];
    if (!l) continue;
    const int32_t value = first[l]++;
    symbols[starts[l]++] = (uint16_t)i;
    if (l > PREFIX_FAST) continue;
    int32_t turned = 0;
    for (int32_t k = 0; k < l; k++) turned |= (value >> k & 1) << (l - 1 - k);
    for (int32_t k = turned; k < 1 << PREFIX_FAST; k += 1 << l) code->fast[k] = (uint16_t)(i << 4 | l);
  }
}

int32_t rt_prefix_symbol(struct rt_bits *b, const struct rt_prefix *code) {
  if (b->count < PREFIX_LONGEST) refill(b);
  const int32_t fast = code->fast[b->bits & ((1 << PREFIX_FAST) - 1)];
  if (fast) {
    b->bits >>= fast & 15;
    b->count -= fast & 15;
    return fast >> 4;
  }
  int32_t value = 0, first = 0, place = 0;
  for (int32_t l = 1; l <= PREFIX_LONGEST; l++) {
    value |= (int32_t)(b->bits >> (l - 1) & 1);
    const int32_t n = code->counts[l];
    if (value - first < n) {
      b->bits >>= l;
      b->count -= l;
      return code->symbols[place + value - first];
    }
    place += n;
    first = (first + n) << 1;
    value <<= 1;
  }
  rt_bits_corrupt(b, "a code is unknown");
}

/* VP8: booleans, and the coefficients that they make (RFC 6386, sections 7, 13 and 14.3). */
#include <string.h>

#include "webp_lossy.h"

void rt_vp8_bools_begin(struct vp8_bools *b, const struct rt_image *image, const uint8_t *data, int64_t size) {
  *b = (struct vp8_bools){.image = image, .data = data, .size = size, .bits = -8, .range = 255};
}

/* Behind the end are zeros; nobody needs many of them. */
static void refill(struct vp8_bools *b) {
  while (b->bits < 32) {
    if (b->at > b->size + 16) rt_image_fail(b->image, "a partition ends early");
    b->value = b->value << 8 | (b->at < b->size ? b->data[b->at] : 0);
    b->at++;
    b->bits += 8;
  }
}

int32_t rt_vp8_bool(struct vp8_bools *b, int32_t probability) {
  if (b->bits < 0) refill(b);
  const uint32_t split = 1 + ((b->range - 1) * (uint32_t)probability >> 8);
  const uint64_t border = (uint64_t)split << b->bits;
  const bool one = b->value >= border;
  if (one) b->value -= border;
  b->range = one ? b->range - split : split;
  const int32_t shift = __builtin_clz(b->range) - 24;
  b->range <<= shift;
  b->bits -= shift;
  return one;
}

int32_t rt_vp8_literal(struct vp8_bools *b, int32_t n) {
  int32_t value = 0;
  while (n--) value = value << 1 | rt_vp8_bool(b, 128);
  return value;
}

int32_t rt_vp8_signed(struct vp8_bools *b, int32_t n) {
  const int32_t value = rt_vp8_literal(b, n);
  return rt_vp8_bool(b, 128) ? -value : value;
}

/* ---- tokens ---- */

/* A number above 1 (13.2). */
static int32_t large(struct vp8_bools *b, const uint8_t *p) {
  static const uint8_t extra[4][12] = {{173, 148, 140},
                                       {176, 155, 140, 135},
                                       {180, 157, 141, 134, 130},
                                       {254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129}};
  if (!rt_vp8_bool(b, p[3])) {
    if (!rt_vp8_bool(b, p[4])) return 2;
    return 3 + rt_vp8_bool(b, p[5]);
  }
  if (!rt_vp8_bool(b, p[6])) {
    if (!rt_vp8_bool(b, p[7])) return 5 + rt_vp8_bool(b, 159);
    const int32_t high = rt_vp8_bool(b, 165);
    return 7 + 2 * high + rt_vp8_bool(b, 145);
  }
  const int32_t upper = rt_vp8_bool(b, p[8]), category = 2 * upper + rt_vp8_bool(b, p[9 + upper]);
  int32_t value = 0;
  for (const uint8_t *e = extra[category]; *e; e++) value = 2 * value + rt_vp8_bool(b, *e);
  return value + 3 + (8 << category);
}

/* The coefficients of a block from `first` on; returns the place behind the last token. */
static int32_t read_block(const struct vp8 *v, struct vp8_bools *b, int32_t type, int32_t context, int32_t first,
                          const int32_t quantizer[2], int16_t *out) {
  static const uint8_t bands[17] = {0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0};
  static const uint8_t zigzag[16] = {0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15};
  const uint8_t (*of_type)[VP8_TOKENS] = v->probabilities + type * VP8_BANDS * VP8_CONTEXTS;
  const uint8_t *p = of_type[bands[first] * VP8_CONTEXTS + context];
  for (int32_t n = first; n < 16;) {
    if (!rt_vp8_bool(b, p[0])) return n;
    while (!rt_vp8_bool(b, p[1])) {
      if (++n == 16) return 16;
      p = of_type[bands[n] * VP8_CONTEXTS];
    }
    const int32_t value = rt_vp8_bool(b, p[2]) ? large(b, p) : 1;
    out[zigzag[n]] = (int16_t)((rt_vp8_bool(b, 128) ? -value : value) * quantizer[n > 0]);
    n++;
    p = of_type[bands[n] * VP8_CONTEXTS + (value > 1 ? 2 : 1)];
  }
  return 16;
}

/* The inverse Walsh-Hadamard transform (14.3): the means of the 16 blocks. */
static void spread_means(const int16_t *in, int16_t coefficients[24][16]) {
  int32_t t[16];
  for (int32_t i = 0; i < 4; i++) {
    const int32_t a = in[i] + in[12 + i], b = in[4 + i] + in[8 + i], c = in[4 + i] - in[8 + i], d = in[i] - in[12 + i];
    t[i] = a + b, t[4 + i] = d + c, t[8 + i] = a - b, t[12 + i] = d - c;
  }
  for (int32_t i = 0; i < 4; i++) {
    const int32_t *r = t + 4 * i;
    const int32_t a = r[0] + r[3] + 3, b = r[1] + r[2], c = r[1] - r[2], d = r[0] - r[3] + 3;
    const int32_t means[4] = {a + b, d + c, a - b, d - c};
    for (int32_t k = 0; k < 4; k++) coefficients[4 * i + k][0] = (int16_t)(means[k] >> 3);
  }
}

void rt_vp8_coefficients(struct vp8 *v, struct vp8_bools *b, struct vp8_block *block, struct vp8_context *above,
                         struct vp8_context *left, int16_t coefficients[24][16]) {
  const struct vp8_quantizer *q = &v->quantizers[block->segment];
  const bool means = block->mode != VP8_BLOCKS;
  bool any = false;
  memset(coefficients, 0, 24 * 16 * sizeof **coefficients);
  block->inner = !means;
  if (block->skipped) {
    memset(above->around, 0, means ? 9 : 8);
    memset(left->around, 0, means ? 9 : 8);
    return;
  }
  if (means) {
    int16_t y2[16] = {0};
    const int32_t end = read_block(v, b, 1, above->around[8] + left->around[8], 0, q->y2, y2);
    above->around[8] = left->around[8] = end > 0;
    spread_means(y2, coefficients);
  }
  for (int32_t i = 0; i < 24; i++) {
    const bool luma = i < 16;
    const int32_t x = luma ? i & 3 : 4 + (i - 16) / 4 * 2 + (i & 1),
                  y = luma ? i >> 2 : 4 + (i - 16) / 4 * 2 + (i >> 1 & 1);
    const int32_t first = luma && means, type = !luma ? 2 : means ? 0 : 3;
    const int32_t end = read_block(v, b, type, above->around[x] + left->around[y], first, luma ? q->y : q->uv,
                                   coefficients[i]);
    above->around[x] = left->around[y] = end > first;
    any |= end > 1 || coefficients[i][0];
  }
  block->inner |= any;
}

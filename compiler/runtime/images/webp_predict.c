/* VP8: prediction within a frame, and the inverse transform of what is left (RFC 6386, sections 12 and 14). */
#include <string.h>

#include "webp_lossy.h"

/* ---- the transform (14.4) ---- */

static int32_t times_cos(int64_t x) { return (int32_t)(x + (x * 20091 >> 16)); }
static int32_t times_sin(int64_t x) { return (int32_t)(x * 35468 >> 16); }

static void transform(int32_t *x, int32_t step) {
  const int32_t a = x[0] + x[2 * step], b = x[0] - x[2 * step];
  const int32_t c = times_sin(x[step]) - times_cos(x[3 * step]), d = times_cos(x[step]) + times_sin(x[3 * step]);
  x[0] = a + d, x[step] = b + c, x[2 * step] = b - c, x[3 * step] = a - d;
}

/* Adds a block to its prediction. */
static void add_block(const int16_t *coefficients, uint8_t *out, int64_t stride) {
  int32_t x[16];
  for (int32_t i = 0; i < 16; i++) x[i] = coefficients[i];
  for (int32_t i = 0; i < 4; i++) transform(x + i, 4);
  for (int32_t i = 0; i < 4; i++) x[4 * i] += 4, transform(x + 4 * i, 1);
  for (int32_t i = 0; i < 16; i++) {
    uint8_t *p = out + i / 4 * stride + i % 4;
    *p = rt_clamp8(*p + (x[i] >> 3));
  }
}

/* ---- prediction ---- */

/* Samples around a block: above it, the corner first, and further on to the right; and left of it. */
struct edges {
  uint8_t above[1 + 16 + 4], left[16];
};

/* Outside the frame samples are 127 above, 129 to the left. */
static struct edges edges_of(const struct vp8_plane *plane, int64_t x, int64_t y, int32_t size) {
  struct edges e;
  const uint8_t *at = plane->samples + y * plane->stride + x;
  memset(e.above, 127, sizeof e.above);
  if (y) {
    e.above[0] = x ? at[-plane->stride - 1] : 129;
    memcpy(e.above + 1, at - plane->stride, (size_t)size);
  }
  for (int32_t i = 0; i < size; i++) e.left[i] = x ? at[i * plane->stride - 1] : 129;
  return e;
}

static void fill(uint8_t *out, int64_t stride, int32_t size, int32_t value) {
  for (int32_t y = 0; y < size; y++) memset(out + y * stride, value, (size_t)size);
}

static int32_t mean(const struct edges *e, int32_t size, bool above, bool left) {
  int32_t sum = 0;
  for (int32_t i = 0; i < size; i++) sum += (above ? e->above[1 + i] : 0) + (left ? e->left[i] : 0);
  const int32_t n = size * (above + left);
  return n ? (sum + n / 2) / n : 128;
}

static void predict_motion(uint8_t *out, int64_t stride, int32_t size, const struct edges *e) {
  for (int32_t y = 0; y < size; y++)
    for (int32_t x = 0; x < size; x++) out[y * stride + x] = rt_clamp8(e->left[y] + e->above[1 + x] - e->above[0]);
}

/* A whole macroblock of one plane (12.2). */
static void predict(const struct vp8_plane *plane, int64_t x, int64_t y, int32_t size, int32_t mode) {
  const struct edges e = edges_of(plane, x, y, size);
  uint8_t *out = plane->samples + y * plane->stride + x;
  if (mode == VP8_DC) fill(out, plane->stride, size, mean(&e, size, y > 0, x > 0));
  if (mode == VP8_TM) predict_motion(out, plane->stride, size, &e);
  for (int32_t i = 0; i < size && mode == VP8_V; i++) memcpy(out + i * plane->stride, e.above + 1, (size_t)size);
  for (int32_t i = 0; i < size && mode == VP8_H; i++) memset(out + i * plane->stride, e.left[i], (size_t)size);
}

static uint8_t of2(int32_t a, int32_t b) { return (uint8_t)((a + b + 1) >> 1); }
static uint8_t of3(int32_t a, int32_t b, int32_t c) { return (uint8_t)((a + 2 * b + c + 2) >> 2); }

/* A block of 4 x 4 (12.3). The samples around it are a row: from below on the left, over the corner, to the right above. */
static void predict_block(uint8_t *out, int64_t stride, int32_t mode, const struct edges *e) {
  uint8_t around[13];
  for (int32_t i = 0; i < 4; i++) around[i] = e->left[3 - i];
  memcpy(around + 4, e->above, 9);
  const uint8_t *const c = around + 4, *const a = c + 1; /* the corner, and what is above */
  if (mode == VP8_DC) fill(out, stride, 4, mean(e, 4, true, true));
  if (mode == VP8_TM) predict_motion(out, stride, 4, e);
  for (int32_t y = 0; y < 4; y++) {
    for (int32_t x = 0; x < 4; x++) {
      uint8_t *p = out + y * stride + x;
      const int32_t d = x - y;
      if (mode == VP8_V) *p = of3(a[x - 1], a[x], a[x + 1]);
      if (mode == VP8_H) *p = of3(c[-y], c[-y - 1], c[y < 3 ? -y - 2 : -4]);
      if (mode == VP8_RD) *p = of3(c[d - 1], c[d], c[d + 1]);
      if (mode == VP8_LD) *p = of3(a[x + y], a[x + y + 1], a[x + y < 6 ? x + y + 2 : 7]);
      if (mode == VP8_VR) {
        const int32_t k = 2 * x - y; /* half a sample right with every row */
        const uint8_t *s = c + (k >> 1);
        *p = k < 0 ? of3(c[k], c[k + 1], c[k + 2]) : k & 1 ? of3(s[0], s[1], s[2]) : of2(s[0], s[1]);
      }
      if (mode == VP8_HD) {
        const int32_t k = 2 * y - x;
        const uint8_t *s = c - (k >> 1);
        *p = k < 0 ? of3(c[-k - 2], c[-k - 1], c[-k]) : k & 1 ? of3(s[0], s[-1], s[-2]) : of2(s[0], s[-1]);
      }
      if (mode == VP8_VL) {
        const uint8_t *s = a + x + y / 2;
        *p = y & 1 ? of3(s[0], s[1], s[2]) : of2(s[0], s[1]);
        if (x == 3 && y >= 2) *p = of3(a[y + 2], a[y + 3], a[y + 4]);
      }
      if (mode == VP8_HU) {
        const int32_t k = x + 2 * y, i = k / 2; /* half a sample down with every column */
        const uint8_t *const l = e->left;
        *p = k > 5    ? l[3]
             : k == 5 ? of3(l[2], l[3], l[3])
             : k & 1  ? of3(l[i], l[i + 1], l[i + 2])
                      : of2(l[i], l[i + 1]);
      }
    }
  }
}

static void reconstruct_blocks(const struct vp8 *v, const struct vp8_block *block, int64_t column, int64_t row,
                               int16_t coefficients[24][16]) {
  const struct vp8_plane *plane = &v->planes[0];
  const uint8_t *over = plane->samples + (16 * row - 1) * plane->stride + 16 * column;
  uint8_t beyond[4]; /* above the macroblock to the right; all its rows take them from there */
  memset(beyond, 127, 4);
  if (row && column + 1 < v->columns) memcpy(beyond, over + 16, 4);
  else if (row) memset(beyond, over[15], 4);
  for (int32_t i = 0; i < 16; i++) {
    const int64_t x = 16 * column + 4 * (i & 3), y = 16 * row + 4 * (i >> 2);
    uint8_t *out = plane->samples + y * plane->stride + x;
    struct edges e = edges_of(plane, x, y, 4);
    if ((i & 3) == 3) memcpy(e.above + 5, beyond, 4);
    else if (y) memcpy(e.above + 5, out - plane->stride + 4, 4);
    predict_block(out, plane->stride, block->modes[i], &e);
    add_block(coefficients[i], out, plane->stride);
  }
}

void rt_vp8_reconstruct(const struct vp8 *v, const struct vp8_block *block, int64_t column, int64_t row,
                        int16_t coefficients[24][16]) {
  if (block->mode == VP8_BLOCKS) reconstruct_blocks(v, block, column, row, coefficients);
  else predict(&v->planes[0], 16 * column, 16 * row, 16, block->mode);
  for (int32_t p = 1; p < 3; p++) predict(&v->planes[p], 8 * column, 8 * row, 8, block->chroma);
  for (int32_t i = block->mode == VP8_BLOCKS ? 16 : 0; i < 24; i++) {
    const struct vp8_plane *plane = &v->planes[i < 16 ? 0 : 1 + (i - 16) / 4];
    const int64_t x = i < 16 ? 16 * column + 4 * (i & 3) : 8 * column + 4 * (i & 1),
                  y = i < 16 ? 16 * row + 4 * (i >> 2) : 8 * row + 4 * (i >> 1 & 1);
    add_block(coefficients[i], plane->samples + y * plane->stride + x, plane->stride);
  }
}

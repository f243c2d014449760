/* JPEG from coefficients to pixels, bit for bit as libjpeg computes them by default: the exact integer transform, chroma
 * that is interpolated, and colours in fixed point. */
#include <string.h>

#include "jpeg.h"

/* ---- the inverse transform ---- */

/* Constants in fixed point with 13 bits. */
enum {
  C0_298 = 2446,
  C0_390 = 3196,
  C0_541 = 4433,
  C0_765 = 6270,
  C0_899 = 7373,
  C1_175 = 9633,
  C1_501 = 12299,
  C1_847 = 15137,
  C1_961 = 16069,
  C2_053 = 16819,
  C2_562 = 20995,
  C3_072 = 25172,
};

/* One dimension: Loeffler, Ligtenberg and Moschytz, "Practical Fast 1-D DCT Algorithms with 11 Multiplications" (1989).
 * The results have `shift` more bits behind the point than the inputs, and lose them, rounded. */
static void transform(int64_t *x, int32_t step, int32_t shift) {
  const int64_t half = (int64_t)1 << (shift - 1);
  const int64_t low = (x[2 * step] + x[6 * step]) * C0_541;
  const int64_t even2 = low - x[6 * step] * C1_847, even3 = low + x[2 * step] * C0_765;
  const int64_t even0 = (x[0] + x[4 * step]) * 8192, even1 = (x[0] - x[4 * step]) * 8192;
  const int64_t even[4] = {even0 + even3, even1 + even2, even1 - even2, even0 - even3};
  const int64_t a = x[7 * step], b = x[5 * step], c = x[3 * step], d = x[step];
  const int64_t turn = (a + c + b + d) * C1_175;
  const int64_t ad = -(a + d) * C0_899, bc = -(b + c) * C2_562;
  const int64_t ac = turn - (a + c) * C1_961, bd = turn - (b + d) * C0_390;
  const int64_t odd[4] = {d * C1_501 + ad + bd, c * C3_072 + bc + ac, b * C2_053 + bc + bd, a * C0_298 + ad + ac};
  for (int i = 0; i < 4; i++) {
    x[i * step] = (even[i] + odd[i] + half) >> shift;
    x[(7 - i) * step] = (even[i] - odd[i] + half) >> shift;
  }
}

static void block_to_samples(const int16_t *block, const uint16_t *quantization, uint8_t *out, int64_t stride) {
  int64_t x[JPEG_BLOCK];
  int32_t any = 0;
  for (int i = 1; i < JPEG_BLOCK; i++) any |= block[i];
  if (!any) {
    const int32_t flat = ((int16_t)(uint16_t)(block[0] * quantization[0]) + 4) >> 3;
    for (int i = 0; i < 8; i++) memset(out + i * stride, rt_clamp8(flat + 128), 8);
    return;
  }
  for (int i = 0; i < JPEG_BLOCK; i++) x[i] = (int16_t)(uint16_t)(block[i] * quantization[i]);
  for (int i = 0; i < 8; i++) transform(x + i, 8, 11);
  for (int i = 0; i < 8; i++) transform(x + 8 * i, 1, 18);
  for (int i = 0; i < JPEG_BLOCK; i++) {
    const int64_t v = x[i] + 128;
    out[i / 8 * stride + i % 8] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
  }
}

static void make_samples(const struct jpeg *j, struct jpeg_component *c) {
  const int64_t rows = j->unit_rows * c->v, stride = 8 * c->stride;
  c->samples = rt_image_memory(j->image, 8 * rows * stride, false);
  for (int64_t row = 0; row < rows; row++)
    for (int64_t column = 0; column < c->stride; column++)
      block_to_samples(c->blocks + JPEG_BLOCK * (row * c->stride + column), c->quantization,
                       c->samples + 8 * row * stride + 8 * column, stride);
  rt_image_release(j->image, c->blocks);
}

/* ---- one row of a component in the resolution of the image ---- */

static const uint8_t *samples_at(const struct jpeg_component *c, int64_t row) {
  return c->samples + 8 * c->stride * (row < 0 ? 0 : row >= c->height ? c->height - 1 : row);
}

/* Twice as wide: samples lie at 1/4 and 3/4 between those that there are, halves rounded down and up by turns. */
static void widen(const uint8_t *in, int64_t width, uint8_t *out) {
  for (int64_t i = 0; i < width; i++) {
    const int32_t before = in[i ? i - 1 : 0], after = in[i + 1 < width ? i + 1 : i];
    out[2 * i] = (uint8_t)(i ? (3 * in[i] + before + 1) >> 2 : in[i]);
    out[2 * i + 1] = (uint8_t)(i + 1 < width ? (3 * in[i] + after + 2) >> 2 : in[i]);
  }
}

static void heighten(const uint8_t *near, const uint8_t *far, int64_t width, int32_t bias, uint8_t *out) {
  for (int64_t i = 0; i < width; i++) out[i] = (uint8_t)((3 * near[i] + far[i] + bias) >> 2);
}

/* Both at once, rounded once. */
static void enlarge(const uint8_t *near, const uint8_t *far, int64_t width, uint8_t *out) {
  for (int64_t i = 0; i < width; i++) {
    const int64_t l = i ? i - 1 : 0, r = i + 1 < width ? i + 1 : i;
    const int32_t sum = 3 * near[i] + far[i];
    out[2 * i] = (uint8_t)((3 * sum + 3 * near[l] + far[l] + 8) >> 4);
    out[2 * i + 1] = (uint8_t)((3 * sum + 3 * near[r] + far[r] + 7) >> 4);
  }
}

/* The samples of image row `y`; in `room` unless they are there already. */
static const uint8_t *full_row(const struct jpeg *j, const struct jpeg_component *c, int64_t y, uint8_t *room) {
  const int32_t dx = j->h_most / c->h, dy = j->v_most / c->v;
  const int64_t row = y / dy;
  const uint8_t *near = samples_at(c, row), *far = samples_at(c, y & 1 ? row + 1 : row - 1);
  if (dx == 1 && dy == 1) return near;
  if (dx == 2 && dy == 1 && c->width > 2) {
    widen(near, c->width, room);
  } else if (dx == 2 && dy == 2 && c->width > 2) {
    enlarge(near, far, c->width, room);
  } else if (dx == 1 && dy == 2) {
    heighten(near, far, c->width, y & 1 ? 2 : 1, room);
  } else {
    for (int64_t x = 0; x < j->image->width; x++) room[x] = near[x / dx];
  }
  return room;
}

/* ---- colours ---- */

enum { ONE = 1 << 16, HALF = 1 << 15 };
#define FIXED(x) ((int32_t)((x) * ONE + 0.5))

static void ycc_to_rgb(int32_t y, int32_t cb, int32_t cr, int32_t rgb[3]) {
  cb -= 128, cr -= 128;
  rgb[0] = rt_clamp8(y + ((FIXED(1.40200) * cr + HALF) >> 16));
  rgb[1] = rt_clamp8(y + ((-FIXED(0.34414) * cb - FIXED(0.71414) * cr + HALF) >> 16));
  rgb[2] = rt_clamp8(y + ((FIXED(1.77200) * cb + HALF) >> 16));
}

/* Are three components luma and two chroma? The rules are libjpeg's: JFIF, then Adobe's marker, then the names. */
static bool is_ycc(const struct jpeg *j) {
  if (j->n_components == 4) return j->adobe && j->adobe_transform == 2;
  if (j->jfif) return true;
  if (j->adobe) return j->adobe_transform != 0;
  const struct jpeg_component *c = j->components;
  return !(c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B');
}

void rt_jpeg_write_pixels(struct jpeg *j) {
  const int64_t width = j->image->width, room = width + 16;
  const bool ycc = is_ycc(j);
  const uint8_t *rows[JPEG_COMPONENTS];
  uint8_t *rooms = rt_image_memory(j->image, JPEG_COMPONENTS * room, false), *out = j->image->pixels;
  for (int32_t c = 0; c < j->n_components; c++) make_samples(j, &j->components[c]);
  for (int64_t y = 0; y < j->image->height; y++) {
    for (int32_t c = 0; c < j->n_components; c++) rows[c] = full_row(j, &j->components[c], y, rooms + c * room);
    for (int64_t x = 0; x < width; x++, out += 3) {
      if (j->n_components == 1) {
        out[0] = out[1] = out[2] = rows[0][x];
        continue;
      }
      int32_t v[3] = {rows[0][x], rows[1][x], rows[2][x]};
      if (ycc) ycc_to_rgb(v[0], v[1], v[2], v);
      if (j->n_components == 3) {
        for (int c = 0; c < 3; c++) out[c] = (uint8_t)v[c];
      } else {
        for (int c = 0; c < 3 && ycc; c++) v[c] = 255 - v[c];
        rt_image_cmyk(out, v[0], v[1], v[2], rows[3][x]);
      }
    }
  }
  for (int32_t c = 0; c < j->n_components; c++) rt_image_release(j->image, j->components[c].samples);
  rt_image_release(j->image, rooms);
}

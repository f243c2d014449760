/* VP8: the loop filter, which smooths the edges of blocks when all are there (RFC 6386, section 15). */
#include <stdlib.h>

#include "webp_lossy.h"

struct strength {
  int32_t edge, inside, variance; /* limits: of the step, of what is beside it, and from when on it is a real edge */
};

static int32_t clamp(int32_t v, int32_t low, int32_t high) { return v < low ? low : v > high ? high : v; }
static int32_t byte(int32_t v) { return clamp(v, -128, 127); }

/* Samples across an edge, `s` between them: p[-1] is before it, p[0] behind it. */
static bool is_smooth(const uint8_t *p, int64_t s, int32_t limit) {
  return 4 * abs(p[-s] - p[0]) + abs(p[-2 * s] - p[s]) <= 2 * limit + 1;
}

static bool is_smooth_around(const uint8_t *p, int64_t s, const struct strength *f, int32_t limit) {
  for (int32_t i = -4; i < 3; i++)
    if (i != -1 && abs(p[i * s] - p[(i + 1) * s]) > f->inside) return false;
  return is_smooth(p, s, limit);
}

static bool varies(const uint8_t *p, int64_t s, int32_t limit) {
  return abs(p[-2 * s] - p[-s]) > limit || abs(p[s] - p[0]) > limit;
}

/* Moves the two samples at the edge by an eighth of `a`, and returns the move of the one behind. */
static int32_t move_two(uint8_t *p, int64_t s, int32_t a) {
  const int32_t behind = clamp((a + 4) >> 3, -16, 15), before = clamp((a + 3) >> 3, -16, 15);
  p[-s] = rt_clamp8(p[-s] + before);
  p[0] = rt_clamp8(p[0] - behind);
  return behind;
}

static int32_t step_of(const uint8_t *p, int64_t s, bool outer) {
  return 3 * (p[0] - p[-s]) + (outer ? byte(p[-2 * s] - p[s]) : 0);
}

static void filter_six(uint8_t *p, int64_t s) {
  const int32_t a = byte(step_of(p, s, true));
  for (int32_t i = 0; i < 3; i++) {
    const int32_t move = (a * (27 - 9 * i) + 63) >> 7;
    p[-(i + 1) * s] = rt_clamp8(p[-(i + 1) * s] + move);
    p[i * s] = rt_clamp8(p[i * s] - move);
  }
}

static void filter_four(uint8_t *p, int64_t s) {
  const int32_t move = (move_two(p, s, step_of(p, s, false)) + 1) >> 1;
  p[-2 * s] = rt_clamp8(p[-2 * s] + move);
  p[s] = rt_clamp8(p[s] - move);
}

/* An edge of `n` samples, `along` from one to the next. */
static void filter_simple(uint8_t *p, int64_t s, int64_t along, int32_t n, int32_t limit) {
  for (; n; n--, p += along)
    if (is_smooth(p, s, limit)) move_two(p, s, step_of(p, s, true));
}

static void filter_normal(uint8_t *p, int64_t s, int64_t along, int32_t n, const struct strength *f,
                          bool of_macroblock) {
  for (; n; n--, p += along) {
    if (!is_smooth_around(p, s, f, of_macroblock ? f->edge + 4 : f->edge)) continue;
    if (varies(p, s, f->variance)) move_two(p, s, step_of(p, s, true));
    else if (of_macroblock) filter_six(p, s);
    else filter_four(p, s);
  }
}

static struct strength strength_of(const struct vp8 *v, int32_t level) {
  int32_t inside = level;
  if (v->sharpness) {
    inside >>= v->sharpness > 4 ? 2 : 1;
    if (inside > 9 - v->sharpness) inside = 9 - v->sharpness;
  }
  if (inside < 1) inside = 1;
  return (struct strength){2 * level + inside, inside, level >= 40 ? 2 : level >= 15 ? 1 : 0};
}

/* The edges of one direction of a macroblock of a plane: that to the one before, unless it is the first, and those inside. */
static void filter_edges(const struct vp8 *v, uint8_t *p, int64_t s, int64_t along, int32_t size, bool first,
                         bool inner, const struct strength *f) {
  for (int32_t at = first ? 4 : 0; at < (inner ? size : 1); at += 4) {
    if (v->simple_filter) filter_simple(p + at * s, s, along, size, at ? f->edge : f->edge + 4);
    else filter_normal(p + at * s, s, along, size, f, !at);
  }
}

void rt_vp8_filter(const struct vp8 *v) {
  for (int64_t row = 0; row < v->rows; row++) {
    for (int64_t column = 0; column < v->columns; column++) {
      const struct vp8_block *block = &v->blocks[row * v->columns + column];
      const int32_t level = v->levels[block->segment][block->mode == VP8_BLOCKS];
      if (!level) continue;
      const struct strength f = strength_of(v, level);
      for (int32_t c = 0; c < (v->simple_filter ? 1 : 3); c++) {
        const int32_t size = c ? 8 : 16;
        const int64_t stride = v->planes[c].stride;
        uint8_t *p = v->planes[c].samples + size * (row * stride + column);
        filter_edges(v, p, 1, stride, size, column == 0, block->inner, &f);
        filter_edges(v, p, stride, 1, size, row == 0, block->inner, &f);
      }
    }
  }
}

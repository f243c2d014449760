/* JPEG 2000: inverse wavelet transforms (T.800, annex F), by lifting: samples of one parity are changed by their
 * neighbours. At the ends samples are mirrored. */
#include "jpeg2000.h"

/* A direction: `n` vectors of `count` samples, `step` apart, the first one at coordinate `start`. */
struct line {
  int64_t n, step, start, count;
};

static int64_t mirrored(int64_t i, int64_t n) { return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i; }

static int64_t first_of(const struct line *l, int32_t parity) { return (l->start + parity) & 1; }

static void lift_low(int32_t *x, const struct line *l) {
  for (int64_t i = first_of(l, 0); i < l->n; i += 2) {
    const int32_t *before = x + mirrored(i - 1, l->n) * l->step, *after = x + mirrored(i + 1, l->n) * l->step;
    for (int64_t k = 0; k < l->count; k++)
      x[i * l->step + k] = (int32_t)((uint32_t)x[i * l->step + k] -
                                     (uint32_t)(((int64_t)before[k] + after[k] + 2) >> 2));
  }
}

static void lift_high(int32_t *x, const struct line *l) {
  for (int64_t i = first_of(l, 1); i < l->n; i += 2) {
    const int32_t *before = x + mirrored(i - 1, l->n) * l->step, *after = x + mirrored(i + 1, l->n) * l->step;
    for (int64_t k = 0; k < l->count; k++)
      x[i * l->step + k] = (int32_t)((uint32_t)x[i * l->step + k] + (uint32_t)(((int64_t)before[k] + after[k]) >> 1));
  }
}

static void undo_reversible(int32_t *x, const struct line *l) {
  if (l->n > 1) {
    lift_low(x, l);
    lift_high(x, l);
  } else if (l->start & 1) {
    for (int64_t k = 0; k < l->count; k++) x[k] /= 2;
  }
}

static void lift_real(float *x, const struct line *l, int32_t parity, float factor) {
  for (int64_t i = first_of(l, parity); i < l->n; i += 2) {
    const float *before = x + mirrored(i - 1, l->n) * l->step, *after = x + mirrored(i + 1, l->n) * l->step;
    for (int64_t k = 0; k < l->count; k++) x[i * l->step + k] -= factor * (before[k] + after[k]);
  }
}

static void scale(float *x, const struct line *l, int32_t parity, float factor) {
  for (int64_t i = first_of(l, parity); i < l->n; i += 2)
    for (int64_t k = 0; k < l->count; k++) x[i * l->step + k] *= factor;
}

static void undo_real(float *x, const struct line *l) {
  if (l->n == 1) {
    for (int64_t k = 0; k < l->count && l->start & 1; k++) x[k] /= 2;
    return;
  }
  scale(x, l, 0, 1.230174104914001f);
  scale(x, l, 1, 1 / 1.230174104914001f);
  lift_real(x, l, 0, 0.443506852043971f);
  lift_real(x, l, 1, 0.882911075530934f);
  lift_real(x, l, 0, -0.052980118572961f);
  lift_real(x, l, 1, -1.586134342059924f);
}

void rt_j2k_wavelet_reversible(int32_t *samples, struct j2k_rect rect) {
  const int64_t width = rect.x1 - rect.x0, height = rect.y1 - rect.y0;
  for (int64_t y = 0; y < height; y++) undo_reversible(samples + y * width, &(struct line){width, 1, rect.x0, 1});
  undo_reversible(samples, &(struct line){height, width, rect.y0, width});
}

void rt_j2k_wavelet_real(float *samples, struct j2k_rect rect) {
  const int64_t width = rect.x1 - rect.x0, height = rect.y1 - rect.y0;
  for (int64_t y = 0; y < height; y++) undo_real(samples + y * width, &(struct line){width, 1, rect.x0, 1});
  undo_real(samples, &(struct line){height, width, rect.y0, width});
}

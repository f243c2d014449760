/* VP8: samples to pixels, bit for bit as libwebp computes them by default: chroma is interpolated, colours are those of
 * BT.601 in fixed point. */
#include "webp_lossy.h"

/* A sample of BT.601's range in fixed point: 6 bits are left of 14. */
static int32_t times(int32_t v, int32_t factor) { return v * factor >> 8; }
static uint8_t rounded(int32_t v) { return rt_clamp8(v >> 6); }

static void put_pixel(int32_t y, int32_t u, int32_t v, uint8_t *out) {
  const int32_t luma = times(y, 19077);
  out[0] = rounded(luma + times(v, 26149) - 14234);
  out[1] = rounded(luma - times(u, 6419) - times(v, 13320) + 8708);
  out[2] = rounded(luma + times(u, 33050) - 17685);
}

/* Chroma of pixel x: of the nearest four samples, 9/16, 3/16, 3/16 and 1/16, rounded in two steps. `n` are there. */
static int32_t chroma(const uint8_t *near, const uint8_t *far, int64_t x, int64_t width) {
  const int64_t i = x / 2, other = x & 1 ? i + 1 : i - 1;
  if (x == 0 || (x == width - 1 && x & 1)) return (3 * near[i] + far[i] + 2) >> 2;
  const int32_t sum = near[i] + near[other] + far[i] + far[other] + 8;
  return (((sum + 2 * (near[other] + far[i])) >> 3) + near[i]) >> 1;
}

void rt_vp8_write_pixels(const struct vp8 *v) {
  const int64_t width = v->frame->width, height = v->frame->height, rows = (height + 1) / 2;
  for (int64_t y = 0; y < height; y++) {
    const int64_t row = y / 2, beside = y & 1 ? row + 1 : row - 1, other = beside < 0 || beside >= rows ? row : beside;
    const uint8_t *luma = v->planes[0].samples + y * v->planes[0].stride;
    const uint8_t *near[2], *far[2];
    for (int32_t c = 0; c < 2; c++) {
      near[c] = v->planes[1 + c].samples + row * v->planes[1 + c].stride;
      far[c] = v->planes[1 + c].samples + other * v->planes[1 + c].stride;
    }
    uint8_t *out = v->frame->pixels + y * v->frame->stride;
    for (int64_t x = 0; x < width; x++, out += 3)
      put_pixel(luma[x], chroma(near[0], far[0], x, width), chroma(near[1], far[1], x, width), out);
  }
}

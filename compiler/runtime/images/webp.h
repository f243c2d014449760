/* webp.h: what the parts of the WebP decoder share. */
#ifndef AICC_IMAGES_WEBP_H
#define AICC_IMAGES_WEBP_H

#include "images.h"

/* The bitstream of one image, in its file, and where its pixels belong. */
struct webp_frame {
  const struct rt_image *image;
  const uint8_t *data;
  int64_t size;
  int64_t width, height; /* as its header says */
  uint8_t *pixels;       /* RGB, `stride` bytes from row to row */
  int64_t stride;
};

/* ---- webp_lossless.c, and webp_lossy.c: the sizes, then the pixels ---- */

void rt_webp_lossless_sizes(struct webp_frame *frame);
void rt_webp_lossless(const struct webp_frame *frame);
void rt_webp_lossy_sizes(struct webp_frame *frame);
void rt_webp_lossy(const struct webp_frame *frame);

#endif

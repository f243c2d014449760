/* tiff.h: what the parts of the TIFF decoder share. */
#ifndef AICC_IMAGES_TIFF_H
#define AICC_IMAGES_TIFF_H

#include "images.h"

/* ---- tiff_packing.c: decompress to `out`, at most `room` bytes, and return how many there are ---- */

int64_t rt_tiff_packbits(const struct rt_image *image, const uint8_t *data, int64_t size, uint8_t *out, int64_t room);
int64_t rt_tiff_lzw(const struct rt_image *image, const uint8_t *data, int64_t size, uint8_t *out, int64_t room);

#endif

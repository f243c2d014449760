/* images.h: what the decoders of image files share. A decoder reads a file in memory, which may say anything, and makes
 * RGB pixels of 8 bits. One that finds a fault does not return: the run ends with a message that names the node. */
#ifndef AICC_IMAGES_H
#define AICC_IMAGES_H

#include "runtime.h"

struct rt_image {
  aicc_context *ctx;
  const char *what, *format; /* the node and the file format, for messages */
  const uint8_t *data;       /* the file */
  int64_t size;
  int64_t width, height; /* 0: not known yet */
  uint8_t *pixels;       /* [height][width][3]; NULL: only the sizes are asked for */
};

/* ---- image.c ---- */

/* Ends the run; the text goes on from "the BMP image cannot be decoded: ". */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
_Noreturn void rt_image_fail(const struct rt_image *image, const char *format, ...);
/* Checks and keeps the sizes that a header says. True: go on, into image->pixels; false: that was all. */
bool rt_image_sized(struct rt_image *image, int64_t width, int64_t height);
/* Memory until it is released or the run ends, 64-byte aligned. */
void *rt_image_memory(const struct rt_image *image, int64_t bytes, bool zero);
void rt_image_release(const struct rt_image *image, void *memory);
/* The address of `bytes` bytes of the file from `at` on; ends the run where the file does not have them. */
const uint8_t *rt_image_bytes(const struct rt_image *image, int64_t at, int64_t bytes);
/* CMYK where 255 is no ink, as Adobe writes it, to RGB. */
void rt_image_cmyk(uint8_t *rgb, int cyan, int magenta, int yellow, int black);

static inline uint32_t rt_le16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t rt_le32(const uint8_t *p) { return rt_le16(p) | rt_le16(p + 2) << 16; }
static inline uint32_t rt_be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | (uint32_t)p[1]; }
static inline uint32_t rt_be32(const uint8_t *p) { return rt_be16(p) << 16 | rt_be16(p + 2); }
static inline uint8_t rt_clamp8(int32_t v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

/* ---- inflate.c ---- */

/* Decompresses a zlib stream to `out`, at most `room` bytes, and returns how many there are. */
int64_t rt_inflate(const struct rt_image *image, const uint8_t *data, int64_t size, uint8_t *out, int64_t room);

/* ---- a decoder for each format ---- */

void rt_decode_bmp(struct rt_image *image);
void rt_decode_pnm(struct rt_image *image);
void rt_decode_png(struct rt_image *image);
void rt_decode_jpeg(struct rt_image *image);
void rt_decode_tiff(struct rt_image *image);
void rt_decode_webp(struct rt_image *image);
void rt_decode_jpeg2000(struct rt_image *image);

#endif

/* webp_lossy.h: what the parts of the VP8 decoder share: key frames of RFC 6386, whose sections are given. */
#ifndef AICC_IMAGES_WEBP_LOSSY_H
#define AICC_IMAGES_WEBP_LOSSY_H

#include "webp.h"

enum { VP8_TYPES = 4, VP8_BANDS = 8, VP8_CONTEXTS = 3, VP8_TOKENS = 11, VP8_MODES = 10, VP8_SEGMENTS = 4 };
/* How a block is predicted; whole macroblocks by one of the first four, or block by block. */
enum { VP8_DC, VP8_TM, VP8_V, VP8_H, VP8_RD, VP8_VR, VP8_LD, VP8_VL, VP8_HD, VP8_HU, VP8_BLOCKS };

extern const uint8_t rt_vp8_coefficient_probabilities[VP8_TYPES * VP8_BANDS * VP8_CONTEXTS][VP8_TOKENS];
extern const uint8_t rt_vp8_update_probabilities[VP8_TYPES * VP8_BANDS * VP8_CONTEXTS][VP8_TOKENS];
extern const uint8_t rt_vp8_mode_probabilities[VP8_MODES][VP8_MODES][VP8_MODES - 1];

/* The boolean entropy decoder (section 7). */
struct vp8_bools {
  const struct rt_image *image;
  const uint8_t *data;
  int64_t at, size;
  uint64_t value; /* below range << bits */
  int32_t bits;   /* how many there are below the eight that decide */
  uint32_t range;
};

struct vp8_quantizer {
  int32_t y[2], y2[2], uv[2]; /* of the first coefficient, and of the others */
};

struct vp8_plane {
  uint8_t *samples; /* whole macroblocks */
  int64_t stride;
};

/* What of a macroblock others need. */
struct vp8_block {
  uint8_t mode, chroma; /* VP8_BLOCKS: `modes` */
  uint8_t segment;
  bool skipped; /* says the header */
  bool inner;   /* edges within are filtered, too */
  uint8_t modes[16];
};

struct vp8 {
  const struct webp_frame *frame;
  int64_t columns, rows; /* macroblocks */
  struct vp8_plane planes[3];
  struct vp8_block *blocks;
  uint8_t probabilities[VP8_TYPES * VP8_BANDS * VP8_CONTEXTS][VP8_TOKENS];
  struct vp8_quantizer quantizers[VP8_SEGMENTS];
  /* The loop filter (9.6); levels by segment, and whether predicted block by block. */
  bool simple_filter;
  int32_t sharpness, levels[VP8_SEGMENTS][2];
};

/* ---- webp_tokens.c ---- */

void rt_vp8_bools_begin(struct vp8_bools *b, const struct rt_image *image, const uint8_t *data, int64_t size);
int32_t rt_vp8_bool(struct vp8_bools *b, int32_t probability);
/* A number of n bits; one with a sign behind it. */
int32_t rt_vp8_literal(struct vp8_bools *b, int32_t n);
int32_t rt_vp8_signed(struct vp8_bools *b, int32_t n);
/* Which blocks around have coefficients: of 4 + 2 + 2 columns or rows, and of the block of means. */
struct vp8_context {
  uint8_t around[9];
};
/* Reads, and multiplies, the coefficients of the 16 + 4 + 4 blocks of a macroblock; the means are in their places. Sets
 * block->inner. */
void rt_vp8_coefficients(struct vp8 *v, struct vp8_bools *b, struct vp8_block *block, struct vp8_context *above,
                         struct vp8_context *left, int16_t coefficients[24][16]);

/* ---- webp_predict.c ---- */

void rt_vp8_reconstruct(const struct vp8 *v, const struct vp8_block *block, int64_t column, int64_t row,
                        int16_t coefficients[24][16]);

/* ---- webp_filter.c ---- */

void rt_vp8_filter(const struct vp8 *v);

/* ---- webp_pixels.c ---- */

void rt_vp8_write_pixels(const struct vp8 *v);

#endif

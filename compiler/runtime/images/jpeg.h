/* jpeg.h: what the parts of the JPEG decoder share. References are to ITU-T T.81. */
#ifndef AICC_IMAGES_JPEG_H
#define AICC_IMAGES_JPEG_H

#include "images.h"

enum { JPEG_BLOCK = 64, JPEG_COMPONENTS = 4 };

struct jpeg_huffman {
  bool defined;
  uint16_t fast[512]; /* by the next 9 bits: symbol << 4 | length; 0: a longer code, or none */
  int32_t ends[18];   /* by length: the code after the last one, at 16 bits */
  int32_t offsets[18];
  uint8_t symbols[256];
};

struct jpeg_component {
  int32_t id, h, v, table; /* sampling factors, quantization table */
  int64_t width, height;   /* in samples */
  int64_t columns, rows;   /* in blocks that hold samples */
  int64_t stride;          /* blocks from row to row: whole units */
  int16_t *blocks;         /* coefficients, in natural order */
  uint16_t quantization[JPEG_BLOCK];
  bool scanned;
  uint8_t *samples;
};

struct jpeg {
  struct rt_image *image;
  bool progressive, jfif, adobe;
  int32_t adobe_transform;
  int32_t n_components, h_most, v_most;
  int64_t unit_columns, unit_rows, restart;
  struct jpeg_component components[JPEG_COMPONENTS];
  uint16_t quantization[4][JPEG_BLOCK];
  bool quantized[4];
  struct jpeg_huffman dc[4], ac[4];
};

struct jpeg_scan {
  int32_t n_components;
  struct jpeg_component *components[JPEG_COMPONENTS];
  int32_t dc[JPEG_COMPONENTS], ac[JPEG_COMPONENTS]; /* tables */
  int32_t first, last, high, low;                   /* of the spectrum; bits by successive approximation */
};

extern const uint8_t rt_jpeg_zigzag[JPEG_BLOCK];

/* ---- jpeg_entropy.c ---- */

void rt_jpeg_make_huffman(const struct jpeg *j, struct jpeg_huffman *table, const uint8_t counts[16],
                          const uint8_t *symbols);
/* Reads the coefficients of a scan from byte `at` of the file on; returns where they end. */
int64_t rt_jpeg_read_scan(struct jpeg *j, const struct jpeg_scan *scan, int64_t at);

/* ---- jpeg_pixels.c ---- */

/* Coefficients to samples, to pixels. */
void rt_jpeg_write_pixels(struct jpeg *j);

#endif

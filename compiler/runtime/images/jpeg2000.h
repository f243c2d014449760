/* jpeg2000.h: what the parts of the JPEG 2000 decoder share. References are to ITU-T T.800. */
#ifndef AICC_IMAGES_JPEG2000_H
#define AICC_IMAGES_JPEG2000_H

#include "images.h"

enum { J2K_COMPONENTS = 4, J2K_LEVELS = 32, J2K_BANDS = 3 * J2K_LEVELS + 1 };
/* Styles of code blocks (table A.19). */
enum { J2K_BYPASS = 1, J2K_RESET = 2, J2K_TERMINATE = 4, J2K_CAUSAL = 8, J2K_SYMBOLS = 32 };

struct j2k_rect {
  int64_t x0, y0, x1, y1;
};

/* How a component is coded, in a tile. */
struct j2k_coding {
  int32_t levels, block_width, block_height, style; /* sides as logarithms */
  bool reversible;
  uint8_t precincts[J2K_LEVELS + 1]; /* logarithms of the sides: width in the lower half */
  int32_t quantization, guard_bits;  /* 0: none, 1: derived from the first, 2: of each band */
  uint16_t steps[J2K_BANDS];
  bool own_coding, own_quantization; /* said of the component: more than what is said of all */
};

/* What the headers say; a tile has a copy, which its own header may change. */
struct j2k_parameters {
  int32_t progression, layers;
  bool mixed, sops, ephs; /* colours are transformed; markers around packet headers */
  struct j2k_coding codings[J2K_COMPONENTS];
};

/* A piece of a code block's data. */
struct j2k_piece {
  const uint8_t *data;
  int32_t size, passes;
  bool starts; /* begins a segment, which is decoded by itself */
  struct j2k_piece *next;
};

struct j2k_block {
  struct j2k_rect rect;
  int32_t zero_planes, passes, length_bits; /* how many are read so far; bits of lengths */
  int32_t segment_passes, segment_most;     /* of the last segment */
  bool included;
  struct j2k_piece *first, *last;
};

struct j2k_node {
  int32_t value, low;
};

/* A tree of minima (B.10.2): level by level, the leaves first. */
struct j2k_tree {
  int64_t width, height;
  struct j2k_node *nodes;
};

/* The code blocks that a precinct has of a band. */
struct j2k_group {
  int64_t across, down;
  struct j2k_block *blocks;
  struct j2k_tree inclusion, zero_planes;
};

struct j2k_precinct {
  struct j2k_group groups[3];
};

struct j2k_band {
  struct j2k_rect rect;
  int32_t kind; /* 0: LL, 1: HL, 2: LH, 3: HH; H first: high frequencies along x */
  int32_t planes;
  float step;
};

struct j2k_resolution {
  struct j2k_rect rect;
  int32_t precinct_width, precinct_height; /* logarithms */
  int64_t across, down;
  int32_t n_bands;
  struct j2k_band bands[3];
  struct j2k_precinct *precincts;
};

struct j2k_tile_component {
  struct j2k_rect rect;
  const struct j2k_coding *coding;
  struct j2k_resolution resolutions[J2K_LEVELS + 1];
  int32_t *samples; /* or floats, unless it is reversible */
};

struct j2k_component {
  int32_t bits, dx, dy;
  bool is_signed;
};

/* Memory for the many small things of a tile. */
struct j2k_pool {
  struct j2k_pool_block *blocks;
  int64_t left, size;
  char *next;
};

struct j2k_tile_part {
  const uint8_t *data;
  int64_t size;
  struct j2k_tile_part *next;
};

struct j2k {
  struct rt_image *image;
  int64_t x0, y0, x1, y1, tile_width, tile_height, tile_x0, tile_y0, tiles_across, tiles_down;
  int32_t n_components;
  struct j2k_component components[J2K_COMPONENTS];
  struct j2k_parameters parameters;
};

struct j2k_tile {
  struct j2k *j;
  struct j2k_parameters *parameters;
  struct j2k_rect rect;
  struct j2k_tile_component components[J2K_COMPONENTS];
  struct j2k_pool pool;
};

static inline int64_t j2k_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit; }

/* ---- jpeg2000_tile.c ---- */

void *rt_j2k_pool_get(const struct rt_image *image, struct j2k_pool *pool, int64_t bytes); /* zeros */
void rt_j2k_pool_free(const struct rt_image *image, struct j2k_pool *pool);
/* Decodes a tile from its packets into image->pixels. */
void rt_j2k_tile(struct j2k *j, struct j2k_parameters *parameters, int64_t number, const uint8_t *packets,
                 int64_t size);

/* ---- jpeg2000_packets.c ---- */

void rt_j2k_read_packets(struct j2k_tile *tile, const uint8_t *data, int64_t size);

/* ---- jpeg2000_block.c ---- */

/* Decodes a code block to its place in a band, whose rows are `stride` long. Values have one bit behind the point. */
void rt_j2k_block(const struct rt_image *image, const struct j2k_block *block, const struct j2k_band *band,
                  int32_t style, int32_t *out, int64_t stride);

/* ---- jpeg2000_wavelet.c ---- */

/* One level of the inverse transform, in place: bands are interleaved already; x0 and y0 say which are low. */
void rt_j2k_wavelet_reversible(int32_t *samples, struct j2k_rect rect);
void rt_j2k_wavelet_real(float *samples, struct j2k_rect rect);

#endif

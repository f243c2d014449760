/* Lossy WebP: a key frame of VP8 (RFC 6386, sections 9 and 19.2). */
#include "webp_lossy.h"

#include <string.h>

enum { PARTITIONS = 8 };

/* What the header says of a frame, as far as it is not kept. */
struct header {
  struct vp8_bools bools;
  struct vp8_bools partitions[PARTITIONS];
  int32_t n_partitions;
  bool segments, maps_segments, absolute;
  int32_t quantizers[VP8_SEGMENTS], levels[VP8_SEGMENTS], segment_probabilities[3];
  bool adjusts_levels;
  int32_t level, level_of_frame, level_of_blocks;
  int32_t skip_probability; /* -1: none is skipped */
};

static int32_t flag(struct header *h) { return rt_vp8_literal(&h->bools, 1); }

void rt_webp_lossy_sizes(struct webp_frame *frame) {
  const uint8_t *p = frame->data;
  if (frame->size < 10 || p[0] & 1 || p[3] != 0x9d || p[4] != 0x01 || p[5] != 0x2a)
    rt_image_fail(frame->image, "its lossy header is unknown");
  frame->width = rt_le16(p + 6) & 0x3fff;
  frame->height = rt_le16(p + 8) & 0x3fff;
}

static void read_segments(struct header *h) {
  for (int32_t i = 0; i < 3; i++) h->segment_probabilities[i] = 255;
  h->segments = flag(h);
  if (!h->segments) return;
  h->maps_segments = flag(h);
  if (flag(h)) {
    h->absolute = flag(h);
    for (int32_t i = 0; i < VP8_SEGMENTS; i++) h->quantizers[i] = flag(h) ? rt_vp8_signed(&h->bools, 7) : 0;
    for (int32_t i = 0; i < VP8_SEGMENTS; i++) h->levels[i] = flag(h) ? rt_vp8_signed(&h->bools, 6) : 0;
  }
  for (int32_t i = 0; i < 3 && h->maps_segments; i++)
    if (flag(h)) h->segment_probabilities[i] = rt_vp8_literal(&h->bools, 8);
}

static void read_filter(struct vp8 *v, struct header *h) {
  v->simple_filter = flag(h);
  h->level = rt_vp8_literal(&h->bools, 6);
  v->sharpness = rt_vp8_literal(&h->bools, 3);
  h->adjusts_levels = flag(h);
  if (!h->adjusts_levels || !flag(h)) return;
  /* By the frame that is referred to, and by the mode: of a key frame the first of each. */
  for (int32_t i = 0; i < 8; i++) {
    const int32_t change = flag(h) ? rt_vp8_signed(&h->bools, 6) : 0;
    if (i == 0) h->level_of_frame = change;
    if (i == 4) h->level_of_blocks = change;
  }
}

static int32_t clamp(int32_t v, int32_t most) { return v < 0 ? 0 : v > most ? most : v; }

static void set_levels(struct vp8 *v, const struct header *h) {
  for (int32_t s = 0; s < VP8_SEGMENTS && h->level; s++) {
    const int32_t level = !h->segments ? h->level : h->absolute ? h->levels[s] : h->level + h->levels[s];
    for (int32_t blocks = 0; blocks < 2; blocks++) {
      const int32_t change = h->adjusts_levels ? h->level_of_frame + (blocks ? h->level_of_blocks : 0) : 0;
      v->levels[s][blocks] = clamp(level + change, 63);
    }
  }
}

/* Where the data of coefficients are: the first partition, sizes of all others but the last, and these. */
static void find_partitions(const struct vp8 *v, struct header *h) {
  const struct webp_frame *f = v->frame;
  const int64_t first = (int64_t)(f->data[0] >> 5 | f->data[1] << 3 | f->data[2] << 11), n = h->n_partitions;
  int64_t at = 10 + first + 3 * (n - 1);
  if (at > f->size) rt_image_fail(f->image, "its partitions are longer than it is");
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *p = f->data + 10 + first + 3 * i;
    const int64_t left = f->size - at, said = i < n - 1 ? (int64_t)(rt_le16(p) | (uint32_t)p[2] << 16) : left;
    if (said > left) rt_image_fail(f->image, "its partitions are longer than it is");
    rt_vp8_bools_begin(&h->partitions[i], f->image, f->data + at, said);
    at += said;
  }
}

/* Quantizers from their numbers (section 14.1). */
static int32_t of_first(int32_t number, int32_t most) {
  static const uint8_t table[128] = {
      4,   5,   6,   7,   8,   9,   10,  10,  11,  12,  13,  14,  15,  16,  17,  17,  18,  19,  20,  20,  21,  21,
      22,  22,  23,  23,  24,  25,  25,  26,  27,  28,  29,  30,  31,  32,  33,  34,  35,  36,  37,  37,  38,  39,
      40,  41,  42,  43,  44,  45,  46,  46,  47,  48,  49,  50,  51,  52,  53,  54,  55,  56,  57,  58,  59,  60,
      61,  62,  63,  64,  65,  66,  67,  68,  69,  70,  71,  72,  73,  74,  75,  76,  76,  77,  78,  79,  80,  81,
      82,  83,  84,  85,  86,  87,  88,  89,  91,  93,  95,  96,  98,  100, 101, 102, 104, 106, 108, 110, 112, 114,
      116, 118, 122, 124, 126, 128, 130, 132, 134, 136, 138, 140, 143, 145, 148, 151, 154, 157,
  };
  return table[clamp(number, most)];
}

static int32_t of_others(int32_t number) {
  static const uint16_t table[128] = {
      4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,  15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25,
      26,  27,  28,  29,  30,  31,  32,  33,  34,  35,  36,  37,  38,  39,  40,  41,  42,  43,  44,  45,  46,  47,
      48,  49,  50,  51,  52,  53,  54,  55,  56,  57,  58,  60,  62,  64,  66,  68,  70,  72,  74,  76,  78,  80,
      82,  84,  86,  88,  90,  92,  94,  96,  98,  100, 102, 104, 106, 108, 110, 112, 114, 116, 119, 122, 125, 128,
      131, 134, 137, 140, 143, 146, 149, 152, 155, 158, 161, 164, 167, 170, 173, 177, 181, 185, 189, 193, 197, 201,
      205, 209, 213, 217, 221, 225, 229, 234, 239, 245, 249, 254, 259, 264, 269, 274, 279, 284,
  };
  return table[clamp(number, 127)];
}

static void read_quantizers(struct vp8 *v, struct header *h) {
  const int32_t base = rt_vp8_literal(&h->bools, 7);
  int32_t changes[5]; /* of luma's first, the means' first and others, chroma's first and others */
  for (int32_t i = 0; i < 5; i++) changes[i] = flag(h) ? rt_vp8_signed(&h->bools, 4) : 0;
  for (int32_t s = 0; s < VP8_SEGMENTS; s++) {
    const int32_t q = !h->segments ? base : h->absolute ? h->quantizers[s] : base + h->quantizers[s];
    const int32_t means = of_others(q + changes[2]) * 155 / 100;
    v->quantizers[s] = (struct vp8_quantizer){
        {of_first(q + changes[0], 127), of_others(q)},
        {of_first(q + changes[1], 127) * 2, means < 8 ? 8 : means},
        {of_first(q + changes[3], 117), of_others(q + changes[4])},
    };
  }
}

static void read_header(struct vp8 *v, struct header *h) {
  const struct webp_frame *f = v->frame;
  const int64_t first = (int64_t)(f->data[0] >> 5 | f->data[1] << 3 | f->data[2] << 11);
  if (first > f->size - 10) rt_image_fail(f->image, "its first partition is longer than it is");
  rt_vp8_bools_begin(&h->bools, f->image, f->data + 10, first);
  rt_vp8_literal(&h->bools, 2); /* the colour space, and whether samples are in range: both say nothing new */
  read_segments(h);
  read_filter(v, h);
  set_levels(v, h);
  h->n_partitions = 1 << rt_vp8_literal(&h->bools, 2);
  find_partitions(v, h);
  read_quantizers(v, h);
  flag(h); /* whether later frames go on from here */
  memcpy(v->probabilities, rt_vp8_coefficient_probabilities, sizeof v->probabilities);
  for (int32_t i = 0; i < VP8_TYPES * VP8_BANDS * VP8_CONTEXTS; i++)
    for (int32_t t = 0; t < VP8_TOKENS; t++)
      if (rt_vp8_bool(&h->bools, rt_vp8_update_probabilities[i][t]))
        v->probabilities[i][t] = (uint8_t)rt_vp8_literal(&h->bools, 8);
  h->skip_probability = flag(h) ? rt_vp8_literal(&h->bools, 8) : -1;
}

/* ---- macroblocks (section 11) ---- */

/* A path through a tree: rows are the next nodes, and leaves as -mode; each node has a probability of its own. */
static uint8_t read_mode(struct vp8_bools *b, const uint8_t *probabilities) {
  static const int8_t tree[VP8_MODES - 1][2] = {
      {-VP8_DC, 1}, {-VP8_TM, 2}, {-VP8_V, 3},        {4, 6}, {-VP8_H, 5}, {-VP8_RD, -VP8_VR},
      {-VP8_LD, 7}, {-VP8_VL, 8}, {-VP8_HD, -VP8_HU},
  };
  int32_t node = 0;
  do node = tree[node][rt_vp8_bool(b, probabilities[node])];
  while (node > 0);
  return (uint8_t)-node;
}

/* `above` and `left`: modes of the blocks around. */
static void read_block_header(struct header *h, struct vp8_block *block, uint8_t above[4], uint8_t left[4]) {
  struct vp8_bools *b = &h->bools;
  *block = (struct vp8_block){0};
  if (h->maps_segments) {
    const int32_t upper = rt_vp8_bool(b, h->segment_probabilities[0]);
    block->segment = (uint8_t)(2 * upper + rt_vp8_bool(b, h->segment_probabilities[1 + upper]));
  }
  block->skipped = h->skip_probability >= 0 && rt_vp8_bool(b, h->skip_probability);
  if (!rt_vp8_bool(b, 145)) {
    block->mode = VP8_BLOCKS;
    for (int32_t i = 0; i < 16; i++)
      block->modes[i] = above[i & 3] = left[i >> 2] = read_mode(b,
                                                                rt_vp8_mode_probabilities[above[i & 3]][left[i >> 2]]);
  } else {
    if (rt_vp8_bool(b, 156)) block->mode = rt_vp8_bool(b, 128) ? VP8_TM : VP8_H;
    else block->mode = rt_vp8_bool(b, 163) ? VP8_V : VP8_DC;
    memset(above, block->mode, 4);
    memset(left, block->mode, 4);
  }
  if (!rt_vp8_bool(b, 142)) block->chroma = VP8_DC;
  else if (!rt_vp8_bool(b, 114)) block->chroma = VP8_V;
  else block->chroma = rt_vp8_bool(b, 183) ? VP8_TM : VP8_H;
}

static void read_blocks(struct vp8 *v, struct header *h) {
  const struct rt_image *image = v->frame->image;
  struct vp8_context *above = rt_image_memory(image, v->columns * (int64_t)sizeof *above, true);
  uint8_t (*modes)[4] = rt_image_memory(image, v->columns * (int64_t)sizeof *modes, true);
  int16_t coefficients[24][16];
  for (int64_t row = 0; row < v->rows; row++) {
    struct vp8_context left = {{0}};
    uint8_t left_modes[4] = {VP8_DC, VP8_DC, VP8_DC, VP8_DC};
    for (int64_t column = 0; column < v->columns; column++) {
      struct vp8_block *block = &v->blocks[row * v->columns + column];
      read_block_header(h, block, modes[column], left_modes);
      rt_vp8_coefficients(v, &h->partitions[row % h->n_partitions], block, &above[column], &left, coefficients);
      rt_vp8_reconstruct(v, block, column, row, coefficients);
    }
  }
  rt_image_release(image, modes);
  rt_image_release(image, above);
}

void rt_webp_lossy(const struct webp_frame *frame) {
  const struct rt_image *image = frame->image;
  struct vp8 v = {.frame = frame, .columns = (frame->width + 15) / 16, .rows = (frame->height + 15) / 16};
  struct header h = {.n_partitions = 1};
  read_header(&v, &h);
  v.blocks = rt_image_memory(image, v.rows * v.columns * (int64_t)sizeof *v.blocks, false);
  for (int32_t c = 0; c < 3; c++) {
    const int64_t size = c ? 8 : 16;
    v.planes[c].stride = size * v.columns;
    v.planes[c].samples = rt_image_memory(image, size * v.rows * v.planes[c].stride, false);
  }
  read_blocks(&v, &h);
  rt_vp8_filter(&v);
  rt_vp8_write_pixels(&v);
  for (int32_t c = 0; c < 3; c++) rt_image_release(image, v.planes[c].samples);
  rt_image_release(image, v.blocks);
}

/* The entropy-coded data of JPEG: Huffman codes (T.81, annex F) and the scans of progressive images (annex G). */
#include <string.h>

#include "jpeg.h"

const uint8_t rt_jpeg_zigzag[JPEG_BLOCK] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};

void rt_jpeg_make_huffman(const struct jpeg *j, struct jpeg_huffman *table, const uint8_t counts[16],
                          const uint8_t *symbols) {
  int32_t code = 0, place = 0;
  memset(table, 0, sizeof *table);
  table->defined = true;
  for (int32_t length = 1; length <= 16; length++, code <<= 1) {
    table->offsets[length] = place - code;
    for (int32_t i = 0; i < counts[length - 1]; i++, code++, place++) {
      if (code >= 1 << length) rt_image_fail(j->image, "a Huffman table has too many short codes");
      table->symbols[place] = symbols[place];
      if (length > 9) continue;
      for (int32_t k = 0; k < 1 << (9 - length); k++)
        table->fast[(code << (9 - length)) + k] = (uint16_t)(symbols[place] << 4 | length);
    }
    table->ends[length] = code << (16 - length);
  }
}

struct reader {
  const struct jpeg *j;
  const struct jpeg_scan *scan;
  int64_t at;
  uint64_t bits; /* the lowest `count`, the first one highest */
  int32_t count, missing;
  int32_t predictions[JPEG_COMPONENTS];
  int64_t skipped; /* blocks without further coefficients in the band */
};

_Noreturn static void corrupt(const struct reader *r, const char *what) {
  rt_image_fail(r->j->image, "a scan is corrupt: %s", what);
}

/* Makes 32 bits ready. From the next marker on there are none: zeros take their place, an error once they are used. */
static void refill(struct reader *r) {
  const struct rt_image *image = r->j->image;
  while (r->count <= 32) {
    uint32_t byte = 0;
    if (r->at + 1 < image->size && (image->data[r->at] != 0xff || image->data[r->at + 1] == 0)) {
      byte = image->data[r->at];
      r->at += byte == 0xff ? 2 : 1;
    } else if ((r->missing += 8) > 256) {
      corrupt(r, "it ends early");
    }
    r->bits = r->bits << 8 | byte;
    r->count += 8;
  }
}

static int32_t take(struct reader *r, int32_t n) {
  if (r->count < n) refill(r);
  r->count -= n;
  return (int32_t)(r->bits >> r->count & ((1u << n) - 1));
}

static int32_t symbol(struct reader *r, const struct jpeg_huffman *table) {
  if (r->count < 16) refill(r);
  const int32_t next = (int32_t)(r->bits >> (r->count - 16) & 0xffff);
  const int32_t fast = table->fast[next >> 7];
  if (fast) {
    r->count -= fast & 15;
    return fast >> 4;
  }
  for (int32_t length = 1; length <= 16; length++) {
    if (next >= table->ends[length]) continue;
    r->count -= length;
    return table->symbols[(next >> (16 - length)) + table->offsets[length]];
  }
  corrupt(r, "a code is unknown");
}

/* The signed number of a size class (F.2.2.1). */
static int32_t number(struct reader *r, int32_t size) {
  if (!size) return 0;
  if (size > 15) corrupt(r, "a number is too large");
  const int32_t value = take(r, size);
  return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
}

static int32_t predicted(struct reader *r, int32_t c) {
  const int32_t value = r->predictions[c] + number(r, symbol(r, &r->j->dc[r->scan->dc[c]]));
  return r->predictions[c] = (int16_t)value;
}

static int32_t place_after(const struct reader *r, int32_t k, int32_t run, int32_t last) {
  if (k + run > last) corrupt(r, "a run leaves its block");
  return k + run;
}

static void read_block(struct reader *r, int32_t c, int16_t *block) {
  const struct jpeg_huffman *ac = &r->j->ac[r->scan->ac[c]];
  block[0] = (int16_t)predicted(r, c);
  for (int32_t k = 1; k < JPEG_BLOCK; k++) {
    const int32_t code = symbol(r, ac), run = code >> 4, size = code & 15;
    if (!size && run < 15) break;
    if (!size && k + 15 >= JPEG_BLOCK) break;
    k = place_after(r, k, run, 63);
    if (size) block[rt_jpeg_zigzag[k]] = (int16_t)number(r, size);
  }
}

/* ---- progressive scans (G.1.2): the first bits of coefficients, and one more ---- */

static void first_dc(struct reader *r, int32_t c, int16_t *block) {
  block[0] = (int16_t)((uint32_t)predicted(r, c) << r->scan->low);
}

static void next_dc(struct reader *r, int32_t c, int16_t *block) {
  (void)c;
  if (take(r, 1)) block[0] = (int16_t)(block[0] | 1 << r->scan->low);
}

static int64_t end_of_band(struct reader *r, int32_t run) { return ((int64_t)1 << run) + take(r, run); }

static void first_ac(struct reader *r, int32_t c, int16_t *block) {
  const struct jpeg_huffman *ac = &r->j->ac[r->scan->ac[c]];
  if (r->skipped) {
    r->skipped--;
    return;
  }
  for (int32_t k = r->scan->first; k <= r->scan->last; k++) {
    const int32_t code = symbol(r, ac), run = code >> 4, size = code & 15;
    if (!size && run < 15) {
      r->skipped = end_of_band(r, run) - 1;
      return;
    }
    if (!size && k + 15 >= r->scan->last) break;
    k = place_after(r, k, run, r->scan->last);
    if (size) block[rt_jpeg_zigzag[k]] = (int16_t)((uint32_t)number(r, size) << r->scan->low);
  }
}

/* Goes over `zeros` coefficients that are 0 so far, to the one behind them, with one more bit for each of the others. */
static int32_t refine(struct reader *r, int16_t *block, int32_t k, int32_t zeros) {
  const int32_t bit = 1 << r->scan->low;
  for (; k <= r->scan->last; k++) {
    int16_t *value = &block[rt_jpeg_zigzag[k]];
    if (!*value) {
      if (!zeros--) break;
    } else if (take(r, 1) && !(*value & bit)) {
      *value = (int16_t)(*value + (*value < 0 ? -bit : bit));
    }
  }
  return k;
}

static void next_ac(struct reader *r, int32_t c, int16_t *block) {
  const struct jpeg_huffman *ac = &r->j->ac[r->scan->ac[c]];
  int32_t k = r->scan->first;
  while (!r->skipped && k <= r->scan->last) {
    const int32_t code = symbol(r, ac), run = code >> 4, size = code & 15;
    if (!size && run < 15) {
      r->skipped = end_of_band(r, run);
      break;
    }
    if (size > 1) corrupt(r, "a new coefficient is larger than one bit");
    const int32_t value = !size ? 0 : take(r, 1) ? 1 << r->scan->low : -(1 << r->scan->low);
    k = refine(r, block, k, run);
    if (k <= r->scan->last && value) block[rt_jpeg_zigzag[k]] = (int16_t)value;
    k++;
  }
  if (r->skipped) {
    refine(r, block, k, JPEG_BLOCK);
    r->skipped--;
  }
}

/* ---- scans ---- */

typedef void block_reader(struct reader *r, int32_t c, int16_t *block);

static block_reader *reader_of(const struct jpeg *j, const struct jpeg_scan *scan) {
  if (!j->progressive) return read_block;
  if (scan->first == 0) return scan->high ? next_dc : first_dc;
  return scan->high ? next_ac : first_ac;
}

static int16_t *block_at(const struct jpeg_component *c, int64_t row, int64_t column) {
  return c->blocks + JPEG_BLOCK * (row * c->stride + column);
}

/* What is left of a byte is filled up; were bits missing, they have been used. */
static void end_interval(struct reader *r) {
  if (r->missing > r->count) corrupt(r, "it ends early");
  r->bits = 0;
  r->count = r->missing = 0;
  r->skipped = 0;
  memset(r->predictions, 0, sizeof r->predictions);
}

static void restart(struct reader *r, int64_t number_of) {
  const struct rt_image *image = r->j->image;
  end_interval(r);
  while (rt_image_bytes(image, r->at, 2)[0] == 0xff && image->data[r->at + 1] == 0xff) r->at++;
  if (image->data[r->at] != 0xff || image->data[r->at + 1] != 0xd0 + (number_of & 7))
    corrupt(r, "a restart marker is missing");
  r->at += 2;
}

int64_t rt_jpeg_read_scan(struct jpeg *j, const struct jpeg_scan *scan, int64_t at) {
  struct reader r = {.j = j, .scan = scan, .at = at};
  block_reader *const read = reader_of(j, scan);
  const bool single = scan->n_components == 1;
  const int64_t columns = single ? scan->components[0]->columns : j->unit_columns;
  const int64_t units = columns * (single ? scan->components[0]->rows : j->unit_rows);
  for (int64_t unit = 0; unit < units; unit++) {
    if (j->restart && unit && unit % j->restart == 0) restart(&r, unit / j->restart - 1);
    const int64_t row = unit / columns, column = unit % columns;
    if (single) {
      read(&r, 0, block_at(scan->components[0], row, column));
      continue;
    }
    for (int32_t c = 0; c < scan->n_components; c++) {
      const struct jpeg_component *component = scan->components[c];
      for (int32_t b = 0; b < component->h * component->v; b++)
        read(&r, c,
             block_at(component, row * component->v + b / component->h, column * component->h + b % component->h));
    }
  }
  end_interval(&r);
  return r.at;
}

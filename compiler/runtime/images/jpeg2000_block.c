/* JPEG 2000: code blocks, bit plane by bit plane (T.800, annex D), by the MQ arithmetic decoder (annex C) or as raw bits. */
#include <string.h>

#include "jpeg2000.h"

enum { CONTEXTS = 19, SIGN = 9, MAGNITUDE = 14, RUN = 17, UNIFORM = 18 };
enum { SIGNIFICANT = 1, NEGATIVE = 2, VISITED = 4, REFINED = 8 };

/* ---- bits ---- */

/* Table C.2: the estimate, and the states after the likelier symbol and the other; 128: they change roles. */
static const struct {
  uint16_t estimate;
  uint8_t likelier, other;
} states[47] = {
    {0x5601, 1, 1 | 128}, {0x3401, 2, 6},       {0x1801, 3, 9},   {0x0ac1, 4, 12},  {0x0521, 5, 29},
    {0x0221, 38, 33},     {0x5601, 7, 6 | 128}, {0x5401, 8, 14},  {0x4801, 9, 14},  {0x3801, 10, 14},
    {0x3001, 11, 17},     {0x2401, 12, 18},     {0x1c01, 13, 20}, {0x1601, 29, 21}, {0x5601, 15, 14 | 128},
    {0x5401, 16, 14},     {0x5101, 17, 15},     {0x4801, 18, 16}, {0x3801, 19, 17}, {0x3401, 20, 18},
    {0x3001, 21, 19},     {0x2801, 22, 19},     {0x2401, 23, 20}, {0x2201, 24, 21}, {0x1c01, 25, 22},
    {0x1801, 26, 23},     {0x1601, 27, 24},     {0x1401, 28, 25}, {0x1201, 29, 26}, {0x1101, 30, 27},
    {0x0ac1, 31, 28},     {0x09c1, 32, 29},     {0x08a1, 33, 30}, {0x0521, 34, 31}, {0x0441, 35, 32},
    {0x02a1, 36, 33},     {0x0221, 37, 34},     {0x0141, 38, 35}, {0x0111, 39, 36}, {0x0085, 40, 37},
    {0x0049, 41, 38},     {0x0025, 42, 39},     {0x0015, 43, 40}, {0x0009, 44, 41}, {0x0005, 45, 42},
    {0x0001, 45, 43},     {0x5601, 46, 46},
};

struct decoder {
  const uint8_t *data;
  int64_t at, size;
  uint32_t code, interval;
  int32_t count;
  bool raw;
  uint8_t states[CONTEXTS], symbols[CONTEXTS];
  /* The block: flags with a border all around. */
  uint8_t *flags;
  int64_t width, height, row;
  int32_t kind, plane, style;
  int32_t *out;
  int64_t stride;
};

/* Behind the end the data go on with ones. */
static uint32_t byte_at(const struct decoder *d, int64_t at) { return at < d->size ? d->data[at] : 0xff; }

static void next_byte(struct decoder *d) {
  if (byte_at(d, d->at) == 0xff && byte_at(d, d->at + 1) > 0x8f) {
    d->code += 0xff00;
    d->count = 8;
    return;
  }
  const bool stuffed = byte_at(d, d->at) == 0xff;
  d->at++;
  d->code += byte_at(d, d->at) << (stuffed ? 9 : 8);
  d->count = stuffed ? 7 : 8;
}

static void begin_segment(struct decoder *d, const uint8_t *data, int64_t size, bool raw) {
  d->data = data, d->size = size, d->at = 0, d->raw = raw;
  d->code = d->count = 0;
  if (raw) return;
  d->code = byte_at(d, 0) << 16;
  next_byte(d);
  d->code <<= 7;
  d->count -= 7;
  d->interval = 0x8000;
}

static void reset_contexts(struct decoder *d) {
  memset(d->states, 0, sizeof d->states);
  memset(d->symbols, 0, sizeof d->symbols);
  d->states[0] = 4, d->states[RUN] = 3, d->states[UNIFORM] = 46;
}

static int32_t decode(struct decoder *d, int32_t context) {
  const uint32_t estimate = states[d->states[context]].estimate;
  int32_t symbol = d->symbols[context];
  d->interval -= estimate;
  const bool upper = d->code >> 16 >= estimate;
  if (upper) d->code -= estimate << 16;
  if (upper && d->interval & 0x8000) return symbol;
  if ((d->interval < estimate) != upper) {
    d->states[context] = states[d->states[context]].likelier;
  } else {
    const uint8_t next = states[d->states[context]].other;
    if (next & 128) d->symbols[context] ^= 1;
    d->states[context] = next & 127;
    symbol ^= 1;
  }
  if (!upper) d->interval = estimate;
  do {
    if (!d->count) next_byte(d);
    d->interval <<= 1;
    d->code <<= 1;
    d->count--;
  } while (!(d->interval & 0x8000));
  return symbol;
}

/* A bit as it is; behind a byte of ones the first bit is stuffed. */
static int32_t raw_bit(struct decoder *d) {
  if (!d->count) {
    d->count = d->code == 0xff ? 7 : 8;
    d->code = byte_at(d, d->at++);
  }
  return (int32_t)(d->code >> --d->count & 1);
}

/* ---- contexts (D.3) ---- */

/* The neighbours of a coefficient that are significant: left and right, above and below, across corners. `below`: rows
 * under it count. */
static void count_around(const struct decoder *d, const uint8_t *f, bool below, int32_t *h, int32_t *v, int32_t *x) {
  const uint8_t *u = f - d->row, *l = f + d->row;
  *h = (f[-1] & 1) + (f[1] & 1);
  *v = (u[0] & 1) + (below ? l[0] & 1 : 0);
  *x = (u[-1] & 1) + (u[1] & 1) + (below ? (l[-1] & 1) + (l[1] & 1) : 0);
}

static int32_t zero_context(const struct decoder *d, const uint8_t *f, bool below) {
  int32_t h, v, x;
  count_around(d, f, below, &h, &v, &x);
  if (d->kind == 3) {
    const int32_t hv = h + v;
    if (x >= 3) return 8;
    if (x == 2) return hv ? 7 : 6;
    return 3 * x + (hv > 2 ? 2 : hv);
  }
  if (d->kind == 1) {
    const int32_t t = h;
    h = v, v = t;
  }
  if (h == 2) return 8;
  if (h == 1) return v ? 7 : x ? 6 : 5;
  return v ? 2 + v : x > 2 ? 2 : x;
}

static int32_t sign_of(uint8_t flags) { return flags & SIGNIFICANT ? flags & NEGATIVE ? -1 : 1 : 0; }
static int32_t clamp1(int32_t v) { return v < -1 ? -1 : v > 1 ? 1 : v; }

static int32_t decode_sign(struct decoder *d, const uint8_t *f, bool below) {
  if (d->raw) return raw_bit(d);
  const int32_t h = clamp1(sign_of(f[-1]) + sign_of(f[1])),
                v = clamp1(sign_of(f[-d->row]) + (below ? sign_of(f[d->row]) : 0));
  const int32_t sum = 3 * h + v, context = SIGN + (sum < 0 ? -sum : sum);
  return decode(d, context) ^ (sum < 0);
}

/* ---- passes (D.4) ---- */

/* A coefficient whose first bit this is: halfway to the next one. */
static void become_significant(struct decoder *d, int64_t x, int64_t y, uint8_t *f, bool below) {
  const bool negative = decode_sign(d, f, below);
  const int32_t value = 3 << (d->plane - 1);
  d->out[y * d->stride + x] = negative ? -value : value;
  *f |= SIGNIFICANT | (negative ? NEGATIVE : 0);
}

typedef void pass(struct decoder *d, int64_t x, int64_t y, uint8_t *f, bool below);

static void propagate(struct decoder *d, int64_t x, int64_t y, uint8_t *f, bool below) {
  if (*f & SIGNIFICANT) return;
  const int32_t context = zero_context(d, f, below);
  if (!context) return;
  if (d->raw ? raw_bit(d) : decode(d, context)) become_significant(d, x, y, f, below);
  *f |= VISITED;
}

static void refine(struct decoder *d, int64_t x, int64_t y, uint8_t *f, bool below) {
  if ((*f & (SIGNIFICANT | VISITED)) != SIGNIFICANT) return;
  int32_t h, v, c;
  count_around(d, f, below, &h, &v, &c);
  const int32_t context = *f & REFINED ? MAGNITUDE + 2 : h + v + c ? MAGNITUDE + 1 : MAGNITUDE;
  const bool one = d->raw ? raw_bit(d) : decode(d, context);
  int32_t *value = &d->out[y * d->stride + x];
  const int32_t change = 1 << (d->plane - 1);
  *value += one == (*value > 0) ? change : -change;
  *f |= REFINED;
}

static void clean(struct decoder *d, int64_t x, int64_t y, uint8_t *f, bool below) {
  if (!(*f & (SIGNIFICANT | VISITED)) && decode(d, zero_context(d, f, below))) become_significant(d, x, y, f, below);
  *f &= (uint8_t)~VISITED;
}

/* How many coefficients of a column of four come before the first that becomes significant, when all are alike: 4 if none
 * does, -1 if they are not alike. */
static int32_t run_of(struct decoder *d, uint8_t *f, bool causal) {
  for (int32_t i = 0; i < 4; i++)
    if (f[i * d->row] & (SIGNIFICANT | VISITED) || zero_context(d, f + i * d->row, !(causal && i == 3))) return -1;
  if (!decode(d, RUN)) return 4;
  const int32_t upper = decode(d, UNIFORM);
  return 2 * upper + decode(d, UNIFORM);
}

/* Coefficients in stripes of four rows, column by column. */
static void run_pass(struct decoder *d, int32_t kind) {
  static pass *const passes[] = {propagate, refine, clean};
  const bool causal = d->style & J2K_CAUSAL;
  for (int64_t top = 0; top < d->height; top += 4) {
    const int64_t rows = d->height - top < 4 ? d->height - top : 4;
    for (int64_t x = 0; x < d->width; x++) {
      uint8_t *f = d->flags + (top + 1) * d->row + x + 1;
      const int32_t run = kind == 2 && rows == 4 ? run_of(d, f, causal) : -1;
      int64_t i = run < 0 ? 0 : run;
      if (run >= 0 && run < 4) become_significant(d, x, top + i, f + i * d->row, !(causal && i == 3)), i++;
      for (; i < rows; i++) passes[kind](d, x, top + i, f + i * d->row, !(causal && i == 3));
    }
  }
  if (kind != 2 || !(d->style & J2K_SYMBOLS)) return;
  for (int32_t i = 0; i < 4; i++) decode(d, UNIFORM);
}

void rt_j2k_block(const struct rt_image *image, const struct j2k_block *block, const struct j2k_band *band,
                  int32_t style, int32_t *out, int64_t stride) {
  struct decoder d = {
      .kind = band->kind, .style = style, .out = out, .stride = stride, .plane = band->planes - block->zero_planes};
  d.width = block->rect.x1 - block->rect.x0;
  d.height = block->rect.y1 - block->rect.y0;
  d.row = d.width + 2;
  if (!block->first) return;
  if (d.plane > 30) rt_image_fail(image, "a code block has %d bit planes, and 30 are supported", d.plane);
  if (d.plane < 1 || block->passes > 3 * d.plane - 2)
    rt_image_fail(image, "a code block has more passes than bit planes");
  int64_t bytes = 0;
  for (const struct j2k_piece *p = block->first; p; p = p->next) bytes += p->size;
  d.flags = rt_image_memory(image, d.row * (d.height + 2), true);
  uint8_t *data = rt_image_memory(image, bytes, false);
  reset_contexts(&d);
  int32_t kind = 2, done = 0;
  for (const struct j2k_piece *p = block->first; p;) {
    int64_t size = 0;
    int32_t passes = 0;
    do {
      memcpy(data + size, p->data, (size_t)p->size);
      size += p->size;
      passes += p->passes;
      p = p->next;
    } while (p && !p->starts);
    begin_segment(&d, data, size, style & J2K_BYPASS && done >= 10 && kind != 2);
    for (; passes; passes--, done++) {
      run_pass(&d, kind);
      if (style & J2K_RESET) reset_contexts(&d);
      kind = (kind + 1) % 3;
      if (!kind) d.plane--;
    }
  }
  rt_image_release(image, data);
  rt_image_release(image, d.flags);
}

/* JPEG 2000: a tile from its packets to pixels (T.800, annexes B, E and G). */
#include <math.h>
#include <string.h>

#include "jpeg2000.h"

/* ---- memory ---- */

struct j2k_pool_block {
  struct j2k_pool_block *before;
};

void *rt_j2k_pool_get(const struct rt_image *image, struct j2k_pool *pool, int64_t bytes) {
  bytes = (bytes + 15) / 16 * 16;
  if (pool->left < bytes) {
    pool->size = pool->size ? 2 * pool->size : 1 << 16;
    if (pool->size < bytes + 16) pool->size = bytes + 16;
    struct j2k_pool_block *block = rt_image_memory(image, pool->size, true);
    block->before = pool->blocks;
    pool->blocks = block;
    pool->next = (char *)block + 16;
    pool->left = pool->size - 16;
  }
  char *memory = pool->next;
  pool->next += bytes;
  pool->left -= bytes;
  return memory;
}

void rt_j2k_pool_free(const struct rt_image *image, struct j2k_pool *pool) {
  for (struct j2k_pool_block *block = pool->blocks, *before; block; block = before) {
    before = block->before;
    rt_image_release(image, block);
  }
  *pool = (struct j2k_pool){0};
}

/* ---- the parts of a tile (B.5 to B.7) ---- */

static struct j2k_rect divided(struct j2k_rect r, int64_t dx, int64_t dy) {
  return (struct j2k_rect){j2k_up(r.x0, dx), j2k_up(r.y0, dy), j2k_up(r.x1, dx), j2k_up(r.y1, dy)};
}

static bool is_empty(struct j2k_rect r) { return r.x0 >= r.x1 || r.y0 >= r.y1; }
static int64_t width_of(struct j2k_rect r) { return r.x1 - r.x0; }
static int64_t height_of(struct j2k_rect r) { return r.y1 - r.y0; }

static int64_t at_least(int64_t v, int64_t least) { return v < least ? least : v; }
static int64_t at_most(int64_t v, int64_t most) { return v > most ? most : v; }

static struct j2k_tree make_tree(struct j2k_tile *tile, int64_t width, int64_t height) {
  int64_t count = 0;
  for (int64_t w = width, h = height;; w = (w + 1) >> 1, h = (h + 1) >> 1) {
    count += w * h;
    if (w <= 1 && h <= 1) break;
  }
  struct j2k_tree tree = {width, height,
                          rt_j2k_pool_get(tile->j->image, &tile->pool, count * (int64_t)sizeof *tree.nodes)};
  for (int64_t i = 0; i < count; i++) tree.nodes[i].value = INT32_MAX;
  return tree;
}

/* `part`: what belongs to the precinct, of the band; code blocks are cut out of both. */
static struct j2k_group make_group(struct j2k_tile *tile, struct j2k_rect part, int32_t block_width,
                                   int32_t block_height) {
  struct j2k_group group = {0};
  if (is_empty(part)) return group;
  const int64_t x0 = part.x0 >> block_width, y0 = part.y0 >> block_height;
  group.across = ((part.x1 - 1) >> block_width) - x0 + 1;
  group.down = ((part.y1 - 1) >> block_height) - y0 + 1;
  group.blocks = rt_j2k_pool_get(tile->j->image, &tile->pool,
                                 group.across * group.down * (int64_t)sizeof *group.blocks);
  group.inclusion = make_tree(tile, group.across, group.down);
  group.zero_planes = make_tree(tile, group.across, group.down);
  for (int64_t i = 0; i < group.across * group.down; i++) {
    const int64_t x = (x0 + i % group.across) << block_width, y = (y0 + i / group.across) << block_height;
    group.blocks[i].rect = (struct j2k_rect){at_least(x, part.x0), at_least(y, part.y0),
                                             at_most(x + ((int64_t)1 << block_width), part.x1),
                                             at_most(y + ((int64_t)1 << block_height), part.y1)};
  }
  return group;
}

static void make_precincts(struct j2k_tile *tile, struct j2k_resolution *r, const struct j2k_coding *coding,
                           bool lowest) {
  const int32_t half = !lowest, pw = r->precinct_width - half, ph = r->precinct_height - half;
  const int32_t block_width = (int32_t)at_most(coding->block_width, pw),
                block_height = (int32_t)at_most(coding->block_height, ph);
  r->precincts = rt_j2k_pool_get(tile->j->image, &tile->pool, r->across * r->down * (int64_t)sizeof *r->precincts);
  for (int64_t p = 0; p < r->across * r->down; p++) {
    const int64_t x = ((r->rect.x0 >> r->precinct_width) + p % r->across) << pw,
                  y = ((r->rect.y0 >> r->precinct_height) + p / r->across) << ph;
    for (int32_t b = 0; b < r->n_bands; b++) {
      const struct j2k_rect band = r->bands[b].rect;
      const struct j2k_rect part = {at_least(x, band.x0), at_least(y, band.y0),
                                    at_most(x + ((int64_t)1 << pw), band.x1), at_most(y + ((int64_t)1 << ph), band.y1)};
      r->precincts[p].groups[b] = make_group(tile, part, block_width, block_height);
    }
  }
}

/* Band `number` of a component, counted from the lowest resolution (E.1). */
static struct j2k_band make_band(const struct j2k_tile_component *c, int32_t bits, int32_t level, int32_t kind,
                                 int32_t number) {
  const struct j2k_coding *coding = c->coding;
  struct j2k_band band = {.kind = kind};
  const int64_t unit = (int64_t)1 << level, dx = kind & 1 ? unit >> 1 : 0, dy = kind & 2 ? unit >> 1 : 0;
  band.rect = divided((struct j2k_rect){c->rect.x0 - dx, c->rect.y0 - dy, c->rect.x1 - dx, c->rect.y1 - dy}, unit,
                      unit);
  const uint32_t step = coding->steps[coding->quantization == 1 ? 0 : number];
  int32_t exponent = (int32_t)(step >> 11);
  if (coding->quantization == 1) exponent -= number ? (number - 1) / 3 : 0;
  const int32_t gain = kind == 0 ? 0 : kind == 3 ? 2 : 1;
  band.planes = coding->guard_bits + exponent - 1;
  band.step = ldexpf(1 + (float)(step & 0x7ff) / 2048, bits + gain - exponent);
  return band;
}

static void make_component(struct j2k_tile *tile, int32_t number, int64_t *packets) {
  struct j2k *j = tile->j;
  struct j2k_tile_component *c = &tile->components[number];
  const struct j2k_coding *coding = c->coding = &tile->parameters->codings[number];
  c->rect = divided(tile->rect, j->components[number].dx, j->components[number].dy);
  for (int32_t i = 0; i <= coding->levels; i++) {
    struct j2k_resolution *r = &c->resolutions[i];
    const int64_t unit = (int64_t)1 << (coding->levels - i);
    r->rect = divided(c->rect, unit, unit);
    r->precinct_width = coding->precincts[i] & 15;
    r->precinct_height = coding->precincts[i] >> 4;
    if (i && (!r->precinct_width || !r->precinct_height)) rt_image_fail(j->image, "its precincts are too small");
    if (!is_empty(r->rect)) {
      r->across = j2k_up(r->rect.x1, (int64_t)1 << r->precinct_width) - (r->rect.x0 >> r->precinct_width);
      r->down = j2k_up(r->rect.y1, (int64_t)1 << r->precinct_height) - (r->rect.y0 >> r->precinct_height);
    }
    /* Each packet takes a byte or more: who lies gets no memory. */
    *packets -= r->across * r->down * tile->parameters->layers;
    if (*packets < 0) rt_image_fail(j->image, "a tile is too short for its packets");
    r->n_bands = i ? 3 : 1;
    for (int32_t b = 0; b < r->n_bands; b++)
      r->bands[b] = make_band(c, j->components[number].bits, i ? coding->levels - i + 1 : coding->levels, i ? b + 1 : 0,
                              i ? 3 * (i - 1) + 1 + b : 0);
    make_precincts(tile, r, coding, i == 0);
  }
}

/* ---- from code blocks to samples ---- */

/* Puts a band's coefficients where they belong in the samples of its resolution: low ones at even coordinates. */
static void place_band(const struct j2k_tile_component *c, const struct j2k_resolution *r, const struct j2k_band *band,
                       const int32_t *in, int32_t *out) {
  const bool lowest = band->kind == 0;
  const int64_t width = width_of(band->rect), step = lowest ? 1 : 2;
  for (int64_t y = 0; y < height_of(band->rect); y++) {
    const int64_t row = lowest ? y : 2 * (band->rect.y0 + y) + (band->kind >> 1) - r->rect.y0;
    int32_t *to = out + row * width_of(r->rect) + (lowest ? 0 : 2 * band->rect.x0 + (band->kind & 1) - r->rect.x0);
    for (int64_t x = 0; x < width; x++) {
      const int32_t value = in[y * width + x];
      if (c->coding->reversible) {
        to[x * step] = value / 2;
      } else {
        const float real = (float)value * 0.5f * band->step;
        memcpy(&to[x * step], &real, sizeof real);
      }
    }
  }
}

static void decode_band(const struct j2k_tile *tile, const struct j2k_tile_component *c, const struct j2k_resolution *r,
                        int32_t b, int32_t *out) {
  const struct rt_image *image = tile->j->image;
  const struct j2k_band *band = &r->bands[b];
  if (is_empty(band->rect)) return;
  const int64_t width = width_of(band->rect);
  int32_t *values = rt_image_memory(image, width * height_of(band->rect) * (int64_t)sizeof *values, true);
  for (int64_t p = 0; p < r->across * r->down; p++) {
    const struct j2k_group *group = &r->precincts[p].groups[b];
    for (int64_t i = 0; i < group->across * group->down; i++) {
      const struct j2k_rect rect = group->blocks[i].rect;
      rt_j2k_block(image, &group->blocks[i], band, c->coding->style,
                   values + (rect.y0 - band->rect.y0) * width + rect.x0 - band->rect.x0, width);
    }
  }
  place_band(c, r, band, values, out);
  rt_image_release(image, values);
}

/* The lower resolution, which is the low band of both directions. */
static void place_lower(const struct j2k_resolution *lower, const struct j2k_resolution *r, const int32_t *in,
                        int32_t *out) {
  const int64_t width = width_of(lower->rect);
  for (int64_t y = 0; y < height_of(lower->rect); y++) {
    int32_t *to = out + (2 * (lower->rect.y0 + y) - r->rect.y0) * width_of(r->rect) + 2 * lower->rect.x0 - r->rect.x0;
    for (int64_t x = 0; x < width; x++) to[2 * x] = in[y * width + x];
  }
}

static void make_samples(const struct j2k_tile *tile, struct j2k_tile_component *c) {
  const struct rt_image *image = tile->j->image;
  int32_t *before = NULL;
  for (int32_t i = 0; i <= c->coding->levels; i++) {
    const struct j2k_resolution *r = &c->resolutions[i];
    const int64_t count = is_empty(r->rect) ? 0 : width_of(r->rect) * height_of(r->rect);
    c->samples = rt_image_memory(image, count * (int64_t)sizeof *c->samples, true);
    if (before && count) place_lower(&c->resolutions[i - 1], r, before, c->samples);
    for (int32_t b = 0; b < r->n_bands && count; b++) decode_band(tile, c, r, b, c->samples);
    if (i && count) {
      if (c->coding->reversible) rt_j2k_wavelet_reversible(c->samples, r->rect);
      else rt_j2k_wavelet_real((float *)c->samples, r->rect);
    }
    if (before) rt_image_release(image, before);
    before = c->samples;
  }
}

/* ---- from samples to pixels (annex G) ---- */

static float real_at(const int32_t *samples, int64_t i) {
  float real;
  memcpy(&real, &samples[i], sizeof real);
  return real;
}

static int32_t rounded(float v) { return (int32_t)lrintf(v < -1e9f ? -1e9f : v > 1e9f ? 1e9f : v); }

/* Floats become integers; with the colour transform three components become red, green, blue. */
static void mix(const struct j2k_tile *tile) {
  struct j2k *j = tile->j;
  const bool mixed = tile->parameters->mixed;
  const struct j2k_tile_component *c = tile->components;
  if (mixed) {
    for (int32_t k = 1; k < 3 && j->n_components >= 3; k++)
      if (memcmp(&c[k].rect, &c[0].rect, sizeof c->rect) || c[k].coding->reversible != c[0].coding->reversible)
        rt_image_fail(j->image, "its colours are transformed and differ in size");
    if (j->n_components < 3) rt_image_fail(j->image, "its colours are transformed, and there are none");
  }
  for (int32_t k = 0; k < j->n_components; k++) {
    const int64_t count = is_empty(c[k].rect) ? 0 : width_of(c[k].rect) * height_of(c[k].rect);
    int32_t *const s = c[k].samples;
    if (mixed && k == 0) {
      int32_t *const u = c[1].samples, *const v = c[2].samples;
      for (int64_t i = 0; i < count; i++) {
        if (c[0].coding->reversible) {
          const int64_t green = s[i] - (((int64_t)u[i] + v[i]) >> 2), red = v[i] + green, blue = u[i] + green;
          s[i] = (int32_t)red, u[i] = (int32_t)green, v[i] = (int32_t)blue;
        } else {
          const float y = real_at(s, i), b = real_at(u, i), r = real_at(v, i);
          s[i] = rounded(y + r * 1.402f), u[i] = rounded(y - b * 0.34413f - r * 0.71414f),
          v[i] = rounded(y + b * 1.772f);
        }
      }
    } else if (!c[k].coding->reversible && !(mixed && k < 3)) {
      for (int64_t i = 0; i < count; i++) s[i] = rounded(real_at(s, i));
    }
  }
}

/* A sample of any depth as one of 8 bits. */
static uint8_t sample8(const struct j2k_component *component, int32_t value) {
  const int64_t most = ((int64_t)1 << component->bits) - 1,
                shifted = at_most(at_least(value + (most + 1) / 2, 0), most);
  return (uint8_t)(component->bits > 8 ? shifted >> (component->bits - 8) : shifted * 255 / most);
}

static void write_pixels(const struct j2k_tile *tile) {
  const struct j2k *j = tile->j;
  const int32_t colours = j->n_components >= 3 ? 3 : 1;
  for (int64_t y = tile->rect.y0; y < tile->rect.y1; y++) {
    uint8_t *out = j->image->pixels + 3 * ((y - j->y0) * j->image->width + tile->rect.x0 - j->x0);
    for (int64_t x = tile->rect.x0; x < tile->rect.x1; x++, out += 3) {
      for (int32_t k = 0; k < 3; k++) {
        const struct j2k_tile_component *c = &tile->components[k < colours ? k : 0];
        const struct j2k_component *component = &j->components[k < colours ? k : 0];
        if (is_empty(c->rect)) {
          out[k] = 0;
          continue;
        }
        const int64_t column = at_least(x / component->dx, c->rect.x0) - c->rect.x0,
                      row = at_least(y / component->dy, c->rect.y0) - c->rect.y0;
        out[k] = sample8(component, c->samples[row * width_of(c->rect) + column]);
      }
    }
  }
}

void rt_j2k_tile(struct j2k *j, struct j2k_parameters *parameters, int64_t number, const uint8_t *packets,
                 int64_t size) {
  struct j2k_tile *tile = rt_image_memory(j->image, sizeof *tile, true);
  const int64_t x = j->tile_x0 + number % j->tiles_across * j->tile_width,
                y = j->tile_y0 + number / j->tiles_across * j->tile_height;
  tile->j = j;
  tile->parameters = parameters;
  tile->rect = (struct j2k_rect){at_least(x, j->x0), at_least(y, j->y0), at_most(x + j->tile_width, j->x1),
                                 at_most(y + j->tile_height, j->y1)};
  int64_t left = size;
  for (int32_t c = 0; c < j->n_components; c++) make_component(tile, c, &left);
  rt_j2k_read_packets(tile, packets, size);
  for (int32_t c = 0; c < j->n_components; c++) make_samples(tile, &tile->components[c]);
  mix(tile);
  write_pixels(tile);
  for (int32_t c = 0; c < j->n_components; c++) rt_image_release(j->image, tile->components[c].samples);
  rt_j2k_pool_free(j->image, &tile->pool);
  rt_image_release(j->image, tile);
}

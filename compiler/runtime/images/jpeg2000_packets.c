/* JPEG 2000: packets (T.800, annex B): which pieces of code blocks' data they have, in which order they come. */
#include <stdlib.h>

#include "jpeg2000.h"

/* ---- bits of packet headers (B.10.1) ---- */

struct bits {
  const struct rt_image *image;
  const uint8_t *data;
  int64_t at, size;
  uint32_t byte;
  int32_t left;
};

static uint32_t bit(struct bits *b) {
  if (!b->left) {
    if (b->at >= b->size) rt_image_fail(b->image, "a packet ends early");
    b->left = b->byte == 0xff ? 7 : 8;
    b->byte = b->data[b->at++];
  }
  return b->byte >> --b->left & 1;
}

static int32_t bits_of(struct bits *b, int32_t n) {
  int32_t value = 0;
  while (n--) value = value << 1 | (int32_t)bit(b);
  return value;
}

static void end_header(struct bits *b) {
  if (b->byte == 0xff) b->at++; /* a stuffed bit, in a byte of its own */
  b->left = 0;
  b->byte = 0;
}

/* ---- trees ---- */

/* Whether the value of leaf (x, y) is below `limit`, as far as is known then: node.value is. */
static bool is_below(struct bits *b, const struct j2k_tree *tree, int64_t x, int64_t y, int32_t limit) {
  struct j2k_node *path[32];
  int32_t depth = 0, low = 0;
  int64_t width = tree->width, height = tree->height;
  for (struct j2k_node *level = tree->nodes;; x >>= 1, y >>= 1) {
    path[depth++] = level + y * width + x;
    if (width == 1 && height == 1) break;
    level += width * height;
    width = (width + 1) >> 1, height = (height + 1) >> 1;
  }
  while (depth--) {
    struct j2k_node *node = path[depth];
    if (node->low < low) node->low = low;
    while (node->low < limit && node->low < node->value) {
      if (bit(b)) node->value = node->low;
      else node->low++;
    }
    low = node->low;
  }
  return path[0]->value < limit;
}

/* ---- packet headers (B.10) ---- */

static int32_t passes_of(struct bits *b) {
  if (!bit(b)) return 1;
  if (!bit(b)) return 2;
  const int32_t few = bits_of(b, 2);
  if (few < 3) return 3 + few;
  const int32_t more = bits_of(b, 5);
  return more < 31 ? 6 + more : 37 + bits_of(b, 7);
}

static int32_t logarithm(int32_t value) { return 31 - __builtin_clz((uint32_t)value); }

/* How many passes a segment may have, if `before` are what the one before it had. */
static int32_t most_passes(int32_t style, int32_t before) {
  if (style & J2K_TERMINATE) return 1;
  if (style & J2K_BYPASS) return !before ? 10 : before == 1 || before == 10 ? 2 : 1;
  return 200;
}

static struct j2k_piece *add_piece(struct j2k_tile *tile, struct j2k_block *block) {
  struct j2k_piece *piece = rt_j2k_pool_get(tile->j->image, &tile->pool, sizeof *piece);
  if (block->last) block->last->next = piece;
  else block->first = piece;
  return block->last = piece;
}

/* The contribution of one code block to a layer; its data are found later. */
static struct j2k_piece *read_block_header(struct j2k_tile *tile, struct bits *b, struct j2k_block *block,
                                           int32_t style) {
  struct j2k_piece *first = NULL;
  int32_t passes = passes_of(b);
  block->passes += passes;
  while (bit(b)) {
    if (++block->length_bits > 31) rt_image_fail(b->image, "a packet is corrupt");
  }
  while (passes) {
    const bool starts = block->segment_passes == block->segment_most;
    if (starts) {
      block->segment_most = most_passes(style, block->segment_most);
      block->segment_passes = 0;
    }
    const int32_t room = block->segment_most - block->segment_passes, now = passes < room ? passes : room;
    const int32_t width = block->length_bits + logarithm(now);
    if (width > 31) rt_image_fail(b->image, "a packet is corrupt");
    struct j2k_piece *piece = add_piece(tile, block);
    *piece = (struct j2k_piece){.size = bits_of(b, width), .passes = now, .starts = starts};
    if (!first) first = piece;
    block->segment_passes += now;
    passes -= now;
  }
  return first;
}

/* The pieces of a packet, in the order of their data. */
struct pieces {
  struct j2k_piece **items;
  int64_t count;
};

static void read_group_header(struct j2k_tile *tile, struct bits *b, struct j2k_group *group, int32_t style,
                              int32_t layer, struct pieces *found) {
  for (int64_t i = 0; i < group->across * group->down; i++) {
    const int64_t x = i % group->across, y = i / group->across;
    struct j2k_block *block = &group->blocks[i];
    if (!(block->included ? bit(b) : is_below(b, &group->inclusion, x, y, layer + 1))) continue;
    if (!block->included) {
      int32_t planes = 1;
      while (!is_below(b, &group->zero_planes, x, y, planes))
        if (++planes > 100) rt_image_fail(b->image, "a packet is corrupt");
      block->zero_planes = planes - 1;
      block->length_bits = 3;
      block->included = true;
    }
    found->items[found->count++] = read_block_header(tile, b, block, style);
  }
}

static int64_t skip_marker(const uint8_t *data, int64_t at, int64_t size, int32_t low, int64_t length) {
  return at + length <= size && data[at] == 0xff && data[at + 1] == low ? at + length : at;
}

static int64_t read_packet(struct j2k_tile *tile, struct j2k_resolution *resolution, int64_t precinct, int32_t style,
                           int32_t layer, const uint8_t *data, int64_t at, int64_t size, struct pieces *found) {
  const struct rt_image *image = tile->j->image;
  if (tile->parameters->sops) at = skip_marker(data, at, size, 0x91, 6);
  struct bits b = {.image = image, .data = data, .at = at, .size = size};
  found->count = 0;
  if (bit(&b))
    for (int32_t band = 0; band < resolution->n_bands; band++)
      read_group_header(tile, &b, &resolution->precincts[precinct].groups[band], style, layer, found);
  end_header(&b);
  at = b.at;
  if (tile->parameters->ephs) at = skip_marker(data, at, size, 0x92, 2);
  for (int64_t i = 0; i < found->count; i++) {
    for (struct j2k_piece *piece = found->items[i]; piece; piece = piece->next) {
      if (piece->size > size - at) rt_image_fail(image, "the data of a code block end early");
      piece->data = data + at;
      at += piece->size;
    }
  }
  return at;
}

/* ---- progressions (B.12) ---- */

enum { LRCP, RLCP, RPCL, PCRL, CPRL };

/* A precinct, and the place in its tile by which it comes. */
struct place {
  int64_t key[5];
  int32_t component, resolution;
  int64_t precinct;
};

static int compare(const void *a, const void *b) {
  const struct place *x = a, *y = b;
  for (int i = 0; i < 5; i++)
    if (x->key[i] != y->key[i]) return x->key[i] < y->key[i] ? -1 : 1;
  return 0;
}

static struct place place_of(const struct j2k_tile *tile, int32_t c, int32_t r, int64_t p) {
  const struct j2k_tile_component *component = &tile->components[c];
  const struct j2k_resolution *resolution = &component->resolutions[r];
  const int32_t up = component->coding->levels - r;
  int64_t x = (((resolution->rect.x0 >> resolution->precinct_width) + p % resolution->across)
               << resolution->precinct_width << up) *
              tile->j->components[c].dx;
  int64_t y = (((resolution->rect.y0 >> resolution->precinct_height) + p / resolution->across)
               << resolution->precinct_height << up) *
              tile->j->components[c].dy;
  if (x < tile->rect.x0) x = tile->rect.x0;
  if (y < tile->rect.y0) y = tile->rect.y0;
  struct place place = {.component = c, .resolution = r, .precinct = p};
  const int64_t keys[][5] = {{r, c, p}, {r, c, p}, {r, y, x, c, p}, {y, x, c, r, p}, {c, y, x, r, p}};
  for (int i = 0; i < 5; i++) place.key[i] = keys[tile->parameters->progression][i];
  return place;
}

static int64_t count_precincts(const struct j2k_tile *tile, int64_t *most_blocks) {
  int64_t n = 0;
  *most_blocks = 1;
  for (int32_t c = 0; c < tile->j->n_components; c++) {
    for (int32_t r = 0; r <= tile->components[c].coding->levels; r++) {
      const struct j2k_resolution *resolution = &tile->components[c].resolutions[r];
      for (int64_t p = 0; p < resolution->across * resolution->down; p++, n++) {
        int64_t blocks = 0;
        for (int32_t b = 0; b < resolution->n_bands; b++)
          blocks += resolution->precincts[p].groups[b].across * resolution->precincts[p].groups[b].down;
        if (blocks > *most_blocks) *most_blocks = blocks;
      }
    }
  }
  return n;
}

struct packets {
  struct j2k_tile *tile;
  const uint8_t *data;
  int64_t at, size;
  struct pieces pieces;
};

/* Layers from `layer` on, up to `end`, of places [begin, end_place). */
static void read_layer(struct packets *p, const struct place *places, int64_t begin, int64_t end, int32_t layer) {
  for (int64_t i = begin; i < end; i++) {
    struct j2k_tile_component *component = &p->tile->components[places[i].component];
    p->at = read_packet(p->tile, &component->resolutions[places[i].resolution], places[i].precinct,
                        component->coding->style, layer, p->data, p->at, p->size, &p->pieces);
  }
}

void rt_j2k_read_packets(struct j2k_tile *tile, const uint8_t *data, int64_t size) {
  const struct rt_image *image = tile->j->image;
  const int32_t layers = tile->parameters->layers, progression = tile->parameters->progression;
  int64_t most_blocks, n = 0;
  const int64_t count = count_precincts(tile, &most_blocks);
  struct packets p = {.tile = tile, .data = data, .size = size};
  struct place *places = rt_image_memory(image, (count + 1) * (int64_t)sizeof *places, false);
  p.pieces.items = rt_image_memory(image, most_blocks * (int64_t)sizeof *p.pieces.items, false);
  for (int32_t c = 0; c < tile->j->n_components; c++)
    for (int32_t r = 0; r <= tile->components[c].coding->levels; r++)
      for (int64_t k = 0; k < tile->components[c].resolutions[r].across * tile->components[c].resolutions[r].down; k++)
        places[n++] = place_of(tile, c, r, k);
  qsort(places, (size_t)n, sizeof *places, compare);
  /* Runs of places that come layer by layer: all, those of a resolution, or single ones. */
  for (int64_t begin = 0, end; begin < n; begin = end) {
    end = progression == LRCP ? n : begin + 1;
    while (progression == RLCP && end < n && places[end].resolution == places[begin].resolution) end++;
    for (int32_t layer = 0; layer < layers; layer++) read_layer(&p, places, begin, end, layer);
  }
  rt_image_release(image, p.pieces.items);
  rt_image_release(image, places);
}

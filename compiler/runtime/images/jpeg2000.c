/* JPEG 2000 (ITU-T T.800): the boxes of JP2 files (annex I), and the headers of codestreams (annex A). */
#include <string.h>

#include "jpeg2000.h"

enum {
  SOC = 0xff4f, CAP = 0xff50, SIZ = 0xff51, COD = 0xff52, COC = 0xff53, QCD = 0xff5c, QCC = 0xff5d, RGN = 0xff5e,
  POC = 0xff5f, PPM = 0xff60, PPT = 0xff61, SOT = 0xff90, SOD = 0xff93, EOC = 0xffd9,
};

struct stream {
  struct j2k *j;
  const uint8_t *data;
  int64_t at, size;
};

struct segment {
  uint32_t marker;
  const uint8_t *data;
  int64_t size;
};

/* What is known of a tile so far. */
struct tile_state {
  struct j2k_parameters *own; /* NULL: as all */
  struct j2k_tile_part *first, *last;
};

static const uint8_t *bytes_of(const struct stream *s, int64_t at, int64_t n) {
  if (n > s->size - at) rt_image_fail(s->j->image, "its codestream ends early");
  return s->data + at;
}

static struct segment next_segment(struct stream *s) {
  struct segment found = {.marker = rt_be16(bytes_of(s, s->at, 2))};
  s->at += 2;
  if (found.marker == SOD || found.marker == EOC) return found;
  const int64_t size = rt_be16(bytes_of(s, s->at, 2));
  if (found.marker < 0xff00 || size < 2)
    rt_image_fail(s->j->image, "a marker is missing before byte %lld of its codestream", (long long)s->at);
  found.data = bytes_of(s, s->at, size) + 2;
  found.size = size - 2;
  s->at += size;
  return found;
}

static void need(const struct stream *s, struct segment segment, int64_t bytes) {
  if (segment.size < bytes) rt_image_fail(s->j->image, "segment 0x%04x is too short", (unsigned)segment.marker);
}

/* ---- A.5: sizes; true: go on ---- */

static bool read_sizes(struct stream *s) {
  struct j2k *j = s->j;
  const struct segment segment = next_segment(s);
  if (segment.marker != SIZ) rt_image_fail(j->image, "it does not begin with its sizes");
  need(s, segment, 36);
  int64_t *const numbers[8] = {&j->x1,         &j->y1,          &j->x0,      &j->y0,
                               &j->tile_width, &j->tile_height, &j->tile_x0, &j->tile_y0};
  for (int i = 0; i < 8; i++) *numbers[i] = rt_be32(segment.data + 2 + 4 * i);
  j->n_components = (int32_t)rt_be16(segment.data + 34);
  if (j->n_components < 1 || j->n_components > J2K_COMPONENTS)
    rt_image_fail(j->image, "%d components are not supported", j->n_components);
  need(s, segment, 36 + 3 * j->n_components);
  for (int32_t c = 0; c < j->n_components; c++) {
    const uint8_t *p = segment.data + 36 + 3 * c;
    j->components[c] = (struct j2k_component){(p[0] & 127) + 1, p[1], p[2], p[0] >> 7};
    if (j->components[c].bits > 26)
      rt_image_fail(j->image, "samples of %d bits are not supported", j->components[c].bits);
    if (!p[1] || !p[2]) rt_image_fail(j->image, "a component has no samples");
  }
  if (!rt_image_sized(j->image, j->x1 - j->x0, j->y1 - j->y0)) return false;
  if (!j->tile_width || !j->tile_height || j->tile_x0 > j->x0 || j->tile_y0 > j->y0 ||
      j->tile_x0 + j->tile_width <= j->x0 || j->tile_y0 + j->tile_height <= j->y0)
    rt_image_fail(j->image, "its first tile is not where it begins");
  j->tiles_across = j2k_up(j->x1 - j->tile_x0, j->tile_width);
  j->tiles_down = j2k_up(j->y1 - j->tile_y0, j->tile_height);
  if (j->tiles_across > 65535 || j->tiles_across * j->tiles_down > 65535 ||
      j->tiles_across * j->tiles_down > s->size / 14)
    rt_image_fail(j->image, "it has more tiles than it can hold");
  return true;
}

/* ---- A.6: how components are coded ---- */

/* `p`: levels and so on, `n` bytes of them. */
static void read_coding(const struct stream *s, struct j2k_coding *coding, const uint8_t *p, int64_t n,
                        bool precincts) {
  const struct rt_image *image = s->j->image;
  if (n < 5 || p[0] > J2K_LEVELS || n < 5 + (precincts ? p[0] + 1 : 0))
    rt_image_fail(image, "how it is coded is said too shortly");
  coding->levels = p[0];
  coding->block_width = (p[1] & 15) + 2;
  coding->block_height = (p[2] & 15) + 2;
  if (coding->block_width > 10 || coding->block_height > 10 || coding->block_width + coding->block_height > 12)
    rt_image_fail(image, "its code blocks are too large");
  coding->style = p[3];
  if (coding->style >> 6) rt_image_fail(image, "its code blocks are of an unknown kind");
  coding->reversible = p[4] == 1;
  for (int32_t i = 0; i <= coding->levels; i++) coding->precincts[i] = precincts ? p[5 + i] : 0xff;
}

static void read_quantization(const struct stream *s, struct j2k_coding *coding, const uint8_t *p, int64_t n) {
  if (n < 1 || (p[0] & 31) > 2) rt_image_fail(s->j->image, "its quantization is of an unknown kind");
  coding->quantization = p[0] & 31;
  coding->guard_bits = p[0] >> 5;
  memset(coding->steps, 0, sizeof coding->steps);
  const int64_t each = coding->quantization ? 2 : 1;
  for (int64_t i = 0; i < J2K_BANDS && 1 + (i + 1) * each <= n; i++)
    coding->steps[i] = (uint16_t)(each == 2 ? rt_be16(p + 1 + 2 * i) : (uint32_t)(p[1 + i] >> 3) << 11);
}

static void read_all_coding(const struct stream *s, struct j2k_parameters *parameters, struct segment segment) {
  need(s, segment, 10);
  const uint8_t *p = segment.data;
  parameters->sops = p[0] >> 1 & 1;
  parameters->ephs = p[0] >> 2 & 1;
  parameters->progression = p[1];
  parameters->layers = (int32_t)rt_be16(p + 2);
  parameters->mixed = p[4];
  if (parameters->progression > 4 || !parameters->layers)
    rt_image_fail(s->j->image, "its progression is of an unknown kind");
  for (int32_t c = 0; c < s->j->n_components; c++)
    if (!parameters->codings[c].own_coding) read_coding(s, &parameters->codings[c], p + 5, segment.size - 5, p[0] & 1);
}

static struct j2k_coding *coding_of(const struct stream *s, struct j2k_parameters *parameters, struct segment segment) {
  need(s, segment, 2);
  if (segment.data[0] >= s->j->n_components) rt_image_fail(s->j->image, "a component is unknown");
  return &parameters->codings[segment.data[0]];
}

/* A segment of the main header, or of a tile's. */
static void read_parameters(const struct stream *s, struct j2k_parameters *parameters, struct segment segment) {
  const uint8_t *p = segment.data;
  if (segment.marker == COD) {
    read_all_coding(s, parameters, segment);
  } else if (segment.marker == COC) {
    struct j2k_coding *coding = coding_of(s, parameters, segment);
    read_coding(s, coding, p + 2, segment.size - 2, p[1] & 1);
    coding->own_coding = true;
  } else if (segment.marker == QCD) {
    for (int32_t c = 0; c < s->j->n_components; c++)
      if (!parameters->codings[c].own_quantization) read_quantization(s, &parameters->codings[c], p, segment.size);
  } else if (segment.marker == QCC) {
    struct j2k_coding *coding = coding_of(s, parameters, segment);
    read_quantization(s, coding, p + 1, segment.size - 1);
    coding->own_quantization = true;
  } else if (segment.marker == RGN || segment.marker == POC || segment.marker == PPM || segment.marker == PPT) {
    static const char *const names[] = {"regions of interest", "changes of progression", "packed packet headers",
                                        "packed packet headers"};
    rt_image_fail(s->j->image, "%s are not supported", names[segment.marker - RGN]);
  } else if (segment.marker == CAP) {
    rt_image_fail(s->j->image, "extensions of JPEG 2000 are not supported");
  }
}

/* ---- tiles (A.4) ---- */

static void read_tile_part(struct stream *s, struct segment segment, struct tile_state *states, struct j2k_pool *pool) {
  struct j2k *j = s->j;
  need(s, segment, 8);
  const int64_t number = rt_be16(segment.data), begin = s->at - 12, said = rt_be32(segment.data + 2);
  const int64_t end = said ? begin + said : s->size;
  if (number >= j->tiles_across * j->tiles_down) rt_image_fail(j->image, "tile %lld is unknown", (long long)number);
  if (end > s->size) rt_image_fail(j->image, "its codestream ends early");
  struct tile_state *state = &states[number];
  for (;;) {
    const struct segment own = next_segment(s);
    if (own.marker == SOD) break;
    if (own.marker == EOC) rt_image_fail(j->image, "a tile has no data");
    if (!state->own) {
      state->own = rt_j2k_pool_get(j->image, pool, sizeof *state->own);
      *state->own = j->parameters;
      for (int32_t c = 0; c < j->n_components; c++)
        state->own->codings[c].own_coding = state->own->codings[c].own_quantization = false;
    }
    read_parameters(s, state->own, own);
  }
  if (end < s->at) rt_image_fail(j->image, "a part of a tile is shorter than its header");
  struct j2k_tile_part *part = rt_j2k_pool_get(j->image, pool, sizeof *part);
  *part = (struct j2k_tile_part){.data = s->data + s->at, .size = end - s->at};
  if (state->last) state->last->next = part;
  else state->first = part;
  state->last = part;
  s->at = end;
}

static void decode_tiles(struct j2k *j, const struct tile_state *states) {
  for (int64_t i = 0; i < j->tiles_across * j->tiles_down; i++) {
    int64_t size = 0;
    if (!states[i].first) rt_image_fail(j->image, "tile %lld is missing", (long long)i);
    for (const struct j2k_tile_part *p = states[i].first; p; p = p->next) size += p->size;
    uint8_t *packets = rt_image_memory(j->image, size, false);
    size = 0;
    for (const struct j2k_tile_part *p = states[i].first; p; size += p->size, p = p->next)
      memcpy(packets + size, p->data, (size_t)p->size);
    rt_j2k_tile(j, states[i].own ? states[i].own : &j->parameters, i, packets, size);
    rt_image_release(j->image, packets);
  }
}

static void decode_codestream(struct stream *s) {
  struct j2k *j = s->j;
  if (rt_be16(bytes_of(s, 0, 2)) != SOC) rt_image_fail(j->image, "its codestream has no beginning");
  s->at = 2;
  if (!read_sizes(s)) return;
  struct j2k_pool pool = {0};
  struct tile_state *states = rt_j2k_pool_get(j->image, &pool,
                                              j->tiles_across * j->tiles_down * (int64_t)sizeof *states);
  while (s->at < s->size) {
    const struct segment segment = next_segment(s);
    if (segment.marker == EOC) break;
    if (segment.marker == SOD) rt_image_fail(j->image, "data come before their tile");
    if (segment.marker != SOT) read_parameters(s, &j->parameters, segment);
    else if (!j->parameters.layers || !j->parameters.codings[0].guard_bits)
      rt_image_fail(j->image, "it does not say how it is coded");
    else read_tile_part(s, segment, states, &pool);
  }
  decode_tiles(j, states);
  rt_j2k_pool_free(j->image, &pool);
}

/* ---- boxes (annex I) ---- */

#define TYPE(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

struct box {
  uint32_t type;
  int64_t begin, end; /* of its contents */
};

static struct box box_at(const struct rt_image *image, int64_t at, int64_t end) {
  const uint8_t *p = rt_image_bytes(image, at, 8);
  int64_t size = rt_be32(p), head = 8;
  if (size == 1) {
    const uint8_t *wide = rt_image_bytes(image, at + 8, 8);
    size = (int64_t)rt_be32(wide) << 31 | rt_be32(wide + 4); /* of no file: too large either way */
    head = 16;
  } else if (size == 0) {
    size = end - at;
  }
  if (size < head || size > end - at) rt_image_fail(image, "a box is longer than what it is in");
  return (struct box){rt_be32(p + 4), at + head, at + size};
}

/* Colours that are not red, green, blue, or gray, are refused. */
static void check_colours(const struct rt_image *image, struct box header) {
  for (int64_t at = header.begin; at < header.end;) {
    const struct box box = box_at(image, at, header.end);
    if (box.type == TYPE('p', 'c', 'l', 'r')) rt_image_fail(image, "palettes are not supported");
    if (box.type == TYPE('c', 'o', 'l', 'r') && box.end - box.begin >= 7 && image->data[box.begin] == 1) {
      const uint32_t space = rt_be32(image->data + box.begin + 3);
      if (space != 16 && space != 17) rt_image_fail(image, "the colour space %u is not supported", (unsigned)space);
    }
    at = box.end;
  }
}

void rt_decode_jpeg2000(struct rt_image *image) {
  struct j2k j = {.image = image};
  struct stream s = {.j = &j, .data = image->data, .size = image->size};
  for (int64_t at = 0; image->data[0] != 0xff;) {
    const struct box box = box_at(image, at, image->size);
    if (box.type == TYPE('j', 'p', '2', 'h')) check_colours(image, box);
    at = box.end;
    if (box.type != TYPE('j', 'p', '2', 'c')) continue;
    s.data = image->data + box.begin;
    s.size = box.end - box.begin;
    break;
  }
  decode_codestream(&s);
}

/* JPEG: markers, frames and scans (ITU-T T.81, annex B); sequential and progressive images of 8 bits with Huffman codes. */
#include <string.h>

#include "jpeg.h"

enum { SOI = 0xd8, EOI = 0xd9, RST0 = 0xd0, RST7 = 0xd7, TEM = 0x01 }; /* markers without a segment */
enum { DHT = 0xc4, SOS = 0xda, DQT = 0xdb, DNL = 0xdc, DRI = 0xdd, APP0 = 0xe0, APP14 = 0xee };
enum { SOF0 = 0xc0, SOF15 = 0xcf, JPG = 0xc8, DAC = 0xcc }; /* frames, but for DHT and the latter */

struct segment {
  int32_t marker;
  const uint8_t *data;
  int64_t size;
};

/* The next marker and its parameters; `at` is behind them then. */
static struct segment next_segment(const struct jpeg *j, int64_t *at) {
  const struct rt_image *image = j->image;
  struct segment s = {0};
  for (;;) {
    while (*rt_image_bytes(image, *at, 1) != 0xff) ++*at;
    while ((s.marker = *rt_image_bytes(image, *at, 1)) == 0xff) ++*at;
    ++*at;
    if (s.marker == EOI) return s;
    if (s.marker && s.marker != TEM && s.marker != SOI && (s.marker < RST0 || s.marker > RST7)) break;
  }
  const int64_t size = rt_be16(rt_image_bytes(image, *at, 2));
  if (size < 2) rt_image_fail(image, "a segment is shorter than its length");
  s.data = rt_image_bytes(image, *at, size) + 2;
  s.size = size - 2;
  *at += size;
  return s;
}

static void need(const struct jpeg *j, struct segment s, int64_t bytes) {
  if (s.size < bytes) rt_image_fail(j->image, "segment 0x%02x is too short", (unsigned)s.marker);
}

static void read_quantization(struct jpeg *j, struct segment s) {
  while (s.size) {
    need(j, s, 1);
    const int32_t wide = s.data[0] >> 4, table = s.data[0] & 15, bytes = 1 + JPEG_BLOCK * (1 + wide);
    if (wide > 1 || table > 3) rt_image_fail(j->image, "a quantization table is of an unknown kind");
    need(j, s, bytes);
    for (int i = 0; i < JPEG_BLOCK; i++)
      j->quantization[table][rt_jpeg_zigzag[i]] = (uint16_t)(wide ? rt_be16(s.data + 1 + 2 * i) : s.data[1 + i]);
    j->quantized[table] = true;
    s.data += bytes, s.size -= bytes;
  }
}

static void read_huffman(struct jpeg *j, struct segment s) {
  while (s.size) {
    need(j, s, 17);
    const int32_t table = s.data[0] & 15;
    int32_t n = 0;
    for (int i = 0; i < 16; i++) n += s.data[1 + i];
    if (s.data[0] > 0x1f || table > 3 || n > 256) rt_image_fail(j->image, "a Huffman table is of an unknown kind");
    need(j, s, 17 + n);
    rt_jpeg_make_huffman(j, s.data[0] >> 4 ? &j->ac[table] : &j->dc[table], s.data + 1, s.data + 17);
    s.data += 17 + n, s.size -= 17 + n;
  }
}

static void check_frame(const struct jpeg *j, struct segment s) {
  const int32_t kind = s.marker - SOF0; /* bits: of its parts, of the way it is coded */
  const char *refused = kind & 8 ? "arithmetic-coded" : kind & 4 ? "hierarchical" : kind == 3 ? "lossless" : NULL;
  if (refused) rt_image_fail(j->image, "%s images are not supported", refused);
  if (j->n_components) rt_image_fail(j->image, "it has two frames");
  need(j, s, 6);
  if (s.data[0] != 8) rt_image_fail(j->image, "samples of %d bits are not supported", s.data[0]);
  if (s.data[5] != 1 && s.data[5] != 3 && s.data[5] != 4)
    rt_image_fail(j->image, "%d components are not supported", s.data[5]);
  need(j, s, 6 + 3 * s.data[5]);
}

/* True: go on. */
static bool read_frame(struct jpeg *j, struct segment s) {
  check_frame(j, s);
  const int64_t height = rt_be16(s.data + 1), width = rt_be16(s.data + 3);
  j->progressive = s.marker == SOF0 + 2;
  j->n_components = s.data[5];
  j->h_most = j->v_most = 1;
  for (int32_t i = 0; i < j->n_components; i++) {
    const uint8_t *p = s.data + 6 + 3 * i;
    struct jpeg_component *c = &j->components[i];
    c->id = p[0], c->h = p[1] >> 4, c->v = p[1] & 15, c->table = p[2];
    if (c->h < 1 || c->h > 4 || c->v < 1 || c->v > 4 || c->table > 3)
      rt_image_fail(j->image, "component %d is of an unknown kind", i);
    if (c->h > j->h_most) j->h_most = c->h;
    if (c->v > j->v_most) j->v_most = c->v;
  }
  if (!rt_image_sized(j->image, width, height)) return false;
  j->unit_columns = (width + 8 * j->h_most - 1) / (8 * j->h_most);
  j->unit_rows = (height + 8 * j->v_most - 1) / (8 * j->v_most);
  int64_t blocks = 0;
  for (int32_t i = 0; i < j->n_components; i++) {
    struct jpeg_component *c = &j->components[i];
    if (j->h_most % c->h || j->v_most % c->v)
      rt_image_fail(j->image, "a component is smaller than another one by a fraction, which is not supported");
    c->width = (width * c->h + j->h_most - 1) / j->h_most;
    c->height = (height * c->v + j->v_most - 1) / j->v_most;
    c->columns = (c->width + 7) / 8;
    c->rows = (c->height + 7) / 8;
    c->stride = j->unit_columns * c->h;
    blocks += c->columns * c->rows;
  }
  /* Every block takes a bit or more: who lies about sizes gets no memory for it. */
  if (blocks > 8 * j->image->size) rt_image_fail(j->image, "it is too short for its size in pixels");
  for (int32_t i = 0; i < j->n_components; i++) {
    struct jpeg_component *c = &j->components[i];
    c->blocks = rt_image_memory(j->image, c->stride * j->unit_rows * c->v * JPEG_BLOCK * (int64_t)sizeof *c->blocks,
                                true);
  }
  return true;
}

static struct jpeg_scan scan_of(struct jpeg *j, struct segment s) {
  struct jpeg_scan scan = {.last = 63};
  need(j, s, 1);
  scan.n_components = s.data[0];
  if (scan.n_components < 1 || scan.n_components > j->n_components)
    rt_image_fail(j->image, "a scan is of %d components", scan.n_components);
  need(j, s, 4 + 2 * scan.n_components);
  int32_t blocks = 0;
  for (int32_t i = 0; i < scan.n_components; i++) {
    const uint8_t *p = s.data + 1 + 2 * i;
    for (int32_t c = 0; c < j->n_components; c++)
      if (j->components[c].id == p[0]) scan.components[i] = &j->components[c];
    scan.dc[i] = p[1] >> 4, scan.ac[i] = p[1] & 15;
    if (!scan.components[i] || scan.dc[i] > 3 || scan.ac[i] > 3)
      rt_image_fail(j->image, "a scan is of components or tables that do not exist");
    for (int32_t k = 0; k < i; k++)
      if (scan.components[k] == scan.components[i]) rt_image_fail(j->image, "a scan has a component twice");
    blocks += scan.components[i]->h * scan.components[i]->v;
  }
  if (scan.n_components > 1 && blocks > 10) rt_image_fail(j->image, "a scan has too many blocks in a unit");
  if (!j->progressive) return scan;
  const uint8_t *p = s.data + 1 + 2 * scan.n_components;
  scan.first = p[0], scan.last = p[1], scan.high = p[2] >> 4, scan.low = p[2] & 15;
  const bool dc = scan.first == 0;
  if (scan.last > 63 || scan.first > scan.last || (dc ? scan.last != 0 : scan.n_components > 1) || scan.low > 13 ||
      (scan.high && scan.high != scan.low + 1))
    rt_image_fail(j->image, "a scan is of an unknown kind");
  return scan;
}

static int64_t read_scan(struct jpeg *j, struct segment s, int64_t at) {
  if (!j->n_components) rt_image_fail(j->image, "a scan comes before the frame");
  const struct jpeg_scan scan = scan_of(j, s);
  for (int32_t i = 0; i < scan.n_components; i++) {
    struct jpeg_component *c = scan.components[i];
    if ((scan.first == 0 && !scan.high && !j->dc[scan.dc[i]].defined) || (scan.last && !j->ac[scan.ac[i]].defined))
      rt_image_fail(j->image, "a Huffman table is missing");
    if (!j->quantized[c->table]) rt_image_fail(j->image, "a quantization table is missing");
    /* A later table of this number is for others. */
    if (!c->scanned) memcpy(c->quantization, j->quantization[c->table], sizeof c->quantization);
    c->scanned = true;
  }
  return rt_jpeg_read_scan(j, &scan, at);
}

/* The image is in memory of its own: it is too large for a stack. */
void rt_decode_jpeg(struct rt_image *image) {
  struct jpeg *j = rt_image_memory(image, sizeof *j, true);
  j->image = image;
  for (int64_t at = 2;;) {
    const struct segment s = next_segment(j, &at);
    if (s.marker == EOI) break;
    if (s.marker == DHT) {
      read_huffman(j, s);
    } else if (s.marker == DQT) {
      read_quantization(j, s);
    } else if (s.marker == DRI) {
      need(j, s, 2);
      j->restart = rt_be16(s.data);
    } else if (s.marker == APP0 && s.size >= 5 && !memcmp(s.data, "JFIF", 5)) {
      j->jfif = true;
    } else if (s.marker == APP14 && s.size >= 12 && !memcmp(s.data, "Adobe", 5)) {
      j->adobe = true;
      j->adobe_transform = s.data[11];
    } else if (s.marker == SOS) {
      at = read_scan(j, s, at);
    } else if (s.marker >= SOF0 && s.marker <= SOF15 && s.marker != JPG && s.marker != DAC) {
      if (read_frame(j, s)) continue;
      rt_image_release(image, j);
      return;
    } else if (s.marker == DNL) {
      rt_image_fail(image, "a height after the pixels is not supported");
    }
  }
  if (!j->n_components) rt_image_fail(image, "it has no frame");
  for (int32_t c = 0; c < j->n_components; c++)
    if (!j->components[c].scanned) rt_image_fail(image, "component %d has no scan", c);
  rt_jpeg_write_pixels(j);
  rt_image_release(image, j);
}

/* WebP: the container (RFC 9649, section 2). Of an animation the first frame is decoded; transparency is left out. */
#include <string.h>

#include "webp.h"

struct chunk {
  const uint8_t *data;
  int64_t size;
  char type[5];
};

/* The chunk at `at`, which is behind it then; false at `end`. */
static bool next_chunk(const struct rt_image *image, int64_t *at, int64_t end, struct chunk *c) {
  if (*at + 8 > end) return false;
  const uint8_t *p = rt_image_bytes(image, *at, 8);
  *c = (struct chunk){.size = rt_le32(p + 4)};
  memcpy(c->type, p, 4);
  c->data = rt_image_bytes(image, *at + 8, c->size);
  *at += 8 + c->size + (c->size & 1);
  return true;
}

static uint32_t le24(const uint8_t *p) { return rt_le16(p) | (uint32_t)p[2] << 16; }

struct canvas {
  int64_t width, height, x, y; /* of all; where the frame begins */
};

/* The first image among the chunks, and the canvas it is on, as far as they say one. */
static struct chunk find_frame(const struct rt_image *image, struct canvas *canvas) {
  int64_t at = 12, end = 8 + (int64_t)rt_le32(image->data + 4);
  struct chunk c;
  if (end > image->size) rt_image_fail(image, "the file ends early");
  while (next_chunk(image, &at, end, &c)) {
    if (!strcmp(c.type, "VP8 ") || !strcmp(c.type, "VP8L")) return c;
    if (!strcmp(c.type, "VP8X")) {
      if (c.size < 10) rt_image_fail(image, "a chunk is too short");
      canvas->width = 1 + le24(c.data + 4);
      canvas->height = 1 + le24(c.data + 7);
    } else if (!strcmp(c.type, "ANMF")) {
      if (c.size < 16) rt_image_fail(image, "a chunk is too short");
      canvas->x = 2 * (int64_t)le24(c.data);
      canvas->y = 2 * (int64_t)le24(c.data + 3);
      at = c.data + 16 - image->data; /* into it */
    }
  }
  rt_image_fail(image, "there is no image in it");
}

void rt_decode_webp(struct rt_image *image) {
  struct canvas canvas = {0};
  const struct chunk c = find_frame(image, &canvas);
  const bool lossless = c.type[3] == 'L';
  struct webp_frame frame = {.image = image, .data = c.data, .size = c.size};
  if (lossless) rt_webp_lossless_sizes(&frame);
  else rt_webp_lossy_sizes(&frame);
  if (!canvas.width) canvas = (struct canvas){frame.width, frame.height, 0, 0};
  if (canvas.x + frame.width > canvas.width || canvas.y + frame.height > canvas.height)
    rt_image_fail(image, "its first frame is larger than the image");
  if (!rt_image_sized(image, canvas.width, canvas.height)) return;
  frame.stride = 3 * canvas.width;
  frame.pixels = image->pixels + canvas.y * frame.stride + 3 * canvas.x;
  if (frame.width < canvas.width || frame.height < canvas.height)
    memset(image->pixels, 0, (size_t)(frame.stride * canvas.height));
  if (lossless) rt_webp_lossless(&frame);
  else rt_webp_lossy(&frame);
}

/* Buffers of dynamic size, kept between runs: a model whose shapes repeat allocates in its first run only. */
#include <stdlib.h>

#include "runtime.h"

enum { KEEP_RUNS = 16 }; /* a block no run of the last 16 used belongs to shapes that are gone */

/* Sizes are rounded up by at most an eighth, so that slowly growing shapes (a decoder's) reuse blocks. */
static int64_t size_class(int64_t bytes) {
  int64_t step = RT_LINE;
  while (step * 8 < bytes) step *= 2;
  return bytes > step * 8 - step ? step * 8 : (bytes + step - 1) / step * step;
}

static struct rt_block *add(struct rt_buffers *b) {
  if (b->count == b->capacity) {
    int32_t capacity = b->capacity ? b->capacity * 2 : 16;
    struct rt_block *blocks = realloc(b->blocks, (size_t)capacity * sizeof *blocks);
    if (!blocks) return NULL;
    b->blocks = blocks;
    b->capacity = capacity;
  }
  return &b->blocks[b->count];
}

void *rt_buffers_acquire(struct rt_buffers *b, int64_t bytes) {
  if (bytes < 0 || bytes > INT64_MAX / 4) return NULL;
  struct rt_block *best = NULL;
  for (int32_t i = 0; i < b->count; i++) {
    struct rt_block *block = &b->blocks[i];
    if (block->used || block->bytes < bytes || block->bytes / 2 > bytes + 65536) continue;
    if (!best || block->bytes < best->bytes) best = block;
  }
  if (!best) {
    if (!(best = add(b))) return NULL;
    best->bytes = size_class(bytes);
    best->data = rt_device_get(b->owner, best->bytes);
    if (!best->data) return NULL;
    b->bytes += best->bytes;
    b->count++;
  }
  best->used = true;
  best->last_run = b->run;
  return best->data;
}

void rt_buffers_release(struct rt_buffers *b, void *data) {
  for (int32_t i = b->count - 1; i >= 0; i--) {
    if (b->blocks[i].data != data) continue;
    b->blocks[i].used = false;
    return;
  }
}

void rt_buffers_end_run(struct rt_buffers *b) {
  int32_t kept = 0;
  bool shrink = false;
  for (int32_t i = 0; i < b->count; i++) shrink = shrink || b->run - b->blocks[i].last_run >= KEEP_RUNS;
  shrink = shrink && rt_device_may_shrink(b->owner);
  for (int32_t i = 0; i < b->count; i++) {
    struct rt_block *block = &b->blocks[i];
    block->used = false;
    if (shrink && b->run - block->last_run >= KEEP_RUNS) {
      rt_device_put(b->owner, block->data, block->bytes);
      b->bytes -= block->bytes;
    } else {
      b->blocks[kept++] = *block;
    }
  }
  b->count = kept;
  b->run++;
}

void rt_buffers_free(struct rt_buffers *b) {
  for (int32_t i = 0; i < b->count; i++) rt_device_put(b->owner, b->blocks[i].data, b->blocks[i].bytes);
  free(b->blocks);
  *b = (struct rt_buffers){.owner = b->owner};
}

/* Decodes mutations of the files that are named, many of each; a decoder that reads or writes where it should not is
 * stopped by the sanitizers. Built with the decoders, whose memory is malloc's here: see test_image_files.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/images.h"

enum { MOST_BYTES = 64 << 20, MOST_PIXELS = 1 << 20 };

static aicc_context context;
static void *blocks[64];
static int64_t used;

static uint32_t random_number(void) {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 32);
}

void *rt_buffers_acquire(struct rt_buffers *b, int64_t bytes) {
  (void)b;
  if (bytes < 0 || bytes > MOST_BYTES - used) return NULL;
  for (int i = 0; i < 64; i++) {
    if (blocks[i]) continue;
    used += bytes;
    blocks[i] = malloc((size_t)bytes);
    if (blocks[i]) memset(blocks[i], 0xa5, (size_t)bytes);
    return blocks[i];
  }
  return NULL;
}

void rt_buffers_release(struct rt_buffers *b, void *data) {
  (void)b;
  for (int i = 0; i < 64; i++) {
    if (blocks[i] != data) continue;
    free(data);
    blocks[i] = NULL;
    return;
  }
  abort();
}

void rt_end_run(aicc_context *ctx, int32_t status) {
  ctx->status = status;
  longjmp(ctx->escape, 1);
}

static bool decode(const uint8_t *file, int64_t size) {
  int64_t dims[2];
  uint8_t *volatile out = NULL;
  volatile bool decoded = false;
  used = 0;
  if (!setjmp(context.escape)) {
    aicc_image_sizes(&context, file, dims, 2, size, "node 'x'");
    if (dims[0] * dims[1] <= MOST_PIXELS) {
      out = malloc((size_t)(dims[0] * dims[1] * 3));
      aicc_image_decode(&context, file, out, dims[0] * dims[1] * 3, size, dims[0], dims[1], 0, "node 'x'");
      decoded = true;
    }
  }
  free(out);
  for (int i = 0; i < 64; i++) free(blocks[i]), blocks[i] = NULL;
  return decoded;
}

int main(int argc, char **argv) {
  const int rounds = atoi(argv[1]);
  for (int a = 2; a < argc; a++) {
    static uint8_t file[1 << 20];
    FILE *f = fopen(argv[a], "rb");
    if (!f) return perror(argv[a]), 1;
    const int64_t size = (int64_t)fread(file, 1, sizeof file, f);
    fclose(f);
    if (!decode(file, size)) return printf("%s: %s\n", argv[a], rt_last_error()), 1;
    int decoded = 0;
    for (int r = 0; r < rounds; r++) {
      const int64_t kept = random_number() % 4 ? size : 1 + random_number() % size;
      uint8_t *copy = malloc((size_t)kept);
      memcpy(copy, file, (size_t)kept);
      /* Headers are what decoders believe. */
      const int64_t most = random_number() % 2 && kept > 256 ? 256 : kept;
      for (uint32_t n = random_number() % 6; n; n--)
        copy[random_number() % most] = random_number() % 3 ? (uint8_t)random_number() : random_number() % 2 ? 0xff : 0;
      decoded += decode(copy, kept);
      free(copy);
    }
    printf("%s: %d of %d\n", argv[a], decoded, rounds);
  }
  return 0;
}

/* What a hand-written model and the stand-in for the driver agree on: an image is a table of functions on the host. */
#ifndef FAKE_CUDA_H
#define FAKE_CUDA_H

#include <stdint.h>

/* Addresses of the stand-in's memory are off by this much: who reads them without asking crashes. */
#define FAKE_OFFSET (UINT64_C(1) << 56)
#define ON_HOST(address) ((void *)((uintptr_t)(address)-FAKE_OFFSET))

struct fake_function {
  const char *name;
  void (*run)(void **args, const unsigned *sizes); /* grid x, y, z, block x, y, z, shared bytes */
  int32_t n_args;                                  /* of 8 bytes each */
  int32_t n_maps;                                  /* after these, tensor maps: struct fake_map */
};
/* What cuTensorMapEncodeTiled of the stand-in writes. */
struct fake_map {
  uint64_t base, sizes[5], steps[5]; /* the first step is that of the second dim, in bytes */
  uint16_t boxes[5];
  uint8_t apart[5], rank, type;
};
struct fake_image {
  char magic[16]; /* FAKE_IMAGE */
  struct fake_function functions[4];
};
#define FAKE_IMAGE "// host"

/* What the stand-in counted, and what it is told to do. */
struct fake_cuda {
  /* now */
  int64_t blocks, bytes, pinned, streams, events, modules, contexts, graphs, depth;
  /* since the last reset */
  int64_t uploads, uploaded, downloads, downloaded, moves, sets, launches, replays, captures, frees, most_shared, early;
  /* settings */
  int64_t devices, memory, driver_version, init_error, load_error, capture_error;
};

#endif

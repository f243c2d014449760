/* Aligned memory. Arenas of hundreds of megabytes are common: mapping them costs nothing until they are
 * touched, and huge pages cut the page faults of the first run by up to 512. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime.h"

#define HUGE_PAGE ((int64_t)2 << 20)
#define MAP_FROM (2 * HUGE_PAGE)

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif
#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

static int64_t round_up(int64_t bytes, int64_t unit) { return (bytes + unit - 1) / unit * unit; }

/* A mapping whose start is aligned to a huge page: mapped too long, the ends given back. */
static void *map(int64_t bytes) {
  int64_t total = round_up(bytes, HUGE_PAGE) + HUGE_PAGE;
  char *raw = mmap(NULL, (size_t)total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return NULL;
  int64_t before = round_up((int64_t)(uintptr_t)raw, HUGE_PAGE) - (int64_t)(uintptr_t)raw;
  int64_t after = HUGE_PAGE - before;
  if (before) munmap(raw, (size_t)before);
  if (after) munmap(raw + total - after, (size_t)after);
#ifdef MADV_HUGEPAGE
  madvise(raw + before, (size_t)(total - HUGE_PAGE), MADV_HUGEPAGE);
#endif
  return raw + before;
}

void *rt_memory_get(int64_t bytes, bool zero) {
  if (bytes < 0 || bytes > INT64_MAX - 4 * HUGE_PAGE || (uint64_t)bytes > SIZE_MAX / 2) return NULL;
  if (bytes >= MAP_FROM) return map(bytes); /* fresh pages are zero */
  void *memory = NULL;
  size_t size = (size_t)round_up(bytes ? bytes : 1, RT_LINE);
  if (posix_memalign(&memory, RT_LINE, size)) return NULL;
  if (zero) memset(memory, 0, size);
  return memory;
}

void rt_memory_put(void *memory, int64_t bytes) {
  if (memory && bytes >= MAP_FROM)
    munmap(memory, (size_t)round_up(bytes, HUGE_PAGE));
  else
    free(memory);
}

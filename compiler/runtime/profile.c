/* Time by kernel. Regions carry no name: a kernel is known by its range function, which the model lists. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

#include "runtime.h"

struct counter {
  int64_t calls, nanoseconds, tiles;
};

struct rt_profile {
  uint32_t mask;          /* slots - 1, a power of two less one */
  int32_t *slots;         /* hash of a range function -> kernel, -1: empty */
  struct counter counters[]; /* the run, the kernels, kernels the model does not list */
};

int64_t rt_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint32_t hash(aicc_range_fn range) { return (uint32_t)(((uint64_t)(uintptr_t)range * 0x9e3779b97f4a7c15u) >> 32); }

int32_t rt_profile_count(void) { return aicc_model.n_kernels + 2; }

rt_profile *rt_profile_create(void) {
  uint32_t slots = 2;
  while (slots < 2u * (uint32_t)aicc_model.n_kernels) slots *= 2;
  rt_profile *p = calloc(1, sizeof *p + (size_t)rt_profile_count() * sizeof(struct counter));
  if (!p) return NULL;
  p->slots = malloc(slots * sizeof *p->slots);
  if (!p->slots) {
    free(p);
    return NULL;
  }
  p->mask = slots - 1;
  for (uint32_t i = 0; i < slots; i++) p->slots[i] = -1;
  for (int32_t k = 0; k < aicc_model.n_kernels; k++) {
    uint32_t at = hash(aicc_model.kernels[k].range);
    while (p->slots[at & p->mask] >= 0) at++;
    p->slots[at & p->mask] = k;
  }
  return p;
}

void rt_profile_free(rt_profile *p) {
  if (p) free(p->slots);
  free(p);
}

static int32_t find(const rt_profile *p, aicc_range_fn range) {
  if (!range) return 0;
  for (uint32_t at = hash(range);; at++) {
    int32_t k = p->slots[at & p->mask];
    if (k < 0) return rt_profile_count() - 1;
    if (aicc_model.kernels[k].range == range) return k + 1;
  }
}

void rt_profile_add(rt_profile *p, aicc_range_fn range, int64_t nanoseconds, int64_t tiles) {
  struct counter *c = &p->counters[find(p, range)];
  c->calls++;
  c->nanoseconds += nanoseconds;
  c->tiles += tiles;
}

bool rt_profile_get(const rt_profile *p, int32_t index, aicc_profile_entry *out) {
  int32_t last = rt_profile_count() - 1;
  if (index < 0 || index > last) return false;
  const struct counter none = {0, 0, 0}, *c = p ? &p->counters[index] : &none;
  out->name = index == 0 ? "(run)" : index == last ? "(other)" : aicc_model.kernels[index - 1].info.name;
  out->calls = c->calls;
  out->nanoseconds = c->nanoseconds;
  out->tiles = c->tiles;
  return true;
}

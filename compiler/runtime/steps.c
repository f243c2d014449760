/* Regions of steps: tiles in time, each step's after all of the last one's, on the threads of the pool.
 *
 * One region of the pool runs all steps. Every thread has one part of a step's tiles, the same in each step: what
 * it reads of them again and again (a recurrent layer's weights) stays in its cache. Nothing relies on the threads
 * running at the same time: a part is claimed for a step by compare-and-swap, and who has finished its own takes
 * the parts whose owner has not come yet, or is late. So one thread alone finishes too, and a thread the system
 * has taken off its core delays the others only if it holds a part just then.
 *
 * A part's step is claimed only by who has seen all parts of the step before done. */
#define _GNU_SOURCE
#include <sched.h>

#include "runtime.h"

enum {
  LATE_NS = 2 * 1000,     /* an owner that has not claimed its part by then is not running */
  YIELD_NS = 20 * 1000    /* waiting for that long: somebody else may need this core */
};

struct part {
  _Alignas(2 * RT_LINE) _Atomic int64_t claimed; /* steps begun */
  _Atomic int64_t done;
  _Atomic bool owned; /* a thread goes through the steps with it */
};

struct steps {
  aicc_range_fn range;
  void **args;
  void *scratch;
  int64_t tiles, steps;
  int32_t parts;
  struct part *part;
};

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

static bool compute(struct steps *s, int32_t number, int64_t step) {
  struct part *p = &s->part[number];
  int64_t expected = step;
  if (!atomic_compare_exchange_strong_explicit(&p->claimed, &expected, step + 1, memory_order_acq_rel,
                                               memory_order_relaxed))
    return false;
  int64_t lo = s->tiles * number / s->parts, hi = s->tiles * (number + 1) / s->parts;
  s->range(s->args, step * s->tiles + lo, step * s->tiles + hi, s->scratch);
  atomic_store_explicit(&p->done, step + 1, memory_order_release);
  return true;
}

/* Returns when part `number` is done with `step`, whoever does it. */
static void wait_for(struct steps *s, int32_t number, int64_t step) {
  struct part *p = &s->part[number];
  int64_t start = 0;
  for (;;) {
    for (int i = 0; i < 32; i++) {
      if (atomic_load_explicit(&p->done, memory_order_acquire) > step) return;
      relax();
    }
    bool here = atomic_load_explicit(&p->owned, memory_order_relaxed);
    int64_t now = rt_now();
    if (!start) start = now;
    if ((!here || now - start > LATE_NS) && compute(s, number, step)) return;
    if (now - start > YIELD_NS) sched_yield();
  }
}

/* All steps with part `number`. */
static void follow(struct steps *s, int32_t number) {
  struct part *own = &s->part[number];
  atomic_store_explicit(&own->owned, true, memory_order_relaxed);
  /* Who comes late begins where the others are: all steps before the last one begun are over. */
  int64_t begun = atomic_load_explicit(&own->claimed, memory_order_acquire);
  for (int64_t step = begun ? begun - 1 : 0; step < s->steps; step++) {
    compute(s, number, step);
    for (int32_t i = 0; i < s->parts; i++) wait_for(s, i, step);
  }
}

static void take_part(void **args, int64_t lo, int64_t hi, void *scratch) {
  (void)scratch;
  for (int64_t i = lo; i < hi; i++) follow((struct steps *)args, (int32_t)i);
}

bool rt_pool_run_steps(rt_pool *pool, aicc_range_fn range, void **args, int64_t tiles, int64_t grain, int64_t steps,
                       int64_t scratch_bytes) {
  if (tiles <= 0 || steps <= 0) return true;
  int64_t parts = tiles / (grain > 0 ? grain : 1), threads = rt_pool_threads(pool);
  if (parts > threads) parts = threads;
  if (parts < 1) parts = 1;
  int64_t room = parts > 1 ? parts * (int64_t)sizeof(struct part) : 0;
  scratch_bytes = (scratch_bytes + 2 * RT_LINE - 1) / (2 * RT_LINE) * (2 * RT_LINE);
  int64_t bytes = scratch_bytes + room + 2 * RT_LINE;
  char *memory = rt_memory_get(bytes, true);
  if (!memory) return false;
  bool good = true;
  if (parts < 2) {
    for (int64_t step = 0; step < steps; step++) range(args, step * tiles, (step + 1) * tiles, memory);
  } else {
    uintptr_t start = ((uintptr_t)memory + (uintptr_t)scratch_bytes + 2 * RT_LINE - 1) & ~(uintptr_t)(2 * RT_LINE - 1);
    struct steps s = {range, args, memory, tiles, steps, (int32_t)parts, (struct part *)start};
    good = rt_pool_run(pool, take_part, (void **)&s, parts, 1, 0);
  }
  rt_memory_put(memory, bytes);
  return good;
}

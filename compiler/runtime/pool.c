/* The thread pool: regions of tiles, claimed in chunks.
 *
 * One 64-bit word says which region is open and which chunk comes next: epoch | chunks | next (32, 16, 16
 * bits). A thread claims a chunk by compare-and-swap of next -> next + 1 and adds what it finished to `done`.
 * A region ends when all its chunks are done, not when all workers have looked at it: a worker the system has
 * taken off its core delays nobody unless it holds a chunk, and the caller computes what nobody claims.
 *
 * Why reading the region's fields is safe: a successful compare-and-swap proves that the word had not changed,
 * so the region is still open and cannot close before this chunk is counted in `done`; the fields are written
 * only while no region is open. A thread that lost the race has read nothing but the word.
 *
 * On a busy machine the system likes to wake a worker where its caller runs, and leaves it there: such a worker
 * moves to another CPU by itself. If that one is busy with a process of the same right, a worker may lose it while
 * it holds a chunk, for as long as ten regions take: a caller that had to wait so long goes on alone for a while.
 *
 * Idle workers spin for a short time, then sleep: a region right after another starts in a tenth of a
 * microsecond, and an idle pool uses no core. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime.h"
#include "wait.h"

enum {
  CHUNKS_PER_THREAD = 4,           /* so that a thread that came late or is slow leaves its share to others */
  IDLE_SPIN_NS = 100 * 1000,       /* of workers, between regions */
  FINISH_SPIN_NS = 200 * 1000,     /* of the caller, for the last chunks of others */
  YIELD_AFTER_NS = 10 * 1000,
  MOVE_EVERY_NS = 2 * 1000 * 1000, /* least time between two moves of a worker */
  LOST_NS = 1000 * 1000,           /* waiting so much longer than a chunk takes: its worker has lost its CPU */
  ALONE_TIMES = 6,                 /* the caller goes on alone for so many times what it waited then */
  WORKER_STACK_BYTES = 4 << 20,    /* kernels may keep whole tiles there; musl's default is 128 KiB */
  MASK_WORDS = RT_MAX_THREADS / 64
};

struct worker {
  rt_pool *pool;
  pthread_t thread;
  int32_t slot; /* 1 …; 0 is the caller */
  uint32_t epoch;
  int64_t moved; /* when it last left the caller's CPU */
};

struct rt_pool {
  _Alignas(RT_LINE) _Atomic uint64_t word;
  _Atomic int32_t caller_cpu; /* a worker on the same one does not spin */
  _Alignas(RT_LINE) _Atomic uint32_t done;
  _Atomic uint32_t caller_sleeps;
  _Alignas(RT_LINE) _Atomic uint64_t asleep[MASK_WORDS]; /* a bit per worker */
  _Atomic uint32_t signal; /* workers sleep on it */
  _Atomic bool stop;

  /* The open region. */
  _Alignas(RT_LINE) aicc_range_fn range;
  void **args;
  int64_t per_chunk, longer; /* the first `longer` chunks have one tile more */
  void *scratch[RT_MAX_THREADS];

  int64_t scratch_bytes;
  int32_t requested; /* threads, 0: default */
  int32_t threads;   /* 0: not decided yet */
  int32_t started;   /* workers alive */
  int64_t idle_spin, finish_spin;
  int64_t alone_until; /* regions before are for the caller only */
  struct worker *workers;
  pid_t process;
  rt_waiters worker_waiters, caller_waiters;
};

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb"); /* "yield" is a no-op on most cores */
#endif
}

/* The CPU this thread is on; -1: unknown. */
static inline int32_t this_cpu(void) {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

/* Is this worker on the caller's CPU, and cannot leave it? */
static bool shares_cpu(struct worker *w) {
  rt_pool *p = w->pool;
  int32_t cpu = this_cpu();
  if (cpu < 0 || cpu != atomic_load_explicit(&p->caller_cpu, memory_order_relaxed)) return false;
  int64_t now = rt_now();
  if (!p->idle_spin || now - w->moved < MOVE_EVERY_NS) return true;
  w->moved = now;
  return !rt_leave_cpu(cpu);
}

static inline uint32_t epoch_of(uint64_t word) { return (uint32_t)(word >> 32); }
static inline uint32_t chunks_of(uint64_t word) { return (uint32_t)(word >> 16) & 0xffff; }
static inline uint32_t next_of(uint64_t word) { return (uint32_t)word & 0xffff; }

/* Computes chunks of region `epoch` until none is left. */
static void drain(rt_pool *p, uint32_t epoch, int32_t slot) {
  uint32_t finished = 0;
  uint64_t word = atomic_load_explicit(&p->word, memory_order_acquire);
  while (epoch_of(word) == epoch && next_of(word) < chunks_of(word)) {
    if (!atomic_compare_exchange_weak_explicit(&p->word, &word, word + 1, memory_order_acq_rel, memory_order_acquire))
      continue;
    int64_t chunk = next_of(word);
    int64_t lo = chunk * p->per_chunk + (chunk < p->longer ? chunk : p->longer);
    p->range(p->args, lo, lo + p->per_chunk + (chunk < p->longer), p->scratch[slot]);
    finished++;
    word = atomic_load_explicit(&p->word, memory_order_acquire);
  }
  if (!finished) return;
  atomic_fetch_add(&p->done, finished);
  if (slot && atomic_load(&p->caller_sleeps)) rt_wake(&p->caller_waiters, &p->done, ~0u);
}

/* ---- workers ---- */

/* True when the word's epoch is no longer `epoch` before the time is over. `*end` is when it is over, 0: not set. */
static bool spin_for_region(struct worker *w, uint32_t epoch, int64_t *end) {
  rt_pool *p = w->pool;
  for (;;) {
    for (int i = 0; i < 64; i++) {
      if (epoch_of(atomic_load_explicit(&p->word, memory_order_acquire)) != epoch) return true;
      relax();
    }
    if (atomic_load_explicit(&p->stop, memory_order_relaxed)) return false;
    /* On a busy machine both may be put on one CPU: spinning then keeps from working who has the work. */
    if (shares_cpu(w)) return false;
    int64_t now = rt_now();
    if (!*end) *end = now + p->idle_spin;
    if (now >= *end) return false;
  }
}

static void sleep_for_region(rt_pool *p, uint32_t epoch, int32_t slot) {
  _Atomic uint64_t *mask = &p->asleep[slot / 64];
  uint64_t bit = (uint64_t)1 << slot % 64;
  uint32_t seen = atomic_load(&p->signal);
  /* The caller opens a region and then reads the mask; here the mask is set and then the word is read: one of
   * the two sees the other. */
  atomic_fetch_or(mask, bit);
  if (epoch_of(atomic_load(&p->word)) == epoch && !atomic_load(&p->stop))
    rt_wait(&p->worker_waiters, &p->signal, seen, 1u << slot % 32);
  atomic_fetch_and(mask, ~bit);
}

static void *work(void *argument) {
  struct worker *w = argument;
  rt_pool *p = w->pool;
  uint32_t epoch = w->epoch;
  int64_t end = 0;
  while (!atomic_load_explicit(&p->stop, memory_order_acquire)) {
    uint64_t word = atomic_load_explicit(&p->word, memory_order_acquire);
    if (epoch_of(word) == epoch) {
      if (!spin_for_region(w, epoch, &end)) sleep_for_region(p, epoch, w->slot);
      continue;
    }
    epoch = epoch_of(word);
    if ((uint32_t)w->slot >= chunks_of(word)) continue; /* too narrow for this worker, whose time runs on */
    shares_cpu(w);
    drain(p, epoch, w->slot);
    end = 0;
  }
  return NULL;
}

/* Wakes the sleeping ones of workers 1 … count - 1. */
static void wake_workers(rt_pool *p, int32_t count) {
  uint32_t wake = 0;
  for (int32_t i = 0; i * 64 < count; i++) {
    uint64_t wanted = count - i * 64 >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << (count - i * 64)) - 1;
    uint64_t found = atomic_load(&p->asleep[i]) & wanted;
    if (!found) continue;
    atomic_fetch_and(&p->asleep[i], ~found);
    wake |= (uint32_t)(found | found >> 32);
  }
  if (!wake) return;
  atomic_fetch_add(&p->signal, 1);
  rt_wake(&p->worker_waiters, &p->signal, wake);
}

/* Starts workers; fewer than wanted is no failure, the caller can do everything. */
static void start(rt_pool *p) {
  int32_t wanted = p->threads - 1;
  int32_t cpus = rt_usable_cpus();
  p->process = getpid();
  /* With more threads than CPUs, a spinning thread keeps a working one off its CPU. */
  p->idle_spin = p->threads > cpus ? 0 : IDLE_SPIN_NS;
  p->finish_spin = p->threads > cpus ? 0 : FINISH_SPIN_NS;
  p->workers = wanted > 0 ? calloc((size_t)wanted, sizeof *p->workers) : NULL;
  if (!p->workers) return;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes)) return;
  pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
  sigset_t all, old; /* the program's signal handlers run on the program's threads */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  uint32_t epoch = epoch_of(atomic_load(&p->word));
  for (int32_t i = 0; i < wanted; i++, p->started++) {
    struct worker *w = &p->workers[i];
    *w = (struct worker){.pool = p, .slot = i + 1, .epoch = epoch};
    if (pthread_create(&w->thread, &attributes, work, w)) break;
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
}

static void stop(rt_pool *p) {
  if (p->started && p->process == getpid()) { /* a fork's child has the memory but not the threads */
    atomic_store(&p->stop, true);
    atomic_fetch_add(&p->signal, 1);
    rt_wake(&p->worker_waiters, &p->signal, ~0u);
    for (int32_t i = 0; i < p->started; i++) pthread_join(p->workers[i].thread, NULL);
  }
  free(p->workers);
  p->workers = NULL;
  p->started = 0;
  p->process = 0;
  atomic_store(&p->stop, false);
  for (int32_t i = 0; i < MASK_WORDS; i++) atomic_store(&p->asleep[i], 0);
}

/* ---- regions ---- */

static void open_region(rt_pool *p, uint32_t chunks) {
  atomic_store_explicit(&p->done, 0, memory_order_relaxed);
  atomic_store_explicit(&p->caller_cpu, this_cpu(), memory_order_relaxed);
  uint32_t epoch = epoch_of(atomic_load_explicit(&p->word, memory_order_relaxed)) + 1;
  atomic_store(&p->word, (uint64_t)epoch << 32 | (uint64_t)chunks << 16);
  wake_workers(p, (int32_t)chunks <= p->started ? (int32_t)chunks : p->started + 1);
  drain(p, epoch, 0);
}

/* Returns at `end`, if not all chunks are done before. */
static bool spin_for_others(rt_pool *p, uint32_t chunks) {
  int64_t end = 0;
  for (;;) {
    for (int i = 0; i < 64; i++) {
      if (atomic_load_explicit(&p->done, memory_order_acquire) == chunks) return true;
      relax();
    }
    int64_t now = rt_now();
    if (!end) end = now + p->finish_spin;
    if (now >= end) return false;
    if (now >= end - p->finish_spin + YIELD_AFTER_NS) sched_yield(); /* to a worker on this CPU, if there is one */
  }
}

/* `opened`: when the region was. */
static void wait_for_others(rt_pool *p, uint32_t chunks, int64_t opened) {
  int64_t own = rt_now();
  if (spin_for_others(p, chunks)) return;
  atomic_store(&p->caller_sleeps, 1);
  for (uint32_t done; (done = atomic_load(&p->done)) != chunks;) rt_wait(&p->caller_waiters, &p->done, done, ~0u);
  atomic_store(&p->caller_sleeps, 0);
  int64_t now = rt_now();
  if (now - own > LOST_NS + (own - opened)) p->alone_until = now + ALONE_TIMES * (now - own);
}

/* Every thread that may take part has `bytes` of its own. Blocks only grow, and are kept. */
static bool reserve_scratch(rt_pool *p, int64_t bytes) {
  int32_t threads = p->started + 1;
  if (bytes <= p->scratch_bytes) return true;
  int64_t size = (bytes + 4095) / 4096 * 4096;
  for (int32_t i = 0; i < threads; i++) {
    void *block = rt_memory_get(size, false);
    if (!block) {
      /* Blocks of two sizes: all go, so that one size holds for all. */
      for (int32_t j = 0; j < threads; j++) {
        rt_memory_put(p->scratch[j], j < i ? size : p->scratch_bytes);
        p->scratch[j] = NULL;
      }
      p->scratch_bytes = 0;
      return false;
    }
    rt_memory_put(p->scratch[i], p->scratch_bytes);
    p->scratch[i] = block;
  }
  p->scratch_bytes = size;
  return true;
}

static void free_scratch(rt_pool *p) {
  for (int32_t i = 0; i < RT_MAX_THREADS; i++) {
    rt_memory_put(p->scratch[i], p->scratch_bytes);
    p->scratch[i] = NULL;
  }
  p->scratch_bytes = 0;
}

bool rt_pool_run(rt_pool *p, aicc_range_fn range, void **args, int64_t tiles, int64_t grain, int64_t scratch_bytes) {
  if (tiles <= 0) return true;
  int64_t useful = tiles / (grain > 0 ? grain : 1);
  if (useful >= 2 && !p->process && rt_pool_threads(p) > 1) {
    free_scratch(p); /* it was for one thread */
    start(p);
  }
  if (!reserve_scratch(p, scratch_bytes)) return false;
  int64_t chunks = (int64_t)(p->started + 1) * CHUNKS_PER_THREAD;
  if (chunks > useful) chunks = useful;
  int64_t now = 0;
  if (chunks < 2 || !p->started || (now = rt_now()) < p->alone_until) {
    range(args, 0, tiles, p->scratch[0]);
    return true;
  }
  p->range = range;
  p->args = args;
  p->per_chunk = tiles / chunks;
  p->longer = tiles % chunks;
  open_region(p, (uint32_t)chunks);
  wait_for_others(p, (uint32_t)chunks, now);
  return true;
}

/* ---- life ---- */

rt_pool *rt_pool_create(void) {
  rt_pool *p = rt_memory_get(sizeof *p, true);
  if (!p) return NULL;
  rt_waiters_init(&p->worker_waiters);
  rt_waiters_init(&p->caller_waiters);
  return p;
}

void rt_pool_destroy(rt_pool *p) {
  if (!p) return;
  stop(p);
  free_scratch(p);
  rt_waiters_free(&p->worker_waiters);
  rt_waiters_free(&p->caller_waiters);
  rt_memory_put(p, sizeof *p);
}

int32_t rt_pool_threads(rt_pool *p) {
  if (!p->threads) p->threads = p->requested > 0 ? p->requested : rt_default_threads();
  return p->threads;
}

void rt_pool_set_threads(rt_pool *p, int32_t threads) {
  stop(p);
  free_scratch(p);
  p->requested = threads > RT_MAX_THREADS ? RT_MAX_THREADS : threads;
  p->threads = 0;
}

void rt_pool_begin_run(rt_pool *p) {
  if (p->process && p->process != getpid()) {
    stop(p);
    free_scratch(p);
  }
}

int64_t rt_pool_bytes(const rt_pool *p) {
  int64_t blocks = 0;
  for (int32_t i = 0; i < RT_MAX_THREADS; i++) blocks += p->scratch[i] != NULL;
  return blocks * p->scratch_bytes;
}

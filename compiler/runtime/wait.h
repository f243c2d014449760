/* wait.h: sleeping until an atomic word changes. A futex on Linux, a condition variable elsewhere. */
#ifndef AICC_WAIT_H
#define AICC_WAIT_H

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>

#if defined(__linux__) && !defined(AICC_NO_FUTEX)

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct { char unused; } rt_waiters;

static inline void rt_waiters_init(rt_waiters *w) { (void)w; }
static inline void rt_waiters_free(rt_waiters *w) { (void)w; }

/* Returns at once if *word != seen, else after a wake whose `mask` has a bit in common, or for no reason. */
static inline void rt_wait(rt_waiters *w, _Atomic uint32_t *word, uint32_t seen, uint32_t mask) {
  (void)w;
  syscall(SYS_futex, (uint32_t *)word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, seen, NULL, NULL, mask);
}

/* To be called after *word was changed. */
static inline void rt_wake(rt_waiters *w, _Atomic uint32_t *word, uint32_t mask) {
  (void)w;
  syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, mask);
}

#else

#include <pthread.h>

typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
} rt_waiters;

static inline void rt_waiters_init(rt_waiters *w) {
  pthread_mutex_init(&w->mutex, NULL);
  pthread_cond_init(&w->changed, NULL);
}

static inline void rt_waiters_free(rt_waiters *w) {
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->mutex);
}

static inline void rt_wait(rt_waiters *w, _Atomic uint32_t *word, uint32_t seen, uint32_t mask) {
  (void)mask;
  pthread_mutex_lock(&w->mutex);
  while (atomic_load(word) == seen) pthread_cond_wait(&w->changed, &w->mutex);
  pthread_mutex_unlock(&w->mutex);
}

static inline void rt_wake(rt_waiters *w, _Atomic uint32_t *word, uint32_t mask) {
  (void)word;
  (void)mask;
  /* Taking the mutex orders this wake after a waiter's check of the word. */
  pthread_mutex_lock(&w->mutex);
  pthread_mutex_unlock(&w->mutex);
  pthread_cond_broadcast(&w->changed);
}

#endif
#endif

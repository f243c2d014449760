/* Random numbers that kernels do not make: NumPy's by seed, and keys for those that do. */
#define _GNU_SOURCE /* getentropy */
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "runtime.h"

/* ---- MT19937: Matsumoto and Nishimura, "Mersenne Twister", 1998; numbers as numpy.random.RandomState makes them ---- */

#define WORDS 624
#define SHIFT 397

struct twister {
  uint32_t words[WORDS];
  int next;
};

static void seed_twister(struct twister *t, uint32_t seed) {
  for (uint32_t i = 0; i < WORDS; i++) {
    t->words[i] = seed;
    seed = 1812433253u * (seed ^ seed >> 30) + i + 1;
  }
  t->next = WORDS;
}

static void twist(struct twister *t) {
  for (int i = 0; i < WORDS; i++) {
    uint32_t y = (t->words[i] & 0x80000000u) | (t->words[(i + 1) % WORDS] & 0x7fffffffu);
    t->words[i] = t->words[(i + SHIFT) % WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
  }
  t->next = 0;
}

static uint32_t next_word(struct twister *t) {
  if (t->next == WORDS) twist(t);
  uint32_t y = t->words[t->next++];
  y ^= y >> 11;
  y ^= y << 7 & 0x9d2c5680u;
  y ^= y << 15 & 0xefc60000u;
  return y ^ y >> 18;
}

/* 53 bits in [0, 1). */
static double next_uniform(struct twister *t) {
  uint32_t high = next_word(t) >> 5, low = next_word(t) >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

/* Two of the standard normal distribution, by the polar method (Marsaglia). */
static void next_normals(struct twister *t, double *first, double *second) {
  double x, y, square;
  do {
    x = 2.0 * next_uniform(t) - 1.0;
    y = 2.0 * next_uniform(t) - 1.0;
    square = x * x + y * y;
  } while (square >= 1.0 || square == 0.0);
  double factor = sqrt(-2.0 * log(square) / square);
  *first = factor * y;
  *second = factor * x;
}

void aicc_random_mt19937(void *context, double *out, int64_t n, int64_t seed, int64_t kind) {
  (void)context;
  struct twister t;
  seed_twister(&t, (uint32_t)seed);
  for (int64_t i = 0; i < n; i++) {
    if (!kind) {
      out[i] = next_uniform(&t);
      continue;
    }
    double second;
    next_normals(&t, &out[i], &second);
    if (++i < n) out[i] = second;
  }
}

/* ---- keys: splitmix64 (Steele et al., "Fast Splittable Pseudorandom Number Generators", 2014) ---- */

static uint64_t entropy(const void *context) {
  uint64_t found;
  if (!getentropy(&found, sizeof found)) return found;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + (uint64_t)(uintptr_t)context;
}

void aicc_random_key(void *context, int64_t *out, int64_t one) {
  aicc_context *ctx = context;
  (void)one;
  if (!ctx->random) ctx->random = entropy(ctx);
  uint64_t z = ctx->random += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  *out = (int64_t)(z ^ z >> 31);
}

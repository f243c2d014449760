/* How fast a core reads memory; called by weight_bandwidth.py. */
#include <stddef.h>

typedef float vec __attribute__((vector_size(64), aligned(64)));

enum { LINES = 8 };

/* The sum of `count` vectors of 64 bytes from `x` on, in `streams` parts that are read side by side. */
float aicc_read(const vec *x, size_t count, size_t streams) {
  vec sums[LINES] = {0};
  size_t part = count / streams / LINES * LINES;
  for (size_t i = 0; i < part; i += LINES)
    for (size_t s = 0; s < streams; s++)
      for (size_t j = 0; j < LINES; j++) sums[j] += x[s * part + i + j];
  float total = 0;
  for (size_t j = 0; j < LINES; j++)
    for (size_t lane = 0; lane < 16; lane++) total += sums[j][lane];
  return total;
}

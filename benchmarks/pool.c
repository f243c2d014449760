/* What the thread pool costs; run by pool.py. Usage: pool_cost THREADS. Prints JSON: `empty_ns`, a region of tiles
 * that do nothing; `run_us`, a run of REGIONS regions of work, and its 90th percentile; `idle_share`, the share of a
 * core that the process uses in the second after a run. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "runtime.h"

enum { REGIONS = 60, RUNS = 60, EMPTY = 20000, TILES = 64 };

const struct aicc_model_desc aicc_model = {.magic = AICC_MODEL_MAGIC, .version = AICC_MODEL_VERSION, .name = "pool", .target = ""};

static void nothing(void **args, int64_t lo, int64_t hi, void *scratch) { (void)args, (void)lo, (void)hi, (void)scratch; }

/* About 2 microseconds a tile, in registers. */
static void work(void **args, int64_t lo, int64_t hi, void *scratch) {
  (void)scratch;
  for (int64_t i = lo; i < hi; i++) {
    double x = *(double *)args[0];
    for (int k = 0; k < 1000; k++) x = x * 1.0000001 + 1e-9;
    ((double *)args[1])[i * 8] = x;
  }
}

static int ascending(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static double cpu_seconds(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  static int64_t empty[EMPTY], runs[RUNS];
  static double results[TILES * 8], one = 1.0;
  void *args[] = {&one, results};
  rt_pool *pool = rt_pool_create();
  if (!pool) return 1;
  rt_pool_set_threads(pool, atoi(argv[1]));
  for (int r = 0; r < EMPTY; r++) {
    int64_t start = rt_now();
    rt_pool_run(pool, nothing, args, TILES, 1, 0);
    empty[r] = rt_now() - start;
  }
  for (int r = 0; r < RUNS; r++) {
    int64_t start = rt_now();
    for (int i = 0; i < REGIONS; i++) rt_pool_run(pool, work, args, TILES, 1, 0);
    runs[r] = rt_now() - start;
  }
  double before = cpu_seconds();
  nanosleep(&(struct timespec){1, 0}, NULL);
  double idle = cpu_seconds() - before;
  qsort(empty, EMPTY, sizeof *empty, ascending);
  qsort(runs, RUNS, sizeof *runs, ascending);
  printf("{\"empty_ns\": %lld, \"run_us\": %.1f, \"run_p90_us\": %.1f, \"idle_share\": %.5f}\n", (long long)empty[EMPTY / 2],
         (double)runs[RUNS / 2] / 1e3, (double)runs[RUNS * 9 / 10] / 1e3, idle);
  rt_pool_destroy(pool);
  return 0;
}

/* Drives contexts on several threads through regions of all sizes and checks that each tile is computed once,
 * with scratch nobody else writes. Usage: pool_stress REGIONS THREADS CONTEXTS. Exit status 0: all right. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model.h"

enum { MOST_TILES = 3000 };

static void count_range(void **args, int64_t lo, int64_t hi, void *scratch) {
  unsigned char *counts = args[0];
  int64_t *own = scratch;
  if (own) own[0] = own[63] = lo;
  for (int64_t i = lo; i < hi; i++) counts[i]++;
  if (own && (own[0] != lo || own[63] != lo)) counts[lo] = 99;
}

/* Tile i of step s adds what its neighbours were after step s - 1: a step that starts too early is seen. */
static void step_range(void **args, int64_t lo, int64_t hi, void *scratch) {
  int64_t tiles = (int64_t)(intptr_t)args[1], step = lo / tiles;
  int64_t *now = (int64_t *)args[0] + step % 2 * MOST_TILES, *before = (int64_t *)args[0] + (step + 1) % 2 * MOST_TILES;
  if (scratch) ((char *)scratch)[lo % tiles] = 1; /* shared: every tile has its byte */
  for (int64_t i = lo - step * tiles; i < hi - step * tiles; i++)
    now[i] = before[i] + before[(i + 1) % tiles] - before[(i + tiles - 1) % tiles] + 1;
}

/* After `steps` steps from zeros all tiles hold the number of steps. */
static bool steps_are_in_order(void *ctx, int64_t tiles, int64_t grain, int64_t steps) {
  int64_t *values = aicc_buffer_acquire(ctx, 2 * MOST_TILES * (int64_t)sizeof *values);
  memset(values, 0, 2 * MOST_TILES * sizeof *values);
  aicc_parallel_steps(ctx, step_range, (void *[]){values, (void *)(intptr_t)tiles}, tiles, grain, steps, tiles);
  bool good = true;
  for (int64_t i = 0; i < tiles; i++) good = good && values[(steps + 1) % 2 * MOST_TILES + i] == steps;
  aicc_buffer_release(ctx, values);
  return good;
}

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  (void)dims, (void)weights, (void)arena;
  uint64_t random = *(const uint64_t *)buffers[0];
  int64_t regions = ((const int64_t *)buffers[0])[1];
  unsigned char *counts = aicc_buffer_acquire(ctx, MOST_TILES);
  for (int64_t r = 0; r < regions; r++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    int64_t tiles = (int64_t)(random >> 33) % (r % 7 ? 40 : MOST_TILES), grain = (int64_t)(random >> 55) % 5;
    memset(counts, 0, (size_t)tiles);
    aicc_parallel_for(ctx, count_range, (void *[]){counts}, tiles, grain, r % 3 ? 512 + r % 5000 : 0);
    for (int64_t i = 0; i < tiles; i++) {
      if (counts[i] == 1) continue;
      char text[80];
      snprintf(text, sizeof text, "region %lld: tile %lld of %lld: %d", (long long)r, (long long)i, (long long)tiles, counts[i]);
      aicc_fail(ctx, AICC_ERROR_MODEL, text);
      return AICC_ERROR_MODEL;
    }
    if (r % 50 == 0 && tiles && !steps_are_in_order(ctx, tiles, grain, (int64_t)(random >> 50) % 100 + 1)) {
      aicc_fail(ctx, AICC_ERROR_MODEL, "steps out of order");
      return AICC_ERROR_MODEL;
    }
    if (r % 500 == 499) nanosleep(&(struct timespec){0, 300000}, NULL); /* lets the workers fall asleep */
  }
  return 0;
}

static const int64_t in_dims[] = {2};
static const struct aicc_tensor_desc inputs[] = {{{"seed", {kDLInt, 64, 1}, 1, in_dims, NULL}, NULL}};
const struct aicc_model_desc aicc_model = {.magic = AICC_MODEL_MAGIC, .version = AICC_MODEL_VERSION, .name = "stress",
                                           .target = "", .n_inputs = 1, .inputs = inputs, .main = model_main};

static int64_t regions, threads;

static void *one_context(void *argument) {
  aicc_context *ctx;
  void *failed = (void *)1;
  if (aicc_context_create(&ctx)) return failed;
  for (int64_t t = threads; t >= 1; t = t == threads ? threads / 2 : t - threads) { /* and with other numbers of threads */
    int64_t seed[] = {(int64_t)(intptr_t)argument + t, regions}, shape[] = {2};
    DLTensor in = aicc_tensor(seed, aicc_int64, 1, shape);
    aicc_set_num_threads(ctx, (int32_t)t);
    if (aicc_run(ctx, &in, 1, NULL, 0)) {
      puts(aicc_last_error());
      return failed;
    }
  }
  aicc_context_destroy(ctx);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  regions = atoll(argv[1]);
  threads = atoll(argv[2]);
  int contexts = atoi(argv[3]), failures = 0;
  pthread_t workers[16];
  for (int i = 0; i < contexts && i < 16; i++) pthread_create(&workers[i], NULL, one_context, (void *)(intptr_t)i);
  for (int i = 0; i < contexts && i < 16; i++) {
    void *result;
    pthread_join(workers[i], &result);
    failures += result != NULL;
  }
  return failures;
}

/* y = x (rows of 64 halves, a dynamic number of them) and n, the number of blocks, through a tensor map. STEP: bytes
 * between rows that the map is told, APART: rows of a box are so far apart. */
#include "../../models/fake.h"
#include "cuda/cuda.h"
#include "fake_cuda.h"

#ifndef STEP
#define STEP 128
#endif
#ifndef APART
#define APART 1
#endif

enum { COLUMNS = 64 };

static void gather(void **args, const unsigned *sizes) {
  uint16_t *y = ON_HOST(*(uint16_t **)args[0]);
  int64_t *n = ON_HOST(*(int64_t **)args[1]);
  const struct fake_map *map = args[2];
  for (uint64_t row = 0; row < map->sizes[1]; row++)
    for (uint64_t i = 0; i < map->sizes[0]; i++)
      y[row * COLUMNS + i] = *((uint16_t *)ON_HOST(map->base + row * map->steps[0]) + i);
  *n = (int64_t)sizes[0] * map->boxes[0] / COLUMNS * (map->type == 6);
}

static void gather_range(void **args, int64_t lo, int64_t hi, void *scratch) { (void)args, (void)lo, (void)hi, (void)scratch; }

static const struct fake_image image = {FAKE_IMAGE, {{"gather", gather, 2, 1}}};
static aicc_cuda_kernel k_gather __attribute__((section(AICC_CUDA_KERNELS), aligned(8), used)) = {
    (const char *)&image, sizeof image, "gather", gather_range, NULL, 0, 0, 0};

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  (void)weights, (void)arena;
  _Alignas(64) char map[128];
  const int64_t numbers[] = {COLUMNS, dims[0], 1, STEP / 2, COLUMNS, 8, 1, APART};
  aicc_cuda_tensor_map(ctx, map, buffers[0], AICC_CUDA_F16, 2, numbers);
  int32_t blocks = dims[0] ? (int32_t)aicc_cuda_multiprocessors(ctx) : 0;
  aicc_cuda_launch(ctx, &k_gather, blocks, 1, 1, COLUMNS, 1, 1, 0, (void *[]){&buffers[1], &buffers[2], map}, 3);
  return 0;
}

static void shapes(const int64_t *dims, int64_t *out) {
  out[0] = dims[0];
  out[1] = COLUMNS;
}

static const int64_t rows[] = {-1, COLUMNS};
static const struct aicc_tensor_desc inputs[] = {{{"x", F16, 2, rows, NULL}, NULL}};
static const struct aicc_tensor_desc outputs[] = {{{"y", F16, 2, rows, NULL}, NULL}, {{"n", I64, 0, NULL, NULL}, NULL}};

const struct aicc_model_desc aicc_model = {
    HEADER("gpu_tensor_map"), .n_inputs = 1, .n_outputs = 2, .inputs = inputs, .outputs = outputs,
    .cpu_features = FEATURES, .arena_bytes = 0, .main = model_main, .shapes = shapes,
};

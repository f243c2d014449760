/* y = n zeros, n being what input x says: the size of an output that depends on data. */
#include "../../models/fake.h"
#include "cuda/cuda.h"

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  (void)dims, (void)weights, (void)arena;
  int64_t n;
  aicc_cuda_read(ctx, &n, buffers[0], sizeof n);
  char *y = aicc_output_allocate(ctx, 0, &n);
  const float values[4] = {1, 2, 3, 4};
  for (int64_t i = 0; i < n; i++) aicc_cuda_write(ctx, y + i * (int64_t)sizeof *values, &values[i % 4], sizeof *values);
  return 0;
}

static void shapes(const int64_t *dims, int64_t *out) {
  (void)dims;
  out[0] = -1;
}

static const int64_t dims[] = {-1};
static const struct aicc_tensor_desc inputs[] = {{{"x", I64, 0, NULL, NULL}, NULL}};
static const struct aicc_tensor_desc outputs[] = {{{"y", F32, 1, dims, NULL}, NULL}};

const struct aicc_model_desc aicc_model = {
    HEADER("gpu_repeat"), .n_inputs = 1, .n_outputs = 1, .inputs = inputs, .outputs = outputs,
    .cpu_features = FEATURES, .arena_bytes = 0, .main = model_main, .shapes = shapes,
};

/* A cache [n, 4] with a row written over: `grown` may be given the memory of `cache`, `sum` [4] of none. */
#include "fake.h"

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  (void)ctx, (void)weights, (void)arena;
  const float *cache = buffers[0], *row = buffers[1];
  float *grown = buffers[3], *sum = buffers[4];
  if (cache != grown) memcpy(grown, cache, (size_t)dims[0] * 16);
  memcpy(grown + 4 * *(const int64_t *)buffers[2], row, 16);
  for (int64_t i = 0; i < 4 * dims[0]; i++) sum[i % 4] = (i < 4 ? 0 : sum[i % 4]) + grown[i];
  return 0;
}

static void shapes(const int64_t *dims, int64_t *out) { out[0] = dims[0], out[1] = 4, out[2] = 4; }

static const int64_t cache_dims[] = {-1, 4}, row_dims[] = {4};
static const char *const names[] = {"n", NULL};
static const int32_t symbols[] = {0, -1}, aliases[] = {0, -1};
static const struct aicc_tensor_desc inputs[] = {
    {{"cache", F32, 2, cache_dims, names}, symbols}, {{"row", F32, 1, row_dims, NULL}, NULL}, {{"at", I64, 0, NULL, NULL}, NULL}};
static const struct aicc_tensor_desc outputs[] = {{{"grown", F32, 2, cache_dims, names}, NULL}, {{"sum", F32, 1, row_dims, NULL}, NULL}};
static const struct aicc_symbol_desc symbol_table[] = {{"n", 0, -1}};

const struct aicc_model_desc aicc_model = {
    HEADER("append"),
    .n_inputs = COUNT(inputs), .n_outputs = COUNT(outputs), .n_symbols = COUNT(symbol_table),
    .inputs = inputs, .outputs = outputs, .symbols = symbol_table,
    .main = model_main, .shapes = shapes, .aliases = aliases,
};

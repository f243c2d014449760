/* total[b] = sum over s of ids[b, s] * mask[b, s], and a scalar: the number of elements. Dims share symbols;
 * seq is 1 … 512. */
#include "fake.h"

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  (void)ctx, (void)weights, (void)arena;
  const int64_t *ids = buffers[0], *mask = buffers[1];
  int64_t *total = buffers[2], *count = buffers[3];
  for (int64_t b = 0; b < dims[0]; b++) {
    total[b] = 0;
    for (int64_t s = 0; s < dims[1]; s++) total[b] += ids[b * dims[1] + s] * mask[b * dims[1] + s];
  }
  *count = dims[0] * dims[1];
  return 0;
}

static void shapes(const int64_t *dims, int64_t *out) { out[0] = dims[0]; }

static const int64_t in_dims[] = {-1, -1}, out_dims[] = {-1};
static const char *const names[] = {"batch", "seq"};
static const int32_t symbols[] = {0, 1};
static const struct aicc_tensor_desc inputs[] = {{{"ids", I64, 2, in_dims, names}, symbols}, {{"mask", I64, 2, in_dims, names}, symbols}};
static const struct aicc_tensor_desc outputs[] = {{{"total", I64, 1, out_dims, names}, NULL}, {{"count", I64, 0, NULL, NULL}, NULL}};
static const struct aicc_symbol_desc symbol_table[] = {{"batch", 0, -1}, {"seq", 1, 512}};

const struct aicc_model_desc aicc_model = {
    HEADER("pair"),
    .n_inputs = COUNT(inputs), .n_outputs = COUNT(outputs), .n_symbols = COUNT(symbol_table),
    .inputs = inputs, .outputs = outputs, .symbols = symbol_table,
    .main = model_main, .shapes = shapes,
};

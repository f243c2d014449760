/* Indices of the elements that are not zero (a data-dependent shape), and those elements doubled (a known one). */
#include "fake.h"

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  (void)weights, (void)arena;
  const float *x = buffers[0];
  int64_t count = 0, most[] = {dims[0]};
  int64_t *indices = aicc_output_allocate(ctx, 0, most);
  for (int64_t i = 0; i < dims[0]; i++)
    if (x[i] != 0) indices[count++] = i;
  aicc_output_allocate(ctx, 0, &count);
  for (int64_t i = 0; i < dims[0]; i++) ((float *)buffers[2])[i] = 2 * x[i];
  return 0;
}

static void shapes(const int64_t *dims, int64_t *out) {
  out[0] = -1;
  out[1] = dims[0];
}

static const int64_t dims[] = {-1};
static const char *const names[] = {"n"}, *const found[] = {"found"};
static const struct aicc_tensor_desc inputs[] = {{{"x", F32, 1, dims, names}, NULL}};
static const struct aicc_tensor_desc outputs[] = {{{"indices", I64, 1, dims, found}, NULL}, {{"twice", F32, 1, dims, names}, NULL}};

const struct aicc_model_desc aicc_model = {
    HEADER("nonzero"), .n_inputs = 1, .n_outputs = 2, .inputs = inputs, .outputs = outputs, .main = model_main, .shapes = shapes,
};

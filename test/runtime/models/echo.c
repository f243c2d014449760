/* The output is the input, of DLPack type CODE with BITS bits. */
#include "fake.h"

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  (void)ctx, (void)weights, (void)arena;
  memcpy(buffers[1], buffers[0], (size_t)(dims[0] * ((BITS + 7) / 8)));
  return 0;
}

static void shapes(const int64_t *dims, int64_t *out) { out[0] = dims[0]; }

static const int64_t dims[] = {-1};
static const struct aicc_tensor_desc inputs[] = {{{"x", {CODE, BITS, 1}, 1, dims, NULL}, NULL}};
static const struct aicc_tensor_desc outputs[] = {{{"y", {CODE, BITS, 1}, 1, dims, NULL}, NULL}};

const struct aicc_model_desc aicc_model = {
    HEADER("echo"), .n_inputs = 1, .n_outputs = 1, .inputs = inputs, .outputs = outputs, .main = model_main, .shapes = shapes,
};

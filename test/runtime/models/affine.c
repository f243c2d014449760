/* y = SCALE * x + w, rows of 8 floats; the batch is dynamic unless BATCH is given. Weights are embedded in the
 * assembler's way, or EXTERNAL="file name". Each row goes through a context buffer and through scratch. */
#include "fake.h"

#ifndef SCALE
#define SCALE 2
#endif
#ifndef BATCH
#define BATCH -1
#endif

enum { COLUMNS = 8 };

static void row_range(void **args, int64_t lo, int64_t hi, void *scratch) {
  const float *x = args[0], *w = args[1];
  float *y = args[2], *row = scratch;
  for (int64_t i = lo; i < hi; i++) {
    for (int j = 0; j < COLUMNS; j++) row[j] = SCALE * x[i * COLUMNS + j];
    for (int j = 0; j < COLUMNS; j++) y[i * COLUMNS + j] = row[j] + w[j];
  }
}

static void copy_range(void **args, int64_t lo, int64_t hi, void *scratch) {
  (void)scratch;
  memcpy((float *)args[1] + lo * COLUMNS, (const float *)args[0] + lo * COLUMNS, (size_t)(hi - lo) * COLUMNS * sizeof(float));
}

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  (void)arena;
  float *copy = aicc_buffer_acquire(ctx, dims[0] * COLUMNS * (int64_t)sizeof(float));
  aicc_parallel_for(ctx, copy_range, (void *[]){buffers[0], copy}, dims[0], 4, 0);
  aicc_parallel_for(ctx, row_range, (void *[]){copy, (void *)(uintptr_t)weights, buffers[1]}, dims[0], 4,
                    COLUMNS * sizeof(float));
  aicc_buffer_release(ctx, copy);
  return 0;
}

static void shapes(const int64_t *dims, int64_t *out) {
  out[0] = dims[0];
  out[1] = COLUMNS;
}

#ifndef EXTERNAL
__asm__(".pushsection .rodata\n.balign 64\naicc_weights_begin:\n.float 0, 1, 2, 3, 4, 5, 6, 7\naicc_weights_end:\n.popsection\n");
extern const char aicc_weights_begin[], aicc_weights_end[];
#endif

static const int64_t dims[] = {BATCH, COLUMNS};
static const char *const names[] = {BATCH < 0 ? "batch" : NULL, NULL};
static const int32_t symbols[] = {BATCH < 0 ? 0 : -1, -1};
static const struct aicc_tensor_desc inputs[] = {{{"x", F32, 2, dims, names}, symbols}};
static const struct aicc_tensor_desc outputs[] = {{{"y", F32, 2, dims, names}, NULL}};
static const struct aicc_symbol_desc symbol_table[] = {{"batch", 0, -1}};
static const struct aicc_kernel_desc kernels[] = {
    {{"k0_copy", "pointwise()", "/copy", 2e-6, 1, 96, 96}, copy_range},
    {{"k1_affine", "", "", -1.0, -1, -1, -1}, row_range},
};

#ifdef FEATURE
static const char *const features[] = {"sse2", FEATURE, NULL};
#undef FEATURES
#define FEATURES features
#endif

const struct aicc_model_desc aicc_model = {
    HEADER("affine"),
    .n_inputs = COUNT(inputs), .n_outputs = COUNT(outputs), .n_symbols = COUNT(symbol_table), .n_kernels = COUNT(kernels),
    .inputs = inputs, .outputs = outputs, .symbols = symbol_table, .kernels = kernels,
    .cpu_features = FEATURES,
#ifdef ARENA
    .arena_bytes = ARENA,
#else
    .arena_bytes = 128,
#endif
#ifdef EXTERNAL
    .weights_file = EXTERNAL, .weights_id = "#id:1234", .weights_bytes = COLUMNS * sizeof(float),
#else
    .weights = aicc_weights_begin, .weights_bytes = COLUMNS * sizeof(float),
#endif
    .main = model_main,
    .shapes = BATCH < 0 ? shapes : NULL,
};

/* y = scale * x + w (rows of 8 floats) and count, which counts the runs; the batch is dynamic. `scale` is written by the
 * host program into the arena, x goes through a buffer of the context. READ: the host program reads x[0] and gives it
 * as another factor. FAIL: main fails. SHARED: bytes of shared memory of a launch. WAITS: its kernels wait for others;
 * then there are three, the last of which counts again. */
#include "../../models/fake.h"
#include "cuda/cuda.h"
#include "fake_cuda.h"

#ifndef SHARED
#define SHARED 0
#endif

#ifndef WAITS
#define WAITS 0
#endif

enum { COLUMNS = 8 };

static void affine(void **args, const unsigned *sizes) {
  const float *x = ON_HOST(*(float **)args[0]), *w = ON_HOST(*(float **)args[1]), *scale = ON_HOST(*(float **)args[2]);
  float *y = ON_HOST(*(float **)args[3]);
  for (unsigned i = 0; i < sizes[0] * COLUMNS; i++) y[i] = *scale * x[i] + w[i % COLUMNS];
}

static void count(void **args, const unsigned *sizes) {
  (void)sizes;
  int64_t *kept = ON_HOST(*(int64_t **)args[0]), *out = ON_HOST(*(int64_t **)args[1]);
  *out = ++*kept;
}

static void affine_range(void **args, int64_t lo, int64_t hi, void *scratch) { (void)args, (void)lo, (void)hi, (void)scratch; }
static void count_range(void **args, int64_t lo, int64_t hi, void *scratch) { (void)args, (void)lo, (void)hi, (void)scratch; }

static const struct fake_image image = {FAKE_IMAGE, {{"affine", affine, 4, 0}, {"count", count, 2, 0}}};

#define REFUSED "neither PTX nor machine code"
#ifdef CUBIN
#ifdef NO_CUBIN
#define MACHINE REFUSED, sizeof REFUSED, CUBIN
#else
#define MACHINE (const char *)&image, sizeof image, CUBIN
#endif
#else
#define MACHINE NULL, 0, 0
#endif
#ifdef NO_PTX
#define IMAGE REFUSED, sizeof REFUSED
#else
#define IMAGE (const char *)&image, sizeof image
#endif

#define KERNEL __attribute__((section(AICC_CUDA_KERNELS), aligned(8), used))
static aicc_cuda_kernel k_affine KERNEL = {IMAGE, "affine", affine_range, MACHINE, WAITS};
static aicc_cuda_kernel k_count KERNEL = {IMAGE, "count", count_range, MACHINE, WAITS};

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  const int64_t bytes = dims[0] * COLUMNS * (int64_t)sizeof(float);
  float scale = 2;
#ifdef READ
  float first = 0;
  if (bytes) aicc_cuda_read(ctx, &first, buffers[0], sizeof first);
  scale *= first;
#endif
#ifdef FAIL
  aicc_fail(ctx, AICC_ERROR_MODEL, "index out of range");
  return 1;
#endif
  float first_weight;
  aicc_cuda_read(ctx, &first_weight, weights, sizeof first_weight); /* never waits */
  if (first_weight != 0) return 1;
  void *copy = aicc_buffer_acquire(ctx, bytes), *at = arena + 8;
  aicc_cuda_copy(ctx, copy, buffers[0], bytes);
  aicc_cuda_write(ctx, at, &scale, sizeof scale);
  aicc_cuda_launch(ctx, &k_affine, (int32_t)dims[0], 1, 1, COLUMNS, 1, 1, SHARED, (void *[]){&copy, &weights, &at, &buffers[1]}, 4);
  aicc_buffer_release(ctx, copy);
  for (int i = 0; i <= WAITS; i++)
    aicc_cuda_launch(ctx, &k_count, 1, 1, 1, 1, 1, 1, 0, (void *[]){&arena, &buffers[2]}, 2);
  return 0;
}

static void shapes(const int64_t *dims, int64_t *out) {
  out[0] = dims[0];
  out[1] = COLUMNS;
}

__asm__(".pushsection .rodata\n.balign 64\naicc_weights_begin:\n.float 0, 1, 2, 3, 4, 5, 6, 7\n.popsection\n");
extern const char aicc_weights_begin[];

static const int64_t dims[] = {-1, COLUMNS};
static const char *const names[] = {"batch", NULL};
static const int32_t symbols[] = {0, -1};
static const struct aicc_tensor_desc inputs[] = {{{"x", F32, 2, dims, names}, symbols}};
static const struct aicc_tensor_desc outputs[] = {{{"y", F32, 2, dims, names}, NULL}, {{"count", I64, 0, NULL, NULL}, NULL}};
static const struct aicc_symbol_desc symbol_table[] = {{"batch", 0, -1}};
static const struct aicc_kernel_desc kernels[] = {
    {{"k0_affine", "threads()", "/affine", 2e-6, 1, 96, 96}, affine_range},
    {{"k1_count", "", "", -1.0, -1, -1, -1}, count_range},
};

const struct aicc_model_desc aicc_model = {
    HEADER("gpu_affine"),
    .n_inputs = COUNT(inputs), .n_outputs = COUNT(outputs), .n_symbols = COUNT(symbol_table), .n_kernels = COUNT(kernels),
    .inputs = inputs, .outputs = outputs, .symbols = symbol_table, .kernels = kernels,
    .cpu_features = FEATURES,
    .arena_bytes = 128,
    .weights = aicc_weights_begin, .weights_bytes = COLUMNS * sizeof(float),
    .main = model_main,
    .shapes = shapes,
};

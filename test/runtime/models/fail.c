/* y = x, unless x[0] asks for one of the ways to fail. Buffers are acquired and never released. */
#include "fake.h"

static void range(void **args, int64_t lo, int64_t hi, void *scratch) { (void)args, (void)lo, (void)hi, (void)scratch; }

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  (void)dims, (void)weights, (void)arena;
  const float *x = buffers[0];
  memset(aicc_buffer_acquire(ctx, 1000), 1, 1000);
  switch ((int)x[0]) {
    case 1: aicc_fail(ctx, AICC_ERROR_MODEL, "Gather 'g': index 7 is out of range"); return AICC_ERROR_MODEL;
    case 2: aicc_fail(ctx, 0, "first"); aicc_fail(ctx, AICC_ERROR_MODEL, "second"); return 0;
    case 3: return 9;
    case 4: aicc_buffer_acquire(ctx, (int64_t)1 << 60); return 0;
    case 5: aicc_parallel_for(ctx, range, NULL, 8, 1, (int64_t)1 << 55); return 0;
    case 6: aicc_output_allocate(ctx, 0, (int64_t[]){(int64_t)1 << 61}); return 0;
    default: ((float *)buffers[1])[0] = x[0]; return 0;
  }
}

static const int64_t dims[] = {1};
static const struct aicc_tensor_desc inputs[] = {{{"x", F32, 1, dims, NULL}, NULL}};
static const struct aicc_tensor_desc outputs[] = {{{"y", F32, 1, dims, NULL}, NULL}};

const struct aicc_model_desc aicc_model = {
    HEADER("fail"), .n_inputs = 1, .n_outputs = 1, .inputs = inputs, .outputs = outputs, .main = model_main,
};

/* Products of matrices by cuBLASLt, and what a context keeps for them. */
#include <stdlib.h>

#include "library.h"

enum { MOST_ALIGNMENT = 256, BIAS_ALIGNMENT = 16 };

static int32_t open_context(aicc_context *ctx) {
  struct rt_cublaslt *own = calloc(1, sizeof *own);
  if (!own) return rt_error(AICC_ERROR_MEMORY, "out of memory");
  own->plans = (struct rt_plans){.numbers = LT_KEY + LT_ALIGNMENTS, .destroy = lt_plan_destroy};
  own->device = (int32_t)rt_device_of(ctx).device_id;
  int32_t status = lt_handle_use(own->device, &own->handle);
  if (status == AICC_OK)
    ctx->vendors[RT_CUBLASLT] = own;
  else
    free(own);
  return status;
}

static void close_context(aicc_context *ctx) {
  struct rt_cublaslt *own = ctx->vendors[RT_CUBLASLT];
  if (!own) return;
  rt_plans_clear(&own->plans);
  lt_handle_release(own->device);
  free(own);
  ctx->vendors[RT_CUBLASLT] = NULL;
}

static const struct rt_vendor_part part = {open_context, close_context};

__attribute__((constructor)) static void add_part(void) { rt_vendor_parts[RT_CUBLASLT] = &part; }

static int64_t bytes_of(int64_t element) {
  static const int64_t bytes[] = {4, 2, 2, 1, 4};
  return bytes[element];
}

static char *address(const int64_t *n, enum aicc_cublaslt_number base, enum aicc_cublaslt_number offset, int64_t element) {
  return (char *)(intptr_t)n[base] + n[offset] * bytes_of(element);
}

/* Rows of memory that overlap are no matrices to the library, nor are counts that it cannot hold. */
static bool is_product(const int64_t *n) {
  int64_t left = n[n[AICC_LT_LEFT_TURNED] ? AICC_LT_ROWS : AICC_LT_SUMS];
  int64_t right = n[n[AICC_LT_RIGHT_TURNED] ? AICC_LT_SUMS : AICC_LT_COLUMNS];
  return n[AICC_LT_SUMS] > 0 && n[AICC_LT_LEFT_STEP] >= left && n[AICC_LT_RIGHT_STEP] >= right &&
         n[AICC_LT_OUT_STEP] >= n[AICC_LT_COLUMNS] && n[AICC_LT_BATCHES] <= INT32_MAX;
}

int32_t aicc_cublaslt_matmul(void *context, aicc_range_fn range, const int64_t *n) {
  aicc_context *ctx = context;
  if (!n[AICC_LT_ROWS] || !n[AICC_LT_COLUMNS] || !n[AICC_LT_BATCHES]) return 1;
  if (!is_product(n)) return 0;
  const void *left = address(n, AICC_LT_LEFT, AICC_LT_LEFT_OFFSET, n[AICC_LT_ELEMENT]);
  const void *right = address(n, AICC_LT_RIGHT, AICC_LT_RIGHT_OFFSET, n[AICC_LT_ELEMENT]);
  const void *bias = address(n, AICC_LT_BIAS, AICC_LT_BIAS_OFFSET, n[AICC_LT_RESULT]);
  void *out = address(n, AICC_LT_OUT, AICC_LT_OUT_OFFSET, n[AICC_LT_RESULT]);
  if (n[AICC_LT_HAS_BIAS] && rt_alignment(bias, MOST_ALIGNMENT) < BIAS_ALIGNMENT) return 0;
  const int64_t alignments[LT_ALIGNMENTS] = {rt_alignment(left, MOST_ALIGNMENT), rt_alignment(right, MOST_ALIGNMENT),
                                             rt_alignment(out, MOST_ALIGNMENT)};
  struct rt_cublaslt *own = ctx->vendors[RT_CUBLASLT];
  struct lt_plan *p = NULL;
  int32_t status = lt_plan_find(own, n, alignments, range, &p);
  if (status != AICC_OK) rt_end_run(ctx, status);
  if (!p->possible) return 0;
  cublasStatus_t result = CUBLAS_STATUS_SUCCESS;
  if (n[AICC_LT_HAS_BIAS]) result = lt.desc_set(p->desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
  const float ones[2] = {1, 0};
  const int32_t integers[2] = {1, 0};
  const bool bytes = n[AICC_LT_ELEMENT] == AICC_LT_I8;
  const void *one = bytes ? (const void *)&integers[0] : &ones[0], *zero = bytes ? (const void *)&integers[1] : &ones[1];
  void *stream = rt_device_begin_call(ctx);
  if (result == CUBLAS_STATUS_SUCCESS)
    result = lt.matmul(own->handle, p->desc, one, right, p->right, left, p->left, zero, out, p->out, out, p->out,
                       &p->algo, (void *)(intptr_t)n[AICC_LT_WORKSPACE], (size_t)n[AICC_LT_WORKSPACE_BYTES], stream);
  rt_device_end_call(ctx, range);
  status = lt_check(result, "cuBLASLt cannot compute a product of matrices", range);
  if (status != AICC_OK) rt_end_run(ctx, status);
  return 1;
}

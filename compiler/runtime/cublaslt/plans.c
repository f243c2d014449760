/* Descriptors and algorithms, made with the first call that needs them and kept.
 *
 * Matrices of cuBLASLt go by columns, those of the model by rows: what it computes is the transposed product, with the
 * right operand as its A and the left one as its B. Its rows are then our columns, along which it adds a bias. */
#include <stdlib.h>
#include <string.h>

#include "library.h"

static int type_of(int64_t element) {
  static const int types[] = {CUDA_R_32F, CUDA_R_16F, CUDA_R_16BF, CUDA_R_8I, CUDA_R_32I};
  return types[element];
}

static int32_t make_layout(cublasLtMatrixLayout_t *out, int64_t element, int64_t rows, int64_t columns, int64_t step,
                           int64_t batches, int64_t batch_step) {
  int32_t count = (int32_t)batches;
  cublasStatus_t status = lt.layout_create(out, type_of(element), (uint64_t)rows, (uint64_t)columns, step);
  if (status == CUBLAS_STATUS_SUCCESS && batches > 1) {
    status = lt.layout_set(*out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count);
    if (status == CUBLAS_STATUS_SUCCESS)
      status = lt.layout_set(*out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &batch_step, sizeof batch_step);
  }
  return status;
}

static cublasStatus_t make_desc(cublasLtMatmulDesc_t *out, const int64_t *n) {
  static const uint32_t activations[] = {0, CUBLASLT_EPILOGUE_RELU, CUBLASLT_EPILOGUE_GELU};
  const bool bytes = n[AICC_LT_ELEMENT] == AICC_LT_I8;
  int compute = bytes ? CUBLAS_COMPUTE_32I : n[AICC_LT_TF32] ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  int32_t a = n[AICC_LT_RIGHT_TURNED] ? CUBLAS_OP_T : CUBLAS_OP_N, b = n[AICC_LT_LEFT_TURNED] ? CUBLAS_OP_T : CUBLAS_OP_N;
  uint32_t epilogue = activations[n[AICC_LT_ACTIVATION]] | (n[AICC_LT_HAS_BIAS] ? CUBLASLT_EPILOGUE_BIAS : 0);
  if (!epilogue) epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  cublasStatus_t status = lt.desc_create(out, compute, bytes ? CUDA_R_32I : CUDA_R_32F);
  if (status == CUBLAS_STATUS_SUCCESS) status = lt.desc_set(*out, CUBLASLT_MATMUL_DESC_TRANSA, &a, sizeof a);
  if (status == CUBLAS_STATUS_SUCCESS) status = lt.desc_set(*out, CUBLASLT_MATMUL_DESC_TRANSB, &b, sizeof b);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = lt.desc_set(*out, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
  return status;
}

static cublasStatus_t make_layouts(struct lt_plan *p, const int64_t *n) {
  const int64_t rows = n[AICC_LT_ROWS], columns = n[AICC_LT_COLUMNS], sums = n[AICC_LT_SUMS], batches = n[AICC_LT_BATCHES];
  const bool right = n[AICC_LT_RIGHT_TURNED], left = n[AICC_LT_LEFT_TURNED];
  cublasStatus_t status = make_layout(&p->right, n[AICC_LT_ELEMENT], right ? sums : columns, right ? columns : sums,
                                      n[AICC_LT_RIGHT_STEP], batches, n[AICC_LT_RIGHT_BATCH]);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = make_layout(&p->left, n[AICC_LT_ELEMENT], left ? rows : sums, left ? sums : rows, n[AICC_LT_LEFT_STEP], batches,
                         n[AICC_LT_LEFT_BATCH]);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = make_layout(&p->out, n[AICC_LT_RESULT], columns, rows, n[AICC_LT_OUT_STEP], batches, n[AICC_LT_OUT_BATCH]);
  return status;
}

/* Partial sums are not added in 16 bits. */
static cublasStatus_t set_preference(cublasLtMatmulPreference_t preference, const int64_t *n, const int64_t *alignments) {
  const bool narrow = n[AICC_LT_RESULT] == AICC_LT_F16 || n[AICC_LT_RESULT] == AICC_LT_BF16;
  uint64_t workspace = (uint64_t)n[AICC_LT_WORKSPACE_BYTES];
  uint32_t mask = narrow ? CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE : CUBLASLT_REDUCTION_SCHEME_MASK;
  uint32_t left = (uint32_t)alignments[0], right = (uint32_t)alignments[1], out = (uint32_t)alignments[2];
  const struct {
    int attribute;
    const void *value;
    size_t bytes;
  } settings[] = {
      {CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace},
      {CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &mask, sizeof mask},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &right, sizeof right},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &left, sizeof left},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &out, sizeof out},
      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &out, sizeof out},
  };
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  for (size_t i = 0; i < sizeof settings / sizeof *settings && status == CUBLAS_STATUS_SUCCESS; i++)
    status = lt.preference_set(preference, settings[i].attribute, settings[i].value, settings[i].bytes);
  return status;
}

static cublasStatus_t choose(struct lt_plan *p, cublasLtHandle_t handle, const int64_t *n, const int64_t *alignments) {
  cublasLtMatmulPreference_t preference = NULL;
  cublasLtMatmulHeuristicResult_t best = {0};
  int found = 0;
  cublasStatus_t status = lt.preference_create(&preference);
  if (status == CUBLAS_STATUS_SUCCESS) status = set_preference(preference, n, alignments);
  if (status == CUBLAS_STATUS_SUCCESS)
    status = lt.heuristic(handle, p->desc, p->right, p->left, p->out, p->out, preference, 1, &best, &found);
  if (preference) lt.preference_destroy(preference);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) return CUBLAS_STATUS_SUCCESS;
  p->possible = status == CUBLAS_STATUS_SUCCESS && found > 0 && best.state == CUBLAS_STATUS_SUCCESS;
  p->algo = best.algo;
  return status;
}

void lt_plan_destroy(struct rt_plan *plan) {
  struct lt_plan *p = (struct lt_plan *)plan;
  if (p->desc) lt.desc_destroy(p->desc);
  if (p->left) lt.layout_destroy(p->left);
  if (p->right) lt.layout_destroy(p->right);
  if (p->out) lt.layout_destroy(p->out);
  free(p);
}

int32_t lt_plan_find(struct rt_cublaslt *own, const int64_t *numbers, const int64_t *alignments, aicc_range_fn range,
                     struct lt_plan **out) {
  int64_t key[LT_KEY + LT_ALIGNMENTS];
  memcpy(key, numbers, LT_KEY * sizeof *key);
  memcpy(key + LT_KEY, alignments, LT_ALIGNMENTS * sizeof *key);
  *out = (struct lt_plan *)rt_plans_find(&own->plans, key);
  if (*out) return AICC_OK;
  struct lt_plan *p = calloc(1, sizeof *p);
  if (!p) return rt_error(AICC_ERROR_MEMORY, "out of memory");
  cublasStatus_t status = make_desc(&p->desc, numbers);
  if (status == CUBLAS_STATUS_SUCCESS) status = make_layouts(p, numbers);
  if (status == CUBLAS_STATUS_SUCCESS) status = choose(p, own->handle, numbers, alignments);
  if (status != CUBLAS_STATUS_SUCCESS) {
    lt_plan_destroy(&p->base);
    return lt_check(status, "cuBLASLt cannot plan a product of matrices", range);
  }
  *out = p;
  return rt_plans_add(&own->plans, key, &p->base);
}

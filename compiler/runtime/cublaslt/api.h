/* api.h: the part of NVIDIA's cuBLASLt that is used, declared here: no header of it is needed to compile a model, and no
 * library to load it. Names, numbers and structs are those of its documented interface (cuBLAS, "Using the cuBLASLt
 * API", CUDA 12.0 and later). */
#ifndef AICC_CUBLASLT_API_H
#define AICC_CUBLASLT_API_H

#include <stddef.h>
#include <stdint.h>

typedef int cublasStatus_t;
typedef struct cublasLtContext *cublasLtHandle_t;
typedef struct lt_opaque *cublasLtMatmulDesc_t, *cublasLtMatrixLayout_t, *cublasLtMatmulPreference_t;

typedef struct {
  uint64_t data[8];
} cublasLtMatmulAlgo_t;

typedef struct {
  cublasLtMatmulAlgo_t algo;
  size_t workspaceSize;
  cublasStatus_t state;
  float wavesCount;
  int reserved[4];
} cublasLtMatmulHeuristicResult_t;

enum {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_SUPPORTED = 15,
  CUDA_R_32F = 0,
  CUDA_R_16F = 2,
  CUDA_R_8I = 3,
  CUDA_R_32I = 10,
  CUDA_R_16BF = 14,
  CUBLAS_COMPUTE_32F = 68,
  CUBLAS_COMPUTE_32I = 72,
  CUBLAS_COMPUTE_32F_FAST_TF32 = 77,
  CUBLAS_OP_N = 0,
  CUBLAS_OP_T = 1,
  CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT = 5,          /* int32_t */
  CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET = 6, /* int64_t */
  CUBLASLT_MATMUL_DESC_TRANSA = 3,                 /* int32_t */
  CUBLASLT_MATMUL_DESC_TRANSB = 4,                 /* int32_t */
  CUBLASLT_MATMUL_DESC_EPILOGUE = 7,               /* uint32_t */
  CUBLASLT_MATMUL_DESC_BIAS_POINTER = 8,           /* void * */
  CUBLASLT_EPILOGUE_DEFAULT = 1,
  CUBLASLT_EPILOGUE_RELU = 2,
  CUBLASLT_EPILOGUE_BIAS = 4,
  CUBLASLT_EPILOGUE_GELU = 32, /* by tanh */
  CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1,   /* uint64_t */
  CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3, /* uint32_t */
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5, /* uint32_t, as are the next */
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES = 6,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES = 7,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8,
  CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2,
  CUBLASLT_REDUCTION_SCHEME_MASK = 7,
};

/* name in the table, symbol, result, parameters */
#define AICC_CUBLASLT_FUNCTIONS(F)                                                                                    \
  F(version, cublasLtGetVersion, size_t, (void))                                                                      \
  F(status_name, cublasLtGetStatusName, const char *, (cublasStatus_t))                                               \
  F(status_text, cublasLtGetStatusString, const char *, (cublasStatus_t))                                             \
  F(create, cublasLtCreate, cublasStatus_t, (cublasLtHandle_t *))                                                     \
  F(destroy, cublasLtDestroy, cublasStatus_t, (cublasLtHandle_t))                                                     \
  F(desc_create, cublasLtMatmulDescCreate, cublasStatus_t, (cublasLtMatmulDesc_t *, int compute, int scale))          \
  F(desc_destroy, cublasLtMatmulDescDestroy, cublasStatus_t, (cublasLtMatmulDesc_t))                                  \
  F(desc_set, cublasLtMatmulDescSetAttribute, cublasStatus_t, (cublasLtMatmulDesc_t, int, const void *, size_t))      \
  F(layout_create, cublasLtMatrixLayoutCreate, cublasStatus_t,                                                        \
    (cublasLtMatrixLayout_t *, int type, uint64_t rows, uint64_t columns, int64_t step))                              \
  F(layout_destroy, cublasLtMatrixLayoutDestroy, cublasStatus_t, (cublasLtMatrixLayout_t))                            \
  F(layout_set, cublasLtMatrixLayoutSetAttribute, cublasStatus_t, (cublasLtMatrixLayout_t, int, const void *, size_t)) \
  F(preference_create, cublasLtMatmulPreferenceCreate, cublasStatus_t, (cublasLtMatmulPreference_t *))                \
  F(preference_destroy, cublasLtMatmulPreferenceDestroy, cublasStatus_t, (cublasLtMatmulPreference_t))                \
  F(preference_set, cublasLtMatmulPreferenceSetAttribute, cublasStatus_t,                                             \
    (cublasLtMatmulPreference_t, int, const void *, size_t))                                                          \
  F(heuristic, cublasLtMatmulAlgoGetHeuristic, cublasStatus_t,                                                        \
    (cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,  \
     cublasLtMatrixLayout_t, cublasLtMatmulPreference_t, int wanted, cublasLtMatmulHeuristicResult_t *, int *found))  \
  F(matmul, cublasLtMatmul, cublasStatus_t,                                                                           \
    (cublasLtHandle_t, cublasLtMatmulDesc_t, const void *alpha, const void *a, cublasLtMatrixLayout_t, const void *b, \
     cublasLtMatrixLayout_t, const void *beta, const void *c, cublasLtMatrixLayout_t, void *d,                        \
     cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t *, void *workspace, size_t, void *stream))

#endif

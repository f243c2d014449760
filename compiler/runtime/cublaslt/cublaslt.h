/* cublaslt.h: what generated code and this part of the runtime promise each other. Not part of the public interface. */
#ifndef AICC_CUBLASLT_H
#define AICC_CUBLASLT_H

#include "../model.h"

/* A product of matrices by rows: out[rows, columns] = left[rows, sums] * right[sums, columns], then the bias (one number
 * a column) and the activation, as `batches` of them. Element i, j of an operand is at offset + i * (a step) + j, or, of a
 * left or right one that is `turned`, at offset + j * (a step) + i. All numbers in elements.
 * In the order of passes/gpu/library_calls.py. */
enum aicc_cublaslt_number {
  AICC_LT_ELEMENT, /* of left and right: enum aicc_cublaslt_element */
  AICC_LT_RESULT,  /* of out and bias */
  AICC_LT_TF32,    /* operands of f32 may be rounded */
  AICC_LT_LEFT_TURNED,
  AICC_LT_RIGHT_TURNED,
  AICC_LT_HAS_BIAS,
  AICC_LT_ACTIVATION, /* enum aicc_cublaslt_activation */
  AICC_LT_WORKSPACE_BYTES,
  AICC_LT_ROWS,
  AICC_LT_COLUMNS,
  AICC_LT_SUMS,
  AICC_LT_BATCHES,
  AICC_LT_LEFT_STEP,
  AICC_LT_RIGHT_STEP,
  AICC_LT_OUT_STEP,
  AICC_LT_LEFT_BATCH, /* elements from one of the batch to the next; 0: the same for all */
  AICC_LT_RIGHT_BATCH,
  AICC_LT_OUT_BATCH,
  AICC_LT_LEFT_OFFSET,
  AICC_LT_RIGHT_OFFSET,
  AICC_LT_OUT_OFFSET,
  AICC_LT_BIAS_OFFSET,
  AICC_LT_LEFT, /* addresses, without the offsets */
  AICC_LT_RIGHT,
  AICC_LT_OUT,
  AICC_LT_BIAS, /* 0: none */
  AICC_LT_WORKSPACE,
  AICC_LT_NUMBERS
};

enum aicc_cublaslt_element { AICC_LT_F32, AICC_LT_F16, AICC_LT_BF16, AICC_LT_I8, AICC_LT_I32 };
enum aicc_cublaslt_activation { AICC_LT_NONE, AICC_LT_RELU, AICC_LT_GELU_TANH };

/* Puts the product on the context's stream. 0: the library has no algorithm for it, and nothing was done. `range` is
 * `k_…_range` of the kernel it is part of, by which messages and profiles know it. */
int32_t aicc_cublaslt_matmul(void *ctx, aicc_range_fn range, const int64_t *numbers);

#endif

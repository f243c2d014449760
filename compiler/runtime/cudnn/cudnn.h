/* cudnn.h: what generated code and this part of the runtime promise each other. Not part of the public interface. */
#ifndef AICC_CUDNN_H
#define AICC_CUDNN_H

#include "../model.h"

enum { AICC_DNN_SPATIAL = 3, AICC_DNN_RANK = AICC_DNN_SPATIAL + 2, AICC_DNN_STEPS = 6, AICC_DNN_OPERANDS = 4 };
enum aicc_cudnn_element { AICC_DNN_F32, AICC_DNN_F16, AICC_DNN_BF16 };
enum aicc_cudnn_op {
  AICC_DNN_ADD,
  AICC_DNN_MUL,
  AICC_DNN_RELU,
  AICC_DNN_SIGMOID,
  AICC_DNN_TANH,
  AICC_DNN_SWISH,
  AICC_DNN_GELU,
  AICC_DNN_GELU_TANH,
  AICC_DNN_ELU
};

/* Of what is computed after the convolution, in f32. */
struct aicc_cudnn_step {
  int64_t op;                  /* enum aicc_cudnn_op */
  int64_t operand;             /* number; -1: none */
  int64_t lower, upper, slope; /* of ReLU: the bits of doubles */
};

/* A convolution; passes/gpu/library_convolutions.py says what it computes and writes this. Lists are by spatial axis; sizes
 * and steps (in elements) by image, channel (of w: filter, channel) and spatial axis; unused entries are 0. */
struct aicc_cudnn_call {
  int64_t element; /* of x and w: enum aicc_cudnn_element */
  int64_t result;  /* of out and operands */
  int64_t tf32;    /* operands of f32 may be rounded */
  int64_t spatial; /* axes: 2 or 3 */
  int64_t groups;
  int64_t n_steps;
  int64_t strides[AICC_DNN_SPATIAL], dilations[AICC_DNN_SPATIAL], low[AICC_DNN_SPATIAL], high[AICC_DNN_SPATIAL];
  struct aicc_cudnn_step steps[AICC_DNN_STEPS];
  int64_t workspace_bytes; /* at most */
  int64_t x_sizes[AICC_DNN_RANK], w_sizes[AICC_DNN_RANK], out_sizes[AICC_DNN_RANK];
  int64_t x_steps[AICC_DNN_RANK], w_steps[AICC_DNN_RANK], out_steps[AICC_DNN_RANK];
  int64_t by_filter[AICC_DNN_OPERANDS]; /* the operand has a number for each filter, else for each result */
  int64_t operand_steps[AICC_DNN_OPERANDS][AICC_DNN_RANK];
  int64_t x, w, out, operands[AICC_DNN_OPERANDS]; /* addresses */
};

/* Puts the convolution on the context's stream. 0: the library has no plan for it, and nothing was done. `range` is
 * `k_…_range` of the kernel it is part of, by which messages and profiles know it. */
int32_t aicc_cudnn_convolution(void *ctx, aicc_range_fn range, const int64_t *call);

#endif

/* What tests read of the stand-in for cuBLASLt, and what they tell it. */
#ifndef FAKE_CUBLASLT_H
#define FAKE_CUBLASLT_H

#include <stdint.h>

/* Of the last call of cublasLtMatmul; the sizes are those of the transposed product that was asked for. */
struct fake_call {
  int64_t rows, columns, sums, batches, a_step, b_step, d_step, a_batch, b_batch, d_batch;
  int64_t a_type, d_type, compute, turned_a, turned_b, epilogue, workspace, reductions, a_alignment, b_alignment, d_alignment;
};
struct fake_cublaslt {
  int64_t handles, descs, layouts, preferences; /* now */
  int64_t created, heuristics, matmuls;         /* since the last reset */
  int64_t version, create_status, heuristic_status, matmul_status, no_algorithm; /* settings */
  struct fake_call last;
};

#endif

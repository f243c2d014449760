/* What tests read of the stand-in for cuDNN, and what they tell it. */
#ifndef FAKE_CUDNN_H
#define FAKE_CUDNN_H

#include <stdint.h>

enum { FAKE_RANK = 5, FAKE_STEPS = 8 };

/* Of the last execution. Lists as the library has them: (image or filter, channel, spatial…). */
struct fake_cudnn_call {
  int64_t rank, element, result, n_steps, engine, x_alignment, out_alignment;
  int64_t x[FAKE_RANK], w[FAKE_RANK], y[FAKE_RANK];
  int64_t strides[FAKE_RANK], dilations[FAKE_RANK], low[FAKE_RANK], high[FAKE_RANK];
  int64_t modes[FAKE_STEPS];   /* pointwise */
  int64_t filters[FAKE_STEPS]; /* 1: by filter, 0: by result, -1: without operand */
};
struct fake_cudnn {
  int64_t handles, descriptors;          /* now */
  int64_t created, graphs, executions;   /* since the last reset */
  int64_t seen;                          /* the same, bits: pointwise modes, those from 100 on from bit 8 */
  int64_t version, cuda, create_status, graph_status, plan_status, execute_status; /* settings */
  int64_t proposals;       /* of the heuristics; 0: none, not even as a fallback */
  int64_t notes;           /* of engine 0, bits: what others say nothing of */
  int64_t workspace_wanted; /* by plans of engine 0 */
  struct fake_cudnn_call last;
};

#endif

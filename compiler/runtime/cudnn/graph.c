/* A call as a graph of the library: the convolution, then a pointwise operation for each step; what lies between them is
 * virtual and of f32. */
#include <float.h>
#include <string.h>

#include "library.h"

static int type_of(int64_t element) {
  static const int types[] = {CUDNN_DATA_FLOAT, CUDNN_DATA_HALF, CUDNN_DATA_BFLOAT16};
  return types[element];
}

struct tensor {
  int64_t name, element, alignment;
  const int64_t *sizes, *steps;
  bool virtual;
};

static cudnnBackendDescriptor_t make_tensor(struct dnn_group *g, const struct tensor *t, int64_t rank) {
  cudnnBackendDescriptor_t d = dnn_make(g, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  dnn_set_int(g, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, t->name);
  dnn_set_kind(g, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type_of(t->element));
  dnn_set_int(g, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, t->alignment);
  dnn_set(g, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, rank, t->sizes);
  dnn_set(g, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, rank, t->steps);
  dnn_set(g, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &t->virtual);
  dnn_finalize(g, d);
  return d;
}

static cudnnBackendDescriptor_t make_convolution(struct dnn_group *g, const struct aicc_cudnn_call *c,
                                                 cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t w,
                                                 cudnnBackendDescriptor_t y) {
  const float one = 1, zero = 0;
  cudnnBackendDescriptor_t d = dnn_make(g, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  dnn_set_kind(g, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  dnn_set_kind(g, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION);
  dnn_set_int(g, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, c->spatial);
  dnn_set(g, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, c->spatial, c->strides);
  dnn_set(g, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, c->spatial, c->dilations);
  dnn_set(g, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, c->spatial, c->low);
  dnn_set(g, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, c->spatial, c->high);
  dnn_finalize(g, d);
  cudnnBackendDescriptor_t op = dnn_make(g, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  dnn_set_descriptor(g, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, d);
  dnn_set_descriptor(g, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x);
  dnn_set_descriptor(g, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w);
  dnn_set_descriptor(g, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y);
  dnn_set(g, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1, &one);
  dnn_set(g, op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 1, &zero);
  dnn_finalize(g, op);
  return op;
}

static double double_of(int64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static cudnnBackendDescriptor_t make_step(struct dnn_group *g, const struct aicc_cudnn_step *s, cudnnBackendDescriptor_t x,
                                          cudnnBackendDescriptor_t b, cudnnBackendDescriptor_t y) {
  static const int modes[] = {
      CUDNN_POINTWISE_ADD,       CUDNN_POINTWISE_MUL,      CUDNN_POINTWISE_RELU_FWD,
      CUDNN_POINTWISE_SIGMOID_FWD, CUDNN_POINTWISE_TANH_FWD, CUDNN_POINTWISE_SWISH_FWD,
      CUDNN_POINTWISE_GELU_FWD,  CUDNN_POINTWISE_GELU_APPROX_TANH_FWD, CUDNN_POINTWISE_ELU_FWD,
  };
  cudnnBackendDescriptor_t d = dnn_make(g, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  dnn_set_kind(g, d, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, modes[s->op]);
  dnn_set_kind(g, d, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  if (s->op == AICC_DNN_RELU) {
    const double lower = double_of(s->lower), upper = double_of(s->upper), slope = double_of(s->slope);
    dnn_set_kind(g, d, CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION, CUDNN_PROPAGATE_NAN);
    if (lower != 0) dnn_set(g, d, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, CUDNN_TYPE_DOUBLE, 1, &lower);
    if (upper < DBL_MAX) dnn_set(g, d, CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, CUDNN_TYPE_DOUBLE, 1, &upper);
    if (slope != 0) dnn_set(g, d, CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, CUDNN_TYPE_DOUBLE, 1, &slope);
  }
  dnn_finalize(g, d);
  cudnnBackendDescriptor_t op = dnn_make(g, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  dnn_set_descriptor(g, op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, d);
  dnn_set_descriptor(g, op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
  if (b) dnn_set_descriptor(g, op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
  dnn_set_descriptor(g, op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  dnn_finalize(g, op);
  return op;
}

static cudnnBackendDescriptor_t make_operand(struct dnn_group *g, const struct aicc_cudnn_call *c, int64_t number,
                                             int64_t alignment) {
  int64_t sizes[AICC_DNN_RANK], steps[AICC_DNN_RANK];
  const int64_t filters = c->out_sizes[1];
  for (int i = 0; i < AICC_DNN_RANK; i++) {
    sizes[i] = c->by_filter[number] ? (i == 1 ? filters : 1) : c->out_sizes[i];
    steps[i] = c->by_filter[number] ? (i == 1 ? 1 : filters) : c->operand_steps[number][i];
  }
  return make_tensor(g, &(struct tensor){DNN_OPERAND + number, c->result, alignment, sizes, steps, false}, c->spatial + 2);
}

cudnnBackendDescriptor_t dnn_graph(struct dnn_group *g, cudnnHandle_t handle, const struct aicc_cudnn_call *c,
                                   const int64_t *alignments) {
  const int64_t rank = c->spatial + 2;
  cudnnBackendDescriptor_t ops[1 + AICC_DNN_STEPS];
  cudnnBackendDescriptor_t x = make_tensor(g, &(struct tensor){DNN_X, c->element, alignments[0], c->x_sizes, c->x_steps, false}, rank);
  cudnnBackendDescriptor_t w = make_tensor(g, &(struct tensor){DNN_W, c->element, alignments[1], c->w_sizes, c->w_steps, false}, rank);
  cudnnBackendDescriptor_t y = NULL;
  for (int64_t i = 0; i <= c->n_steps; i++) {
    const struct tensor last = {DNN_OUT, c->result, alignments[2], c->out_sizes, c->out_steps, false};
    const struct tensor between = {DNN_VIRTUAL + i, AICC_DNN_F32, 16, c->out_sizes, c->out_steps, true};
    cudnnBackendDescriptor_t next = make_tensor(g, i == c->n_steps ? &last : &between, rank), b = NULL;
    if (i == 0) {
      ops[i] = make_convolution(g, c, x, w, next);
    } else {
      const struct aicc_cudnn_step *s = &c->steps[i - 1];
      if (s->operand >= 0) b = make_operand(g, c, s->operand, alignments[3 + s->operand]);
      ops[i] = make_step(g, s, y, b, next);
    }
    y = next;
  }
  cudnnBackendDescriptor_t graph = dnn_make(g, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  dnn_set(g, graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
  dnn_set(g, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, c->n_steps + 1, ops);
  dnn_finalize(g, graph);
  return graph;
}

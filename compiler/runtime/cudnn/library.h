/* library.h: what the files of this part share. */
#ifndef AICC_CUDNN_LIBRARY_H
#define AICC_CUDNN_LIBRARY_H

#include "../runtime.h"
#include "../vendor/library.h"
#include "../vendor/plans.h"
#include "api.h"
#include "cudnn.h"

/* The library's functions, once it is open. */
struct dnn_functions {
#define FIELD(name, symbol, result, parameters) result(*name) parameters;
  AICC_CUDNN_FUNCTIONS(FIELD)
#undef FIELD
};
extern struct dnn_functions dnn;

/* ---- library.c ---- */

int32_t dnn_open(void);
/* AICC_OK, or an error that says what failed, and of which node: the first that the kernel of `range` computes (NULL:
 * none in particular). */
int32_t dnn_check(cudnnStatus_t status, const char *what, aicc_range_fn range);
/* Whether a status says that the library does not do what is asked for. */
bool dnn_refuses(cudnnStatus_t status);

/* ---- descriptors.c ---- */

enum { DNN_DESCRIPTORS = 96 };

/* Descriptors that live together. After a failure `status` keeps it, and nothing more is done. */
struct dnn_group {
  cudnnBackendDescriptor_t all[DNN_DESCRIPTORS];
  int32_t count;
  cudnnStatus_t status;
};
cudnnBackendDescriptor_t dnn_make(struct dnn_group *g, cudnnBackendDescriptorType_t type);
void dnn_set(struct dnn_group *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
             cudnnBackendAttributeType_t type, int64_t count, const void *values);
void dnn_set_int(struct dnn_group *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, int64_t value);
/* Of an enumeration. */
void dnn_set_kind(struct dnn_group *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, int value);
void dnn_set_descriptor(struct dnn_group *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                        cudnnBackendDescriptor_t value);
void dnn_finalize(struct dnn_group *g, cudnnBackendDescriptor_t d);
void dnn_drop(struct dnn_group *g);

/* ---- graph.c ---- */

enum { DNN_X = 1, DNN_W, DNN_OUT, DNN_OPERAND, DNN_VIRTUAL = 100 }; /* names of tensors in the graph */
enum { DNN_TENSORS = 3 + AICC_DNN_OPERANDS };

/* The operations of a call, as one graph. `alignments` are in bytes: x, w, out, operands. */
cudnnBackendDescriptor_t dnn_graph(struct dnn_group *g, cudnnHandle_t handle, const struct aicc_cudnn_call *call,
                                   const int64_t *alignments);

/* ---- plans.c ---- */

enum { DNN_NUMBERS = offsetof(struct aicc_cudnn_call, x) / sizeof(int64_t), DNN_KEY = DNN_NUMBERS + DNN_TENSORS };

/* For all calls with the same numbers and alignments. */
struct dnn_plan {
  struct rt_plan base;
  struct dnn_group group;
  cudnnBackendDescriptor_t plan; /* NULL: the library has none */
  int64_t workspace;             /* bytes */
  int32_t n_tensors;             /* that take part: x, w, out, operands */
};

/* A context's. */
struct rt_cudnn {
  cudnnHandle_t handle;
  struct rt_plans plans;
};

/* The plan for a call, made if there is none yet. */
int32_t dnn_plan_find(struct rt_cudnn *own, const struct aicc_cudnn_call *call, const int64_t *alignments,
                      aicc_range_fn range, struct dnn_plan **out);
void dnn_plan_destroy(struct rt_plan *plan);

#endif

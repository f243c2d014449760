/* Descriptors of the library's backend: made, filled and dropped together. */
#include "library.h"

cudnnBackendDescriptor_t dnn_make(struct dnn_group *g, cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t d = NULL;
  if (g->status == CUDNN_STATUS_SUCCESS && g->count == DNN_DESCRIPTORS) g->status = CUDNN_STATUS_INTERNAL_ERROR;
  if (g->status != CUDNN_STATUS_SUCCESS) return NULL;
  g->status = dnn.make(type, &d);
  if (g->status != CUDNN_STATUS_SUCCESS) return NULL;
  g->all[g->count++] = d;
  return d;
}

void dnn_set(struct dnn_group *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
             cudnnBackendAttributeType_t type, int64_t count, const void *values) {
  if (g->status == CUDNN_STATUS_SUCCESS) g->status = dnn.set(d, name, type, count, values);
}

void dnn_set_int(struct dnn_group *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, int64_t value) {
  dnn_set(g, d, name, CUDNN_TYPE_INT64, 1, &value);
}

void dnn_set_kind(struct dnn_group *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, int value) {
  dnn_set(g, d, name, type, 1, &value);
}

void dnn_set_descriptor(struct dnn_group *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                        cudnnBackendDescriptor_t value) {
  dnn_set(g, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

void dnn_finalize(struct dnn_group *g, cudnnBackendDescriptor_t d) {
  if (g->status == CUDNN_STATUS_SUCCESS) g->status = dnn.finalize(d);
}

void dnn_drop(struct dnn_group *g) {
  while (g->count) dnn.drop(g->all[--g->count]);
}

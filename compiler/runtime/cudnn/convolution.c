/* Convolutions by cuDNN, and what a context keeps for them. */
#include <stdlib.h>

#include "library.h"

enum { MOST_ALIGNMENT = 16 };

static int32_t open_context(aicc_context *ctx) {
  struct rt_cudnn *own = calloc(1, sizeof *own);
  if (!own) return rt_error(AICC_ERROR_MEMORY, "out of memory");
  own->plans = (struct rt_plans){.numbers = DNN_KEY, .destroy = dnn_plan_destroy};
  int32_t status = dnn_open();
  /* A context's own: the stream is the handle's, and contexts run on threads of their own. */
  if (status == AICC_OK) status = dnn_check(dnn.create(&own->handle), "cuDNN cannot be used on this device", NULL);
  if (status == AICC_OK)
    ctx->vendors[RT_CUDNN] = own;
  else
    free(own);
  return status;
}

static void close_context(aicc_context *ctx) {
  struct rt_cudnn *own = ctx->vendors[RT_CUDNN];
  if (!own) return;
  rt_plans_clear(&own->plans);
  dnn.destroy(own->handle);
  free(own);
  ctx->vendors[RT_CUDNN] = NULL;
}

static const struct rt_vendor_part part = {open_context, close_context};

__attribute__((constructor)) static void add_part(void) { rt_vendor_parts[RT_CUDNN] = &part; }

/* As many results as there are windows, and rows of memory that do not overlap. */
static bool is_convolution(const struct aicc_cudnn_call *c) {
  for (int64_t i = 0; i < c->spatial; i++) {
    const int64_t reach = (c->w_sizes[2 + i] - 1) * c->dilations[i] + 1;
    const int64_t room = c->x_sizes[2 + i] + c->low[i] + c->high[i] - reach;
    if (room < 0 || room / c->strides[i] + 1 != c->out_sizes[2 + i]) return false;
  }
  for (int64_t i = 0; i < c->spatial + 2; i++)
    if (c->x_steps[i] <= 0 || c->w_steps[i] <= 0 || c->out_steps[i] <= 0) return false;
  return true;
}

static cudnnStatus_t execute(struct rt_cudnn *own, const struct dnn_plan *p, const struct aicc_cudnn_call *c,
                             void *workspace, void *stream) {
  static const int64_t names[DNN_TENSORS] = {DNN_X, DNN_W, DNN_OUT, DNN_OPERAND, DNN_OPERAND + 1, DNN_OPERAND + 2, DNN_OPERAND + 3};
  void *pointers[DNN_TENSORS] = {(void *)(intptr_t)c->x, (void *)(intptr_t)c->w, (void *)(intptr_t)c->out};
  for (int i = 0; i < AICC_DNN_OPERANDS; i++) pointers[3 + i] = (void *)(intptr_t)c->operands[i];
  struct dnn_group g = {.count = 0};
  cudnnBackendDescriptor_t pack = dnn_make(&g, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  dnn_set(&g, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, p->n_tensors, names);
  dnn_set(&g, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, p->n_tensors, pointers);
  dnn_set(&g, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
  dnn_finalize(&g, pack);
  if (!g.status) g.status = dnn.set_stream(own->handle, stream);
  if (!g.status) g.status = dnn.execute(own->handle, p->plan, pack);
  dnn_drop(&g);
  return g.status;
}

int32_t aicc_cudnn_convolution(void *context, aicc_range_fn range, const int64_t *numbers) {
  const struct aicc_cudnn_call *c = (const struct aicc_cudnn_call *)numbers;
  aicc_context *ctx = context;
  struct rt_cudnn *own = ctx->vendors[RT_CUDNN];
  for (int64_t i = 0; i < c->spatial + 2; i++)
    if (!c->out_sizes[i]) return 1;
  if (!is_convolution(c)) return 0;
  int64_t alignments[DNN_TENSORS] = {rt_alignment((void *)(intptr_t)c->x, MOST_ALIGNMENT),
                                     rt_alignment((void *)(intptr_t)c->w, MOST_ALIGNMENT),
                                     rt_alignment((void *)(intptr_t)c->out, MOST_ALIGNMENT)};
  for (int i = 0; i < AICC_DNN_OPERANDS; i++)
    alignments[3 + i] = rt_alignment((void *)(intptr_t)c->operands[i], MOST_ALIGNMENT);
  struct dnn_plan *p = NULL;
  int32_t status = dnn_plan_find(own, c, alignments, range, &p);
  if (status != AICC_OK) rt_end_run(ctx, status);
  if (!p->plan) return 0;
  void *workspace = p->workspace ? aicc_buffer_acquire(ctx, p->workspace) : NULL;
  void *stream = rt_device_begin_call(ctx);
  cudnnStatus_t result = execute(own, p, c, workspace, stream);
  rt_device_end_call(ctx, range);
  if (workspace) aicc_buffer_release(ctx, workspace); /* to what comes later on the stream */
  status = dnn_check(result, "cuDNN cannot compute a convolution", range);
  if (status != AICC_OK) rt_end_run(ctx, status);
  return 1;
}

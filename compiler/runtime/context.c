/* Contexts and runs. All memory of a run is the context's; the only state beside it is the mapped weights. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

const struct rt_vendor_part *rt_vendor_parts[RT_VENDORS];

int32_t rt_vendors_open(aicc_context *ctx) {
  int32_t status = AICC_OK;
  for (int32_t i = 0; i < RT_VENDORS && status == AICC_OK; i++)
    if (rt_vendor_parts[i]) status = rt_vendor_parts[i]->open(ctx);
  return status;
}

void rt_vendors_close(aicc_context *ctx) {
  for (int32_t i = 0; i < RT_VENDORS; i++)
    if (rt_vendor_parts[i]) rt_vendor_parts[i]->close(ctx);
}

int64_t rt_total_rank(const struct aicc_tensor_desc *tensors, int32_t count) {
  int64_t rank = 0;
  for (int32_t i = 0; i < count; i++) rank += tensors[i].info.ndim;
  return rank;
}

static void *zeros(int64_t count, size_t size) { return calloc(count ? (size_t)count : 1, size); }

static bool allocate(aicc_context *ctx) {
  const struct aicc_model_desc *m = &aicc_model;
  ctx->pool = rt_pool_create();
  ctx->outputs = zeros(m->n_outputs, sizeof *ctx->outputs);
  ctx->given = zeros(m->n_inputs, sizeof *ctx->given);
  ctx->pointers = zeros((int64_t)m->n_inputs + m->n_outputs, sizeof *ctx->pointers);
  ctx->spans = zeros((int64_t)m->n_inputs + m->n_outputs, sizeof *ctx->spans);
  ctx->dims = zeros(rt_total_rank(m->inputs, m->n_inputs), sizeof *ctx->dims);
  ctx->out_dims = zeros(rt_total_rank(m->outputs, m->n_outputs), sizeof *ctx->out_dims);
  ctx->symbol_values = zeros(m->n_symbols, sizeof *ctx->symbol_values);
  ctx->symbol_sources = zeros(m->n_symbols, sizeof *ctx->symbol_sources);
  ctx->strings = rt_strings_create();
  if (!ctx->pool || !ctx->strings || !ctx->outputs || !ctx->given || !ctx->pointers || !ctx->spans || !ctx->dims ||
      !ctx->out_dims || !ctx->symbol_values || !ctx->symbol_sources)
    return false;
  for (int32_t i = 0; i < m->n_outputs; i++)
    if (!(ctx->outputs[i].dims = zeros(m->outputs[i].info.ndim, sizeof(int64_t)))) return false;
  return true;
}

int32_t rt_context_create(aicc_context **out, DLDevice where) {
  const struct aicc_model_desc *m = &aicc_model;
  if (!out) return rt_error(AICC_ERROR_ARGUMENT, "aicc_context_create: out is NULL");
  *out = NULL;
  if (m->magic != AICC_MODEL_MAGIC || m->version != AICC_MODEL_VERSION)
    return rt_error(AICC_ERROR_ABI, "the model was generated for version %u of the runtime, this is %u", m->version,
                    AICC_MODEL_VERSION);
  int32_t status = rt_check_cpu(m->cpu_features);
  if (status != AICC_OK) return status;
  aicc_context *ctx = calloc(1, sizeof *ctx);
  if (!ctx || !allocate(ctx)) {
    rt_context_destroy(ctx);
    return rt_error(AICC_ERROR_MEMORY, "out of memory");
  }
  ctx->buffers.owner = ctx;
  status = rt_weights_use(&ctx->weights);
  ctx->weights_used = status == AICC_OK;
  if (status == AICC_OK) status = rt_device_open(ctx, where);
  if (status != AICC_OK)
    rt_context_destroy(ctx);
  else
    *out = ctx;
  return status;
}

void rt_context_destroy(aicc_context *ctx) {
  if (!ctx) return;
  rt_pool_destroy(ctx->pool);
  rt_profile_free(ctx->profile);
  rt_buffers_free(&ctx->buffers);
  rt_device_put(ctx, ctx->counters, AICC_COUNTERS * sizeof(uint32_t));
  rt_strings_free(ctx->strings);
  rt_sequences_free(ctx->sequences);
  if (ctx->outputs) {
    for (int32_t i = 0; i < aicc_model.n_outputs; i++) {
      rt_device_put(ctx, ctx->outputs[i].data, ctx->outputs[i].bytes);
      free(ctx->outputs[i].dims);
    }
  }
  rt_device_close(ctx);
  if (ctx->weights_used) rt_weights_release();
  free(ctx->outputs);
  free(ctx->given);
  free(ctx->pointers);
  free(ctx->spans);
  free(ctx->dims);
  free(ctx->out_dims);
  free(ctx->symbol_values);
  free(ctx->symbol_sources);
  free(ctx);
}

int64_t rt_context_bytes(const aicc_context *ctx) {
  int64_t bytes = aicc_model.arena_bytes + rt_pool_bytes(ctx->pool) + ctx->buffers.bytes;
  bytes += rt_strings_bytes(ctx->strings) + rt_sequences_bytes(ctx->sequences);
  for (int32_t i = 0; i < aicc_model.n_outputs; i++) bytes += ctx->outputs[i].bytes;
  return bytes;
}

int32_t rt_context_lock(aicc_context *ctx) {
  if (!ctx) return rt_error(AICC_ERROR_ARGUMENT, "the context is NULL");
  if (atomic_exchange_explicit(&ctx->running, 1, memory_order_acquire))
    return rt_error(AICC_ERROR_BUSY, "the context is running on another thread: create one per thread");
  return AICC_OK;
}

void rt_context_unlock(aicc_context *ctx) { atomic_store_explicit(&ctx->running, 0, memory_order_release); }

int32_t rt_context_output_dims(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs, int64_t *dims) {
  inputs = rt_with_defaults(ctx, inputs, n_inputs);
  int32_t status = rt_check_inputs(ctx, inputs, n_inputs, false);
  if (status == AICC_OK) status = rt_compute_output_dims(ctx);
  if (status != AICC_OK) return status;
  int64_t rank = rt_total_rank(aicc_model.outputs, aicc_model.n_outputs);
  if (rank && !dims) return rt_error(AICC_ERROR_ARGUMENT, "dims are NULL");
  if (rank) memcpy(dims, ctx->out_dims, (size_t)rank * sizeof *dims);
  return AICC_OK;
}

/* ---- outputs ---- */

bool rt_output_reserve(aicc_context *ctx, int32_t index, int64_t bytes) {
  struct rt_output *o = &ctx->outputs[index];
  if (bytes < 0) return false;
  if (o->data && bytes <= o->bytes) return true;
  rt_device_put(ctx, o->data, o->bytes);
  o->bytes = 0;
  o->data = rt_device_get(ctx, bytes);
  if (o->data) o->bytes = bytes;
  return o->data != NULL;
}

static int32_t no_output_memory(const aicc_context *ctx, int32_t index) {
  return rt_error(AICC_ERROR_MEMORY, "out of memory for output '%s'%s", aicc_model.outputs[index].info.name,
                  rt_device_room(ctx));
}

static int32_t prepare_outputs(aicc_context *ctx, DLTensor *outputs) {
  const int64_t *dims = ctx->out_dims;
  for (int32_t i = 0; i < aicc_model.n_outputs; i++) {
    const aicc_tensor_info *info = &aicc_model.outputs[i].info;
    void **pointer = &ctx->pointers[aicc_model.n_inputs + i];
    ctx->outputs[i].given = false;
    if (outputs[i].data) {
      int32_t status = rt_check_output(ctx, info, &outputs[i], dims, pointer);
      if (status != AICC_OK) return status;
    } else {
      bool known = true;
      for (int32_t d = 0; d < info->ndim; d++) known = known && dims[d] >= 0;
      *pointer = NULL;
      if (known) {
        if (!rt_output_reserve(ctx, i, rt_tensor_bytes(info->dtype, info->ndim, dims))) return no_output_memory(ctx, i);
        *pointer = ctx->outputs[i].data;
        if (info->ndim) memcpy(ctx->outputs[i].dims, dims, (size_t)info->ndim * sizeof *dims);
      }
    }
    dims += info->ndim;
  }
  return AICC_OK;
}

/* Describes the library-owned outputs to the caller. */
static int32_t hand_out(aicc_context *ctx, DLTensor *outputs) {
  for (int32_t i = 0; i < aicc_model.n_outputs; i++) {
    const aicc_tensor_info *info = &aicc_model.outputs[i].info;
    const bool strings = rt_is_string(info->dtype);
    if (outputs[i].data) {
      if (strings) rt_strings_write_output(ctx, ctx->pointers[aicc_model.n_inputs + i], info->ndim, outputs[i].shape);
      continue;
    }
    if (!ctx->pointers[aicc_model.n_inputs + i] && !ctx->outputs[i].given)
      return rt_error(AICC_ERROR_MODEL, "the model did not produce output '%s'", info->name);
    if (strings) rt_strings_write_output(ctx, ctx->outputs[i].data, info->ndim, ctx->outputs[i].dims);
    void *data;
    DLDevice device = rt_device_output(ctx, i, &data);
    outputs[i] = (DLTensor){.data = data,
                            .device = device,
                            .ndim = info->ndim,
                            .dtype = info->dtype,
                            .shape = ctx->outputs[i].dims};
  }
  return AICC_OK;
}

void *aicc_output_allocate(void *context, int32_t index, const int64_t *dims) {
  aicc_context *ctx = context;
  if (ctx->frame) return rt_frame_allocate(ctx, index, dims);
  const aicc_tensor_info *info = &aicc_model.outputs[index].info;
  struct rt_output *o = &ctx->outputs[index];
  int64_t bytes = rt_tensor_bytes(info->dtype, info->ndim, dims);
  if (!rt_output_reserve(ctx, index, bytes)) {
    rt_end_run(ctx, no_output_memory(ctx, index));
  }
  if (info->ndim) memcpy(o->dims, dims, (size_t)info->ndim * sizeof *dims);
  o->given = true;
  return o->data;
}

/* ---- runs ---- */

int32_t rt_call_main(aicc_context *ctx) {
  ctx->status = AICC_OK;
  ctx->frame = NULL;
  rt_pool_begin_run(ctx->pool);
  /* Generated code has no cleanups, so leaving it by longjmp loses nothing: buffers go back below. */
  if (!_setjmp(ctx->escape)) {
    int result = aicc_model.main(ctx, ctx->pointers, ctx->dims, ctx->weights, ctx->arena);
    if (result && ctx->status == AICC_OK) ctx->status = rt_error(AICC_ERROR_MODEL, "the model failed with status %d", result);
  }
  rt_buffers_end_run(&ctx->buffers);
  rt_sequences_forget(ctx->sequences);
  return ctx->status;
}

static int32_t run(aicc_context *ctx, const DLTensor *inputs, const DLTensor *outputs) {
  int64_t start = ctx->profiling ? rt_now() : 0;
  int32_t status = rt_device_run(ctx, inputs, outputs);
  if (ctx->profiling) rt_profile_add(ctx->profile, NULL, rt_now() - start, 0);
  return status;
}

int32_t rt_context_run(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs, DLTensor *outputs, int32_t n_outputs) {
  if (n_outputs != aicc_model.n_outputs)
    return rt_error(AICC_ERROR_ARGUMENT, "%d outputs given, the model has %d", n_outputs, aicc_model.n_outputs);
  if (n_outputs && !outputs) return rt_error(AICC_ERROR_ARGUMENT, "outputs are NULL");
  inputs = rt_with_defaults(ctx, inputs, n_inputs);
  int32_t status = rt_check_inputs(ctx, inputs, n_inputs, true);
  if (status == AICC_OK) status = rt_compute_output_dims(ctx);
  if (status == AICC_OK) status = prepare_outputs(ctx, outputs);
  if (status == AICC_OK) status = rt_check_overlaps(ctx, inputs, outputs);
  if (status == AICC_OK) {
    rt_strings_begin_run(ctx->strings);
    status = rt_strings_read_inputs(ctx);
    if (status != AICC_OK) rt_buffers_end_run(&ctx->buffers);
  }
  if (status == AICC_OK) status = run(ctx, inputs, outputs);
  return status == AICC_OK ? hand_out(ctx, outputs) : status;
}

void rt_end_run(aicc_context *ctx, int32_t status) {
  ctx->status = status;
  longjmp(ctx->escape, 1);
}

/* ---- called by generated code (model.h) ---- */

void aicc_parallel_for(void *context, aicc_range_fn range, void **args, int64_t tiles, int64_t grain, int64_t scratch_bytes) {
  aicc_context *ctx = context;
  int64_t start = ctx->profiling ? rt_now() : 0;
  if (!rt_pool_run(ctx->pool, range, args, tiles, grain, scratch_bytes)) {
    rt_end_run(ctx, rt_error(AICC_ERROR_MEMORY, "out of memory: a kernel needs %lld bytes per thread", (long long)scratch_bytes));
  }
  if (ctx->profiling) rt_profile_add(ctx->profile, range, rt_now() - start, tiles);
}

void aicc_parallel_steps(void *context, aicc_range_fn range, void **args, int64_t tiles, int64_t grain, int64_t steps,
                         int64_t scratch_bytes) {
  aicc_context *ctx = context;
  int64_t start = ctx->profiling ? rt_now() : 0;
  if (!rt_pool_run_steps(ctx->pool, range, args, tiles, grain, steps, scratch_bytes)) {
    rt_end_run(ctx, rt_error(AICC_ERROR_MEMORY, "out of memory: a kernel needs %lld bytes", (long long)scratch_bytes));
  }
  if (ctx->profiling) rt_profile_add(ctx->profile, range, rt_now() - start, tiles * steps);
}

void *aicc_buffer_acquire(void *context, int64_t bytes) {
  aicc_context *ctx = context;
  void *buffer = rt_buffers_acquire(&ctx->buffers, bytes);
  if (buffer) return buffer;
  rt_end_run(ctx, rt_error(AICC_ERROR_MEMORY, "out of memory: a buffer of %lld bytes%s", (long long)bytes, rt_device_room(ctx)));
}

void aicc_buffer_release(void *context, void *buffer) { rt_buffers_release(&((aicc_context *)context)->buffers, buffer); }

void *aicc_counters(void *context) {
  static const uint32_t zeros[AICC_COUNTERS];
  aicc_context *ctx = context;
  if (!ctx->counters && !(ctx->counters = rt_device_get(ctx, sizeof zeros)))
    rt_end_run(ctx, rt_error(AICC_ERROR_MEMORY, "out of memory: counters%s", rt_device_room(ctx)));
  if (!ctx->counters_zero) rt_device_write(ctx, ctx->counters, zeros, sizeof zeros);
  ctx->counters_zero = true;
  return ctx->counters;
}

void aicc_fail(void *context, int32_t status, const char *message) {
  aicc_context *ctx = context;
  if (ctx->status != AICC_OK) return;
  bool known = status > AICC_OK && status <= AICC_ERROR_LIBRARY;
  ctx->status = rt_error(known ? status : AICC_ERROR_MODEL, "%s", message ? message : "the model failed");
}

static void require(aicc_context *ctx, bool holds, int64_t first, int64_t second, const char *what) {
  if (!holds) rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "%s; here they are %lld and %lld", what, (long long)first, (long long)second));
}

void aicc_require_equal(void *ctx, int64_t first, int64_t second, const char *what) {
  require(ctx, first == second, first, second, what);
}

void aicc_require_at_least(void *ctx, int64_t size, int64_t least, const char *what) {
  require(ctx, size >= least, size, least, what);
}

void aicc_require_unequal(void *ctx, int64_t size, int64_t other, const char *what) {
  require(ctx, size != other, size, other, what);
}

void aicc_require_broadcast(void *ctx, int64_t size, int64_t over, const char *what) {
  require(ctx, size == 1 || size == over, size, over, what);
}

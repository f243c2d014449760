/* The public functions of aicc.h.
 *
 * Each is a local function and an exported name for it. The table refers to the local ones: an exported name
 * may be bound to that of another model in the process, if that one was linked or opened globally. */
#include "runtime.h"

#define API(result, name, parameters, arguments) \
  AICC_API result aicc_##name parameters { return name arguments; }

static const char *last_error(void) { return rt_last_error(); }
static const char *model_name(void) { return aicc_model.name; }
static const char *model_producer(void) { return aicc_model.producer; }
static const char *model_target(void) { return aicc_model.target; }
static const char *weights_path(void) { return rt_weights_path(); }
static int32_t abi_version(void) { return AICC_ABI_VERSION; }

API(const char *, last_error, (void), ())
API(const char *, model_name, (void), ())
API(const char *, model_producer, (void), ())
API(const char *, model_target, (void), ())
API(const char *, weights_path, (void), ())
API(int32_t, abi_version, (void), ())

/* ---- inputs, outputs, kernels ---- */

static int32_t input_count(void) { return aicc_model.n_inputs; }
static int32_t output_count(void) { return aicc_model.n_outputs; }

static const aicc_tensor_info *input_info(int32_t index) {
  return index >= 0 && index < aicc_model.n_inputs ? &aicc_model.inputs[index].info : NULL;
}

static const aicc_tensor_info *output_info(int32_t index) {
  return index >= 0 && index < aicc_model.n_outputs ? &aicc_model.outputs[index].info : NULL;
}

static int32_t kernel_count(void) { return aicc_model.n_kernels; }

static const aicc_kernel *kernel_info(int32_t index) {
  return index >= 0 && index < aicc_model.n_kernels ? &aicc_model.kernels[index].info : NULL;
}

static int32_t value_count(void) { return aicc_model.n_values; }

static const aicc_value *value_info(int32_t index) {
  return index >= 0 && index < aicc_model.n_values ? &aicc_model.values[index] : NULL;
}

static int32_t input_value_count(void) { return aicc_model.n_input_values; }

static const aicc_value *input_value_info(int32_t index) {
  return index >= 0 && index < aicc_model.n_input_values ? &aicc_model.input_values[index] : NULL;
}

static int32_t output_alias(int32_t index) {
  return aicc_model.aliases && index >= 0 && index < aicc_model.n_outputs ? aicc_model.aliases[index] : -1;
}

static int32_t input_has_default(int32_t index) { return index < aicc_model.n_inputs && rt_default(index) != NULL; }

API(int32_t, input_count, (void), ())
API(int32_t, output_count, (void), ())
API(const aicc_tensor_info *, input_info, (int32_t index), (index))
API(const aicc_tensor_info *, output_info, (int32_t index), (index))
API(int32_t, kernel_count, (void), ())
API(const aicc_kernel *, kernel_info, (int32_t index), (index))
API(int32_t, value_count, (void), ())
API(const aicc_value *, value_info, (int32_t index), (index))
API(int32_t, input_has_default, (int32_t index), (index))
API(int32_t, output_alias, (int32_t index), (index))
API(int32_t, input_value_count, (void), ())
API(const aicc_value *, input_value_info, (int32_t index), (index))

/* ---- contexts ---- */

static int32_t context_create(aicc_context **out) { return rt_context_create(out, (DLDevice){0}); }
static int32_t context_create_on(aicc_context **out, DLDevice device) { return rt_context_create(out, device); }
static DLDevice get_device(const aicc_context *ctx) { return ctx ? rt_device_of(ctx) : (DLDevice){0}; }
static int32_t null_context(void) { return rt_error(AICC_ERROR_ARGUMENT, "the context is NULL"); }

static int32_t set_num_threads(aicc_context *ctx, int32_t threads) {
  int32_t status = rt_context_lock(ctx);
  if (status != AICC_OK) return status;
  rt_pool_set_threads(ctx->pool, threads);
  rt_context_unlock(ctx);
  return AICC_OK;
}

static int32_t get_num_threads(const aicc_context *ctx) { return ctx ? rt_pool_threads(ctx->pool) : 0; }
static int64_t memory_bytes(const aicc_context *ctx) { return ctx ? rt_context_bytes(ctx) : 0; }

API(int32_t, context_create, (aicc_context * *out), (out))
API(int32_t, context_create_on, (aicc_context * *out, DLDevice device), (out, device))
API(DLDevice, get_device, (const aicc_context *ctx), (ctx))
API(int32_t, set_num_threads, (aicc_context * ctx, int32_t threads), (ctx, threads))
API(int32_t, get_num_threads, (const aicc_context *ctx), (ctx))
API(int64_t, memory_bytes, (const aicc_context *ctx), (ctx))
AICC_API void aicc_context_destroy(aicc_context *ctx) { rt_context_destroy(ctx); }

/* ---- running ---- */

static int32_t output_dims(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs, int64_t *dims) {
  int32_t status = rt_context_lock(ctx);
  if (status != AICC_OK) return status;
  status = rt_context_output_dims(ctx, inputs, n_inputs, dims);
  rt_context_unlock(ctx);
  return status;
}

static int32_t run(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs, DLTensor *outputs, int32_t n_outputs) {
  int32_t status = rt_context_lock(ctx);
  if (status != AICC_OK) return status;
  status = rt_context_run(ctx, inputs, n_inputs, outputs, n_outputs);
  rt_context_unlock(ctx);
  return status;
}

API(int32_t, output_dims, (aicc_context * ctx, const DLTensor *inputs, int32_t n_inputs, int64_t *dims),
    (ctx, inputs, n_inputs, dims))
API(int32_t, run,
    (aicc_context * ctx, const DLTensor *inputs, int32_t n_inputs, DLTensor *outputs, int32_t n_outputs),
    (ctx, inputs, n_inputs, outputs, n_outputs))

/* ---- memory and streams of the device ---- */

static int32_t allocate(aicc_context *ctx, int64_t bytes, void **out) {
  if (!ctx) return null_context();
  if (!out || bytes < 0) return rt_error(AICC_ERROR_ARGUMENT, "aicc_allocate: no place for the result, or fewer than no bytes");
  *out = rt_device_get(ctx, bytes);
  return *out ? AICC_OK : rt_error(AICC_ERROR_MEMORY, "out of memory: %lld bytes%s", (long long)bytes, rt_device_room(ctx));
}

static int32_t release(aicc_context *ctx, void *memory, int64_t bytes) {
  if (!ctx) return null_context();
  rt_device_put(ctx, memory, bytes);
  return AICC_OK;
}

static int32_t copy(aicc_context *ctx, void *target, const void *source, int64_t bytes) {
  if (!ctx) return null_context();
  return rt_device_copy(ctx, target, source, bytes);
}

static void *get_stream(const aicc_context *ctx) { return ctx ? rt_device_stream(ctx) : NULL; }

static int32_t set_stream(aicc_context *ctx, void *stream, int32_t wait) {
  int32_t status = rt_context_lock(ctx);
  if (status != AICC_OK) return status;
  status = rt_device_set_stream(ctx, stream, wait != 0);
  rt_context_unlock(ctx);
  return status;
}

API(int32_t, allocate, (aicc_context * ctx, int64_t bytes, void **out), (ctx, bytes, out))
API(int32_t, release, (aicc_context * ctx, void *memory, int64_t bytes), (ctx, memory, bytes))
API(int32_t, copy, (aicc_context * ctx, void *target, const void *source, int64_t bytes), (ctx, target, source, bytes))
API(void *, get_stream, (const aicc_context *ctx), (ctx))
API(int32_t, set_stream, (aicc_context * ctx, void *stream, int32_t wait), (ctx, stream, wait))

/* ---- profiling ---- */

static int32_t set_profiling(aicc_context *ctx, int32_t on) {
  int32_t status = rt_context_lock(ctx);
  if (status != AICC_OK) return status;
  ctx->profiling = false;
  if (on) {
    rt_profile_free(ctx->profile);
    ctx->profile = rt_profile_create();
    ctx->profiling = ctx->profile != NULL;
    if (!ctx->profile) status = rt_error(AICC_ERROR_MEMORY, "out of memory");
  }
  rt_context_unlock(ctx);
  return status;
}

static int32_t profile_count(const aicc_context *ctx) { return ctx ? rt_profile_count() : 0; }

static int32_t profile_get(const aicc_context *ctx, int32_t index, aicc_profile_entry *out) {
  if (!ctx) return null_context();
  if (!out || !rt_profile_get(ctx->profile, index, out))
    return rt_error(AICC_ERROR_ARGUMENT, "aicc_profile_get: no entry %d", index);
  return AICC_OK;
}

API(int32_t, set_profiling, (aicc_context * ctx, int32_t on), (ctx, on))
API(int32_t, profile_count, (const aicc_context *ctx), (ctx))
API(int32_t, profile_get, (const aicc_context *ctx, int32_t index, aicc_profile_entry *out), (ctx, index, out))

/* ---- the table ---- */

static const aicc_api table = {
    .abi_version = AICC_ABI_VERSION,
    .size = sizeof(aicc_api),
    .last_error = last_error,
    .model_name = model_name,
    .model_producer = model_producer,
    .model_target = model_target,
    .input_count = input_count,
    .output_count = output_count,
    .input_info = input_info,
    .output_info = output_info,
    .weights_path = weights_path,
    .context_create = context_create,
    .context_destroy = rt_context_destroy,
    .set_num_threads = set_num_threads,
    .get_num_threads = get_num_threads,
    .memory_bytes = memory_bytes,
    .output_dims = output_dims,
    .run = run,
    .set_profiling = set_profiling,
    .profile_count = profile_count,
    .profile_get = profile_get,
    .kernel_count = kernel_count,
    .kernel_info = kernel_info,
    .context_create_on = context_create_on,
    .get_device = get_device,
    .allocate = allocate,
    .release = release,
    .copy = copy,
    .get_stream = get_stream,
    .set_stream = set_stream,
    .value_count = value_count,
    .value_info = value_info,
    .input_value_count = input_value_count,
    .input_value_info = input_value_info,
    .input_has_default = input_has_default,
    .output_alias = output_alias,
};

AICC_API const aicc_api *aicc_get_api(void) { return &table; }

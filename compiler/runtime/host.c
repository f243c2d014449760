/* Models that run on the CPU: the device is the host. The other implementation of these functions is cuda/device.c. */
#include <string.h>

#include "runtime.h"

int32_t rt_device_open(aicc_context *ctx, DLDevice where) {
  int type = (int)where.device_type;
  if (type != 0 && type != kDLCPU)
    return rt_error(AICC_ERROR_ARGUMENT, "the model was compiled for the CPU, not for devices of DLPack type %d", type);
  ctx->arena = rt_memory_get(aicc_model.arena_bytes, true);
  if (ctx->arena) return rt_vendors_open(ctx);
  return rt_error(AICC_ERROR_MEMORY, "out of memory: the model needs an arena of %lld bytes", (long long)aicc_model.arena_bytes);
}

void rt_device_close(aicc_context *ctx) {
  rt_vendors_close(ctx);
  rt_memory_put(ctx->arena, aicc_model.arena_bytes);
}

void *rt_device_get(aicc_context *ctx, int64_t bytes) {
  (void)ctx;
  return rt_memory_get(bytes, false);
}

void rt_device_put(aicc_context *ctx, void *memory, int64_t bytes) {
  (void)ctx;
  rt_memory_put(memory, bytes);
}

const char *rt_device_room(const aicc_context *ctx) {
  (void)ctx;
  return "";
}

bool rt_device_may_shrink(aicc_context *ctx) {
  (void)ctx;
  return true;
}

DLDevice rt_device_of(const aicc_context *ctx) {
  (void)ctx;
  return (DLDevice){.device_type = kDLCPU, .device_id = 0};
}

int32_t rt_device_copy(aicc_context *ctx, void *target, const void *source, int64_t bytes) {
  (void)ctx;
  if (bytes > 0) memcpy(target, source, (size_t)bytes);
  return AICC_OK;
}

void rt_device_read(aicc_context *ctx, void *host, const void *device, int64_t bytes) {
  rt_device_copy(ctx, host, device, bytes);
}

void rt_device_write(aicc_context *ctx, void *device, const void *host, int64_t bytes) {
  rt_device_copy(ctx, device, host, bytes);
}

void rt_device_move(aicc_context *ctx, void *target, const void *source, int64_t bytes) {
  rt_device_copy(ctx, target, source, bytes);
}

void *rt_device_stream(const aicc_context *ctx) {
  (void)ctx;
  return NULL;
}

int32_t rt_device_set_stream(aicc_context *ctx, void *stream, bool wait) {
  (void)ctx, (void)wait;
  return stream ? rt_error(AICC_ERROR_ARGUMENT, "the model runs on the CPU, which has no streams") : AICC_OK;
}

int32_t rt_device_check(const aicc_context *ctx, DLDevice device, const char *kind, const char *name, int32_t status) {
  (void)ctx;
  if (device.device_type == kDLCPU || device.device_type == kDLCUDAHost) return AICC_OK;
  return rt_error(status, "%s '%s' is on a device (DLPack type %d), the model runs on the host", kind, name,
                  (int)device.device_type);
}

int32_t rt_device_run(aicc_context *ctx, const DLTensor *inputs, const DLTensor *outputs) {
  (void)inputs, (void)outputs;
  return rt_call_main(ctx);
}

DLDevice rt_device_output(aicc_context *ctx, int32_t index, void **data) {
  *data = ctx->outputs[index].data;
  return rt_device_of(ctx);
}

void *rt_device_begin_call(aicc_context *ctx) {
  (void)ctx;
  return NULL;
}

void rt_device_end_call(aicc_context *ctx, aicc_range_fn range) { (void)ctx, (void)range; }

/* A context on a device: its stream and arena, and where the tensors of a run lie.
 *
 * `main` gets device addresses. A caller's tensor on the device is used in place; one on the host, or one that is not
 * aligned, has a stand-in on the device, which stays from run to run, so that graphs stay valid. One stream keeps all
 * work of a context in order; copies and kernels of different contexts overlap. */
#include <stdio.h>
#include <stdlib.h>

#include "state.h"

static bool on_device(DLDevice device) { return (int)device.device_type == kDLCUDA || (int)device.device_type == 13; }

static int32_t enter(const aicc_context *ctx) {
  return cuda_check(cuda.context_push(ctx->device->device->context), "the device's context cannot be used");
}

static void leave(void) {
  CUcontext previous;
  cuda.context_pop(&previous);
}

static void *zeros(int64_t count, size_t size) { return calloc(count ? (size_t)count : 1, size); }

static int32_t fill(aicc_context *ctx, struct rt_device_state *s) {
  int64_t outputs = aicc_model.n_outputs, all = aicc_model.n_inputs + outputs;
  s->stand_ins = zeros(all, sizeof *s->stand_ins);
  s->given = zeros(outputs, sizeof *s->given);
  s->wanted = zeros(outputs, sizeof *s->wanted);
  s->host_outputs = zeros(outputs, sizeof *s->host_outputs);
  s->host_bytes = zeros(outputs, sizeof *s->host_bytes);
  if (!s->stand_ins || !s->given || !s->wanted || !s->host_outputs || !s->host_bytes)
    return rt_error(AICC_ERROR_MEMORY, "out of memory");
  int32_t status = cuda_check(cuda.stream_create(&s->own, CU_STREAM_NON_BLOCKING), "a stream cannot be made");
  s->stream = s->own;
  if (status == AICC_OK) status = cuda_allocate(s->device, &s->arena, aicc_model.arena_bytes, "the arena");
  if (status == AICC_OK && aicc_model.arena_bytes)
    status = cuda_check(cuda.set8(s->arena, 0, (size_t)aicc_model.arena_bytes, s->own), "the arena cannot be cleared");
  ctx->arena = (char *)(uintptr_t)s->arena;
  ctx->weights = (const char *)(uintptr_t)s->device->weights;
  return status;
}

int32_t rt_device_open(aicc_context *ctx, DLDevice where) {
  if (where.device_type != 0 && !on_device(where))
    return rt_error(AICC_ERROR_ARGUMENT, "the model was compiled for NVIDIA GPUs, not for devices of DLPack type %d",
                    (int)where.device_type);
  int32_t status = cuda_open();
  struct rt_device_state *s = status == AICC_OK ? calloc(1, sizeof *s) : NULL;
  if (!s) return status == AICC_OK ? rt_error(AICC_ERROR_MEMORY, "out of memory") : status;
  const char *text = getenv("AICC_CUDA_GRAPHS");
  s->never_replay = text && text[0] == '0';
  s->host_weights = ctx->weights;
  ctx->device = s;
  status = cuda_device_use(where.device_type ? where.device_id : cuda_default_device(), s->host_weights, &s->device);
  if (status == AICC_OK) status = enter(ctx);
  if (status != AICC_OK) return status;
  status = fill(ctx, s);
  if (status == AICC_OK) status = rt_vendors_open(ctx);
  leave();
  return status;
}

void rt_device_close(aicc_context *ctx) {
  struct rt_device_state *s = ctx->device;
  if (!s) return;
  if (s->device && enter(ctx) == AICC_OK) {
    if (s->own) cuda.stream_wait(s->own);
    cuda_graphs_clear(s);
    rt_vendors_close(ctx);
    cuda_timing_free(&s->timing);
    cuda_staging_free(&s->staging);
    for (int32_t i = 0; s->stand_ins && i < aicc_model.n_inputs + aicc_model.n_outputs; i++)
      if (s->stand_ins[i].memory) cuda.release(s->stand_ins[i].memory);
    if (s->arena) cuda.release(s->arena);
    if (s->own) cuda.stream_destroy(s->own);
    leave();
  }
  for (int32_t i = 0; s->host_outputs && i < aicc_model.n_outputs; i++)
    rt_memory_put(s->host_outputs[i], s->host_bytes[i]);
  cuda_device_release(s->device);
  free(s->stand_ins);
  free(s->given);
  free(s->wanted);
  free(s->host_outputs);
  free(s->host_bytes);
  free(s);
  ctx->device = NULL;
}

void *rt_device_get(aicc_context *ctx, int64_t bytes) {
  CUdeviceptr memory = 0;
  if (enter(ctx) != AICC_OK) return NULL;
  cuda_allocate(ctx->device->device, &memory, bytes, "a buffer");
  leave();
  return (void *)(uintptr_t)memory;
}

void rt_device_put(aicc_context *ctx, void *memory, int64_t bytes) {
  (void)bytes;
  if (!memory || enter(ctx) != AICC_OK) return;
  cuda.release((CUdeviceptr)(uintptr_t)memory);
  leave();
}

const char *rt_device_room(const aicc_context *ctx) {
  static _Thread_local char text[200];
  size_t available = 0, total = 0;
  const struct cuda_device *d = ctx->device->device;
  if (enter(ctx) != AICC_OK) return "";
  cuda.memory_info(&available, &total);
  leave();
  snprintf(text, sizeof text, " on device %d (%s), %llu of %llu bytes are free", d->ordinal, d->name,
           (unsigned long long)available, (unsigned long long)total);
  return text;
}

/* Graphs use buffers without their keys naming them. */
bool rt_device_may_shrink(aicc_context *ctx) {
  if (ctx->device->capturing) return false;
  cuda_graphs_clear(ctx->device);
  return true;
}

DLDevice rt_device_of(const aicc_context *ctx) {
  return (DLDevice){.device_type = kDLCUDA, .device_id = ctx->device->device->ordinal};
}

int32_t rt_device_copy(aicc_context *ctx, void *target, const void *source, int64_t bytes) {
  int32_t status = enter(ctx);
  if (status != AICC_OK) return status;
  CUstream stream = ctx->device->stream;
  CUresult result = CUDA_SUCCESS;
  if (bytes > 0)
    result = cuda.copy((CUdeviceptr)(uintptr_t)target, (CUdeviceptr)(uintptr_t)source, (size_t)bytes, stream);
  if (result == CUDA_SUCCESS) result = cuda.stream_wait(stream); /* copies within the device do not wait by themselves */
  status = cuda_check(result, "a copy failed");
  leave();
  return status;
}

void rt_device_read(aicc_context *ctx, void *host, const void *device, int64_t bytes) {
  aicc_cuda_read(ctx, host, device, bytes);
}

void rt_device_write(aicc_context *ctx, void *device, const void *host, int64_t bytes) {
  aicc_cuda_write(ctx, device, host, bytes);
}

void rt_device_move(aicc_context *ctx, void *target, const void *source, int64_t bytes) {
  aicc_cuda_copy(ctx, target, source, bytes);
}

void *rt_device_stream(const aicc_context *ctx) { return ctx->device->stream; }

int32_t rt_device_set_stream(aicc_context *ctx, void *stream, bool wait) {
  struct rt_device_state *s = ctx->device;
  int32_t status = enter(ctx);
  if (status != AICC_OK) return status;
  status = cuda_check(cuda.stream_wait(s->stream), "the device");
  leave();
  s->stream = stream ? stream : s->own;
  s->asynchronous = !wait;
  return status;
}

int32_t rt_device_check(const aicc_context *ctx, DLDevice device, const char *kind, const char *name, int32_t status) {
  int type = (int)device.device_type, own = ctx->device->device->ordinal;
  if (type == kDLCPU || type == kDLCUDAHost || type == 13) return AICC_OK;
  if (type != kDLCUDA)
    return rt_error(status, "%s '%s' is on a device of DLPack type %d, the model runs on NVIDIA GPUs", kind, name, type);
  if (device.device_id != own)
    return rt_error(status, "%s '%s' is on device %d, the context on device %d", kind, name, device.device_id, own);
  return AICC_OK;
}

/* ---- runs ---- */

static int32_t reserve(struct rt_device_state *s, int32_t index, int64_t bytes, const char *what) {
  struct cuda_stand_in *in = &s->stand_ins[index];
  if (in->memory && bytes <= in->bytes) return AICC_OK;
  if (in->memory) {
    cuda_graphs_clear(s);
    cuda.release(in->memory);
    *in = (struct cuda_stand_in){0};
  }
  int32_t status = cuda_allocate(s->device, &in->memory, bytes, what);
  if (status == AICC_OK) in->bytes = bytes;
  return status;
}

static bool in_place(const struct rt_device_state *s, DLDevice device, const void *data) {
  return on_device(device) && data && (uintptr_t)data % AICC_CUDA_ALIGNMENT == 0 && !cuda_graphs_want_fixed(&s->graphs);
}

static int32_t place_inputs(aicc_context *ctx, const DLTensor *inputs) {
  struct rt_device_state *s = ctx->device;
  for (int32_t i = 0; i < aicc_model.n_inputs; i++) {
    const DLTensor *t = &inputs[i];
    void *data = ctx->pointers[i];
    if (in_place(s, t->device, data)) continue;
    int64_t bytes = rt_tensor_bytes(t->dtype, t->ndim, t->shape);
    int32_t status = reserve(s, i, bytes, aicc_model.inputs[i].info.name);
    if (status != AICC_OK) return status;
    CUdeviceptr memory = s->stand_ins[i].memory;
    if (bytes && (int)t->device.device_type == kDLCPU)
      status = cuda_upload(&s->staging, memory, data, bytes, s->stream);
    else if (bytes && on_device(t->device))
      status = cuda_check(cuda.move(memory, (CUdeviceptr)(uintptr_t)data, (size_t)bytes, s->stream), "an input cannot be copied");
    else if (bytes)
      status = cuda_check(cuda.upload(memory, data, (size_t)bytes, s->stream), "an input cannot be copied to the device");
    if (status != AICC_OK) return status;
    ctx->pointers[i] = (void *)(uintptr_t)memory;
  }
  return AICC_OK;
}

static int32_t place_outputs(aicc_context *ctx, const DLTensor *outputs) {
  struct rt_device_state *s = ctx->device;
  for (int32_t i = 0; i < aicc_model.n_outputs; i++) {
    const DLTensor *t = &outputs[i];
    void **pointer = &ctx->pointers[aicc_model.n_inputs + i];
    s->given[i] = NULL;
    s->wanted[i] = t->device;
    if (!t->data || in_place(s, t->device, *pointer)) continue;
    int32_t number = aicc_model.n_inputs + i;
    int32_t status =
        reserve(s, number, rt_tensor_bytes(t->dtype, t->ndim, t->shape), aicc_model.outputs[i].info.name);
    if (status != AICC_OK) return status;
    s->given[i] = *pointer;
    *pointer = (void *)(uintptr_t)s->stand_ins[number].memory;
  }
  return AICC_OK;
}

/* The library's own output to the host. */
static int32_t fetch(aicc_context *ctx, int32_t i) {
  struct rt_device_state *s = ctx->device;
  const struct rt_output *o = &ctx->outputs[i];
  const aicc_tensor_info *info = &aicc_model.outputs[i].info;
  int64_t bytes = rt_tensor_bytes(info->dtype, info->ndim, o->dims);
  if (!s->host_outputs[i] || bytes > s->host_bytes[i]) {
    rt_memory_put(s->host_outputs[i], s->host_bytes[i]);
    s->host_bytes[i] = 0;
    s->host_outputs[i] = rt_memory_get(bytes, false);
    if (!s->host_outputs[i]) return rt_error(AICC_ERROR_MEMORY, "out of memory for output '%s'", info->name);
    s->host_bytes[i] = bytes;
  }
  return cuda_download(&s->staging, s->host_outputs[i], (CUdeviceptr)(uintptr_t)o->data, bytes, s->stream);
}

static int32_t take_outputs(aicc_context *ctx, const DLTensor *outputs) {
  struct rt_device_state *s = ctx->device;
  for (int32_t i = 0; i < aicc_model.n_outputs; i++) {
    const DLTensor *t = &outputs[i];
    int32_t status = AICC_OK;
    if (s->given[i]) {
      CUdeviceptr memory = s->stand_ins[aicc_model.n_inputs + i].memory;
      int64_t bytes = rt_tensor_bytes(t->dtype, t->ndim, t->shape);
      if (on_device(t->device))
        status = cuda_check(cuda.move((CUdeviceptr)(uintptr_t)s->given[i], memory, (size_t)bytes, s->stream),
                            "an output cannot be copied");
      else if ((int)t->device.device_type == kDLCUDAHost)
        status = cuda_check(cuda.download(s->given[i], memory, (size_t)bytes, s->stream), "an output cannot be copied");
      else
        status = cuda_download(&s->staging, s->given[i], memory, bytes, s->stream);
    } else if (!t->data && !on_device(t->device) && (ctx->pointers[aicc_model.n_inputs + i] || ctx->outputs[i].given)) {
      status = fetch(ctx, i);
    }
    if (status != AICC_OK) return status;
  }
  return AICC_OK;
}

static bool any_on_host(const DLTensor *inputs, const DLTensor *outputs) {
  for (int32_t i = 0; i < aicc_model.n_inputs; i++)
    if (!on_device(inputs[i].device)) return true;
  for (int32_t i = 0; i < aicc_model.n_outputs; i++)
    if (!on_device(outputs[i].device)) return true;
  return false;
}

int32_t rt_device_run(aicc_context *ctx, const DLTensor *inputs, const DLTensor *outputs) {
  struct rt_device_state *s = ctx->device;
  int32_t status = enter(ctx);
  if (status != AICC_OK) return status;
  status = place_inputs(ctx, inputs);
  if (status == AICC_OK) status = place_outputs(ctx, outputs);
  if (status == AICC_OK) status = cuda_graphs_run(ctx);
  if (status == AICC_OK) status = take_outputs(ctx, outputs);
  if (!s->asynchronous || ctx->profiling || status != AICC_OK || any_on_host(inputs, outputs)) {
    CUresult result = cuda.stream_wait(s->stream);
    if (status == AICC_OK) status = cuda_check(result, "the model failed on the device");
  }
  if (ctx->profiling && status == AICC_OK) cuda_timing_collect(ctx);
  s->timing.count = 0;
  leave();
  return status;
}

DLDevice rt_device_output(aicc_context *ctx, int32_t index, void **data) {
  struct rt_device_state *s = ctx->device;
  bool device = on_device(s->wanted[index]);
  *data = device ? ctx->outputs[index].data : s->host_outputs[index];
  return device ? rt_device_of(ctx) : (DLDevice){.device_type = kDLCPU, .device_id = 0};
}

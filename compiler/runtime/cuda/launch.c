/* What generated code calls (cuda.h): launches, and reads and writes of device memory; around calls of libraries. */
#include <string.h>

#include "state.h"

enum { UNASKED_SHARED = 48 << 10, SMALL_TABLE = 4 << 10 };

static void check(aicc_context *ctx, CUresult result, const char *what) {
  if (result != CUDA_SUCCESS) rt_end_run(ctx, cuda_check(result, what));
}

/* A stream of the caller's may be one that cannot be captured. */
static CUstream stream_of(const struct rt_device_state *s) { return s->capturing ? s->own : s->stream; }

/* The same for work that is no launch. */
static CUstream other_work(struct rt_device_state *s) {
  s->after_waiting = false;
  return stream_of(s);
}

/* More than 48 KiB of shared memory have to be asked for, once per function; contexts may ask at the same time. */
static void allow_shared(aicc_context *ctx, int64_t number, int32_t bytes) {
  struct cuda_modules *m = &ctx->device->device->modules;
  if (bytes <= UNASKED_SHARED || bytes <= atomic_load(&m->shared[number])) return;
  check(ctx, cuda.function_set(m->functions[number], CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
        "a kernel needs more shared memory than the device has");
  atomic_store(&m->shared[number], bytes);
}

/* A kernel that waits for those before it may begin before the last of them has ended, if that one waited, too: else its
 * end would not be that of all. Copies, libraries and what the caller put on the stream are none such. */
static CUresult launch(struct rt_device_state *s, CUfunction function, CUlaunchConfig config, bool waits, bool timed,
                       void **args) {
  bool early = waits && s->after_waiting && !timed && cuda.launch_with;
  s->after_waiting = waits;
  if (!early)
    return cuda.launch(function, config.grid_x, config.grid_y, config.grid_z, config.block_x, config.block_y,
                       config.block_z, config.shared_bytes, config.stream, args, NULL);
  CUlaunchAttribute attribute = {.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION};
  attribute.value.programmatic_stream_serialization_allowed = 1;
  config.attributes = &attribute, config.attribute_count = 1;
  return cuda.launch_with(&config, function, args, NULL);
}

void aicc_cuda_launch(void *context, aicc_cuda_kernel *kernel, int32_t grid_x, int32_t grid_y, int32_t grid_z,
                      int32_t block_x, int32_t block_y, int32_t block_z, int32_t shared_bytes, void **args,
                      int32_t n_args) {
  (void)n_args; /* the image knows its parameters */
  aicc_context *ctx = context;
  struct rt_device_state *s = ctx->device;
  if (grid_x <= 0 || grid_y <= 0 || grid_z <= 0) return;
  int64_t number = cuda_kernel_number(kernel);
  allow_shared(ctx, number, shared_bytes);
  int32_t status = ctx->profiling ? cuda_timing_before(s) : AICC_OK;
  if (status != AICC_OK) rt_end_run(ctx, status);
  CUlaunchConfig config = {.grid_x = (unsigned)grid_x, .grid_y = (unsigned)grid_y, .grid_z = (unsigned)grid_z,
                           .block_x = (unsigned)block_x, .block_y = (unsigned)block_y, .block_z = (unsigned)block_z,
                           .shared_bytes = (unsigned)shared_bytes, .stream = stream_of(s)};
  CUresult result = launch(s, s->device->modules.functions[number], config, kernel->waits, ctx->profiling, args);
  if (result != CUDA_SUCCESS) rt_end_run(ctx, cuda_check(result, kernel->name));
  if (ctx->profiling && (status = cuda_timing_after(s, kernel->range)) != AICC_OK) rt_end_run(ctx, status);
}

void *rt_device_begin_call(aicc_context *ctx) {
  int32_t status = ctx->profiling ? cuda_timing_before(ctx->device) : AICC_OK;
  if (status != AICC_OK) rt_end_run(ctx, status);
  return other_work(ctx->device);
}

void rt_device_end_call(aicc_context *ctx, aicc_range_fn range) {
  int32_t status = ctx->profiling ? cuda_timing_after(ctx->device, range) : AICC_OK;
  if (status != AICC_OK) rt_end_run(ctx, status);
}

int64_t aicc_cuda_multiprocessors(void *context) {
  const aicc_context *ctx = context;
  return ctx->device->device->multiprocessors;
}

void aicc_cuda_tensor_map(void *context, void *map, const void *base, int32_t element, int32_t rank, const int64_t *numbers) {
  enum { MAX_DIMS = 5 };
  static const int types[] = {[AICC_CUDA_F16] = CU_TENSOR_MAP_DATA_TYPE_FLOAT16, [AICC_CUDA_BF16] = CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
                              [AICC_CUDA_BYTE] = CU_TENSOR_MAP_DATA_TYPE_UINT8, [AICC_CUDA_F32] = CU_TENSOR_MAP_DATA_TYPE_FLOAT32};
  uint64_t element_bytes = element == AICC_CUDA_BYTE ? 1 : element == AICC_CUDA_F32 ? 4 : 2;
  aicc_context *ctx = context;
  uint64_t sizes[MAX_DIMS], steps[MAX_DIMS];
  unsigned boxes[MAX_DIMS], every[MAX_DIMS];
  if (!cuda.tensor_map)
    rt_end_run(ctx, rt_error(AICC_ERROR_DEVICE, "the NVIDIA driver is too old: it has no cuTensorMapEncodeTiled (CUDA 12.0 or later "
                                          "is needed for models compiled for sm_90a)"));
  for (int32_t d = 0; d < rank; d++) {
    if (numbers[d] <= 0) return; /* an empty tensor: no block of the launch has anything to do */
    sizes[d] = (uint64_t)numbers[d];
    if (d) steps[d - 1] = (uint64_t)numbers[rank + d] * element_bytes;
    every[d] = (unsigned)numbers[3 * rank + d];
    boxes[d] = (unsigned)numbers[2 * rank + d] * every[d]; /* the driver counts what a box covers */
  }
  check(ctx, cuda.tensor_map(map, types[element], (unsigned)rank, (void *)(uintptr_t)base, sizes, steps, boxes, every,
                             CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
        "a tensor cannot be described to the device (compiled for sm_90 the model does without)");
}

void aicc_cuda_read(void *context, void *host, const void *device, int64_t bytes) {
  aicc_context *ctx = context;
  struct rt_device_state *s = ctx->device;
  CUdeviceptr address = (CUdeviceptr)(uintptr_t)device, weights = s->device->weights;
  if (weights && address >= weights && address + (CUdeviceptr)bytes <= weights + (CUdeviceptr)aicc_model.weights_bytes) {
    memcpy(host, s->host_weights + (address - weights), (size_t)bytes);
    return;
  }
  s->read = true;
  if (s->capturing) rt_end_run(ctx, AICC_OK); /* graphs.c runs `main` again, without capture */
  if (!bytes) return;
  check(ctx, cuda.download(host, address, (size_t)bytes, other_work(s)), "memory cannot be read");
  check(ctx, cuda.stream_wait(s->stream), "the model failed on the device");
}

static CUresult set_word(CUdeviceptr device, const char *host, int64_t bytes, CUstream stream) {
  uint32_t word = 0;
  memcpy(&word, host, (size_t)bytes);
  if (bytes == 4) return cuda.set32(device, word, 1, stream);
  return bytes == 2 ? cuda.set16(device, (unsigned short)word, 1, stream) : cuda.set8(device, (unsigned char)word, 1, stream);
}

/* The numbers become parts of commands, or of a graph: nothing on the host has to outlive the call. */
void aicc_cuda_write(void *context, void *device, const void *host, int64_t bytes) {
  aicc_context *ctx = context;
  struct rt_device_state *s = ctx->device;
  CUdeviceptr address = (CUdeviceptr)(uintptr_t)device;
  if (bytes > SMALL_TABLE && !s->capturing) {
    int32_t status = cuda_upload(&s->staging, address, host, bytes, other_work(s));
    if (status != AICC_OK) rt_end_run(ctx, status);
    return;
  }
  for (int64_t at = 0; at < bytes;) {
    int64_t size = bytes - at >= 4 ? 4 : bytes - at >= 2 ? 2 : 1;
    while ((address + (CUdeviceptr)at) % (CUdeviceptr)size) size /= 2;
    check(ctx, set_word(address + (CUdeviceptr)at, (const char *)host + at, size, other_work(s)), "memory cannot be written");
    at += size;
  }
}

void aicc_cuda_copy(void *context, void *target, const void *source, int64_t bytes) {
  aicc_context *ctx = context;
  if (bytes <= 0) return;
  check(ctx, cuda.move((CUdeviceptr)(uintptr_t)target, (CUdeviceptr)(uintptr_t)source, (size_t)bytes, other_work(ctx->device)),
        "memory cannot be copied");
}

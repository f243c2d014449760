/* driver.h: the part of NVIDIA's driver library that is used, declared here: no CUDA header is needed to compile a
 * model, and no driver to load it. Names, numbers and structs are those of the driver's stable interface
 * (CUDA Driver API, 11.4 and later). */
#ifndef AICC_CUDA_DRIVER_H
#define AICC_CUDA_DRIVER_H

#include <stddef.h>
#include <stdint.h>

typedef int CUresult, CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphExec_st *CUgraphExec;

enum {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
  CUDA_ERROR_INVALID_PTX = 218,
  CUDA_ERROR_JIT_COMPILER_NOT_FOUND = 221,
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
};

enum {
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_JIT_ERROR_LOG_BUFFER = 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
  CU_STREAM_NON_BLOCKING = 1,
  CU_EVENT_DEFAULT = 0,
  CU_EVENT_DISABLE_TIMING = 2,
  CU_STREAM_CAPTURE_MODE_RELAXED = 2,
  CU_TENSOR_MAP_DATA_TYPE_UINT8 = 0,
  CU_TENSOR_MAP_DATA_TYPE_FLOAT16 = 6,
  CU_TENSOR_MAP_DATA_TYPE_FLOAT32 = 7,
  CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 = 9,
  CU_TENSOR_MAP_INTERLEAVE_NONE = 0,
  CU_TENSOR_MAP_SWIZZLE_128B = 3,
  CU_TENSOR_MAP_L2_PROMOTION_L2_256B = 3,
  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE = 0, /* zeros */
  CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION = 6,
};

typedef struct {
  int id;
  union {
    int programmatic_stream_serialization_allowed;
    uint64_t room[8];
  } value;
} CUlaunchAttribute;

typedef struct {
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
  CUstream stream;
  CUlaunchAttribute *attributes;
  unsigned attribute_count;
} CUlaunchConfig;

/* name in the table, symbol, parameters */
#define AICC_CUDA_FUNCTIONS(F)                                                                                  \
  F(init, cuInit, (unsigned flags))                                                                             \
  F(error_name, cuGetErrorName, (CUresult, const char **))                                                      \
  F(error_text, cuGetErrorString, (CUresult, const char **))                                                    \
  F(driver_version, cuDriverGetVersion, (int *))                                                                \
  F(device_count, cuDeviceGetCount, (int *))                                                                    \
  F(device_get, cuDeviceGet, (CUdevice *, int))                                                                 \
  F(device_name, cuDeviceGetName, (char *, int, CUdevice))                                                      \
  F(device_attribute, cuDeviceGetAttribute, (int *, int, CUdevice))                                             \
  F(primary_retain, cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                                          \
  F(primary_release, cuDevicePrimaryCtxRelease_v2, (CUdevice))                                                  \
  F(context_push, cuCtxPushCurrent_v2, (CUcontext))                                                             \
  F(context_pop, cuCtxPopCurrent_v2, (CUcontext *))                                                             \
  F(memory_info, cuMemGetInfo_v2, (size_t *, size_t *))                                                         \
  F(allocate, cuMemAlloc_v2, (CUdeviceptr *, size_t))                                                           \
  F(release, cuMemFree_v2, (CUdeviceptr))                                                                       \
  F(host_allocate, cuMemHostAlloc, (void **, size_t, unsigned))                                                 \
  F(host_release, cuMemFreeHost, (void *))                                                                      \
  F(copy, cuMemcpyAsync, (CUdeviceptr, CUdeviceptr, size_t, CUstream))                                          \
  F(upload, cuMemcpyHtoDAsync_v2, (CUdeviceptr, const void *, size_t, CUstream))                                \
  F(download, cuMemcpyDtoHAsync_v2, (void *, CUdeviceptr, size_t, CUstream))                                    \
  F(move, cuMemcpyDtoDAsync_v2, (CUdeviceptr, CUdeviceptr, size_t, CUstream))                                   \
  F(set8, cuMemsetD8Async, (CUdeviceptr, unsigned char, size_t, CUstream))                                      \
  F(set16, cuMemsetD16Async, (CUdeviceptr, unsigned short, size_t, CUstream))                                   \
  F(set32, cuMemsetD32Async, (CUdeviceptr, unsigned, size_t, CUstream))                                         \
  F(module_load, cuModuleLoadDataEx, (CUmodule *, const void *, unsigned, int *, void **))                      \
  F(module_unload, cuModuleUnload, (CUmodule))                                                                  \
  F(module_function, cuModuleGetFunction, (CUfunction *, CUmodule, const char *))                               \
  F(function_set, cuFuncSetAttribute, (CUfunction, int, int))                                                   \
  F(launch, cuLaunchKernel,                                                                                     \
    (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **, void **)) \
  F(stream_create, cuStreamCreate, (CUstream *, unsigned))                                                      \
  F(stream_destroy, cuStreamDestroy_v2, (CUstream))                                                             \
  F(stream_wait, cuStreamSynchronize, (CUstream))                                                               \
  F(event_create, cuEventCreate, (CUevent *, unsigned))                                                         \
  F(event_destroy, cuEventDestroy_v2, (CUevent))                                                                \
  F(event_record, cuEventRecord, (CUevent, CUstream))                                                           \
  F(event_wait, cuEventSynchronize, (CUevent))                                                                  \
  F(event_elapsed, cuEventElapsedTime, (float *, CUevent, CUevent))                                             \
  F(capture_begin, cuStreamBeginCapture_v2, (CUstream, int))                                                    \
  F(capture_end, cuStreamEndCapture, (CUstream, CUgraph *))                                                     \
  F(graph_instantiate, cuGraphInstantiateWithFlags, (CUgraphExec *, CUgraph, unsigned long long))               \
  F(graph_launch, cuGraphLaunch, (CUgraphExec, CUstream))                                                       \
  F(graph_destroy, cuGraphDestroy, (CUgraph))                                                                   \
  F(exec_destroy, cuGraphExecDestroy, (CUgraphExec))

/* Of later drivers (CUDA 12.0): NULL where there is none. */
#define AICC_CUDA_LATER_FUNCTIONS(F)                                                                            \
  F(launch_with, cuLaunchKernelEx, (const CUlaunchConfig *, CUfunction, void **, void **))                      \
  F(tensor_map, cuTensorMapEncodeTiled,                                                                         \
    (void *, int, unsigned, void *, const uint64_t *, const uint64_t *, const unsigned *, const unsigned *, int, int, int, int))

struct cuda_driver {
#define AICC_CUDA_MEMBER(name, symbol, parameters) CUresult(*name) parameters;
  AICC_CUDA_FUNCTIONS(AICC_CUDA_MEMBER)
  AICC_CUDA_LATER_FUNCTIONS(AICC_CUDA_MEMBER)
#undef AICC_CUDA_MEMBER
};

extern struct cuda_driver cuda;

/* Opens and initializes the driver, once per loaded model: AICC_OK or AICC_ERROR_DEVICE. The library is
 * AICC_CUDA_DRIVER, by default libcuda.so.1. Thread-safe. */
int32_t cuda_open(void);

/* AICC_OK, or the thread's error is set: "<what>: CUDA_ERROR_… (…)" with the status for it. */
int32_t cuda_check(CUresult result, const char *what);

#endif

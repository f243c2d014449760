/* aicc.h: the C interface of a compiled model.
 *
 * A compiled model is one shared library. It exports the functions below and nothing else, needs no
 * Python, and keeps its state in the contexts its user creates: any number of models live in one process.
 *
 * A program that uses one model links with it. A program that uses several opens each with
 * dlopen(path, RTLD_NOW | RTLD_LOCAL), asks for the symbol "aicc_get_api", and calls through that table.
 *
 *     aicc_context *ctx;
 *     if (aicc_context_create(&ctx) != AICC_OK) { puts(aicc_last_error()); return 1; }
 *     int64_t in_shape[] = {1, 3, 224, 224}, out_shape[] = {1, 1000};
 *     DLTensor in = aicc_tensor(image, aicc_float32, 4, in_shape);
 *     DLTensor out = aicc_tensor(scores, aicc_float32, 2, out_shape);
 *     if (aicc_run(ctx, &in, 1, &out, 1) != AICC_OK) puts(aicc_last_error());
 *     aicc_context_destroy(ctx);
 *
 * Threads: a context runs one request at a time (a second one is refused with AICC_ERROR_BUSY); different
 * contexts may run at the same time. Everything a function returns as `const` lives as long as the library.
 * No function aborts, prints or raises a signal; each failure is a status code, and aicc_last_error()
 * says what happened and to which tensor.
 */
#ifndef AICC_H
#define AICC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AICC_API __attribute__((visibility("default")))
#else
#define AICC_API
#endif

/* Changes only when an existing function or struct changes meaning; additions keep it. */
#define AICC_ABI_VERSION 1

/* ---- tensors: the part of DLPack that is used, if dlpack.h was not included before ---------------------- */

#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_ /* a later #include of dlpack.h is skipped: include dlpack.h first to have all of it */
typedef enum { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3 } DLDeviceType;
typedef struct {
  DLDeviceType device_type;
  int32_t device_id;
} DLDevice;
typedef enum {
  kDLInt = 0,
  kDLUInt = 1,
  kDLFloat = 2,
  kDLOpaqueHandle = 3,
  kDLBfloat = 4,
  kDLComplex = 5,
  kDLBool = 6,
  kDLFloat8_e3m4 = 7,
  kDLFloat8_e4m3 = 8,
  kDLFloat8_e4m3b11fnuz = 9,
  kDLFloat8_e4m3fn = 10,
  kDLFloat8_e4m3fnuz = 11,
  kDLFloat8_e5m2 = 12,
  kDLFloat8_e5m2fnuz = 13,
  kDLFloat8_e8m0fnu = 14,
  kDLFloat6_e2m3fn = 15,
  kDLFloat6_e3m2fn = 16,
  kDLFloat4_e2m1fn = 17
} DLDataTypeCode;
typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;
typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides; /* in elements; NULL: compact, row-major */
  uint64_t byte_offset;
} DLTensor;
#endif

/* ---- strings --------------------------------------------------------------------------------------------------- */

/* DLPack has no strings. A tensor of strings is a DLTensor of dtype {kDLOpaqueHandle, 128, 1} (`aicc_strings`) whose
 * data are these. Bytes are UTF-8, any of them may be 0.
 *
 * Of an input, the caller owns elements and bytes; they are read during aicc_run only. Of an output, the elements are
 * the caller's or the library's as those of any tensor, while the bytes are always the library's: valid until the
 * next aicc_run on this context or its end, and followed by a 0 that `size` does not count. */
typedef struct aicc_string {
  const char *data; /* may be NULL where size is 0 */
  int64_t size;     /* in bytes */
} aicc_string;

/* ---- status ------------------------------------------------------------------------------------------------ */

typedef enum aicc_status {
  AICC_OK = 0,
  AICC_ERROR_ARGUMENT = 1, /* a NULL pointer, an index out of range, a wrong number of tensors */
  AICC_ERROR_INPUT = 2,    /* an input has the wrong dtype, rank, dims, layout or device */
  AICC_ERROR_OUTPUT = 3,   /* the same for an output given by the caller */
  AICC_ERROR_MEMORY = 4,   /* memory or a thread could not be had */
  AICC_ERROR_WEIGHTS = 5,  /* the file of external weights is missing or is another model's */
  AICC_ERROR_CPU = 6,      /* this machine lacks a CPU feature the model was compiled for */
  AICC_ERROR_MODEL = 7,    /* the model itself failed: an index out of range, shapes that do not fit */
  AICC_ERROR_BUSY = 8,     /* the context is running on another thread */
  AICC_ERROR_ABI = 9,      /* the library was put together from parts of different versions */
  AICC_ERROR_DEVICE = 10,  /* the GPU or its driver is missing, too old for the model, or failed */
  AICC_ERROR_LIBRARY = 11  /* a vendor's library that the model was compiled to call is missing, too old, or failed */
} aicc_status;

/* What went wrong in the last call on this thread that returned a status other than AICC_OK; "" before any.
 * Valid until the next failing call on this thread. */
AICC_API const char *aicc_last_error(void);

/* AICC_ABI_VERSION at the time the model was compiled. */
AICC_API int32_t aicc_abi_version(void);

/* ---- what the model is --------------------------------------------------------------------------------------- */

typedef struct aicc_tensor_info {
  const char *name;
  DLDataType dtype;             /* an element takes whole bytes: 4-bit types take one byte each */
  int32_t ndim;
  const int64_t *dims;          /* -1: dynamic */
  const char *const *dim_names; /* per dim the symbol's name ("batch"), NULL where static or unnamed; may be NULL */
} aicc_tensor_info;

AICC_API const char *aicc_model_name(void);
AICC_API const char *aicc_model_producer(void); /* "aicc 0.1.0" */
AICC_API const char *aicc_model_target(void);   /* "x86_64-unknown-linux-gnu znver3" */

AICC_API int32_t aicc_input_count(void);
AICC_API int32_t aicc_output_count(void);
/* NULL if the index is out of range. */
AICC_API const aicc_tensor_info *aicc_input_info(int32_t index);
AICC_API const aicc_tensor_info *aicc_output_info(int32_t index);

/* Whether an input has a default (an initializer that was compiled as an input): a DLTensor of zeros, `{0}`, stands for it
 * in aicc_run. Such inputs come last. */
AICC_API int32_t aicc_input_has_default(int32_t index);

/* The input whose memory output `index` may be given (see aicc_run), -1: none. The model writes parts of such an input, a
 * decoder's cache, and gives it as this output: in one buffer the rest of it is not copied. */
AICC_API int32_t aicc_output_alias(int32_t index);

/* What an input or output of the ONNX model is made of. */
typedef enum aicc_value_kind {
  AICC_VALUE_TENSOR = 0,
  AICC_VALUE_SEQUENCE = 1, /* its tensors are the items */
  AICC_VALUE_EMPTY = 2,    /* an optional that is always empty: no tensor */
  AICC_VALUE_MAPS = 3,     /* a sequence of maps (ZipMap): element [i, j] of its tensor is map i at key j */
  AICC_VALUE_PACKED = 4,   /* a sequence whose length only a run knows, two tensors: int64 [n, rank], the dims of each of
                              its n tensors, and all their elements, one tensor after the other */
  AICC_VALUE_MAP = 5       /* a map, two tensors [n]: its keys, which differ, integers in ascending order; its values */
} aicc_value_kind;

typedef struct aicc_value {
  const char *name;
  int32_t kind;
  const char *type;          /* as ONNX writes it: "seq(map(string,tensor(float)))" */
  int32_t first, count;      /* its tensors: outputs (or inputs) first … first + count - 1 */
  int64_t n_keys;            /* of maps; their keys are one of both, the other is NULL */
  const int64_t *int_keys;
  const aicc_string *string_keys;
} aicc_value;

/* The outputs of the ONNX model, where some is no tensor; 0: each is a tensor, the output of its number. */
AICC_API int32_t aicc_value_count(void);
/* NULL if the index is out of range. */
AICC_API const aicc_value *aicc_value_info(int32_t index);
/* The same for the inputs. */
AICC_API int32_t aicc_input_value_count(void);
AICC_API const aicc_value *aicc_input_value_info(int32_t index);

/* A kernel: a piece of the model that runs as one parallel loop, once or more per run. */
typedef struct aicc_kernel {
  const char *name;
  const char *schedule;  /* how it was compiled: "contraction(rows=8)" */
  const char *nodes;     /* names of the ONNX nodes it computes, one a line: those of its first call, its main one in
                            front, then those of its other calls; "" where unknown */
  double seconds;        /* predicted for one call on one thread; negative where unknown */
  int64_t calls;         /* per run; -1 where known at run time only, as are bytes */
  int64_t read, written; /* bytes of one call */
} aicc_kernel;

AICC_API int32_t aicc_kernel_count(void);
/* NULL if the index is out of range. */
AICC_API const aicc_kernel *aicc_kernel_info(int32_t index);

/* Path of the file of external weights the first context found; NULL before, and if the library holds them. */
AICC_API const char *aicc_weights_path(void);

/* ---- contexts ------------------------------------------------------------------------------------------------ */

typedef struct aicc_context aicc_context;

/* A context owns one arena and one thread pool; weights are shared by all contexts and never copied.
 * The number of threads is AICC_NUM_THREADS if set, else the number of cores this process may use;
 * threads start with the first run that has work for them. */
AICC_API int32_t aicc_context_create(aicc_context **out);

/* The same on a device: {kDLCUDA, n} for a model compiled for CUDA, {kDLCPU, 0} for others. aicc_context_create takes
 * device AICC_CUDA_DEVICE, by default 0. Contexts of one device share its copy of the weights. */
AICC_API int32_t aicc_context_create_on(aicc_context **out, DLDevice device);
/* Where the context runs; {0, 0} if it is NULL. */
AICC_API DLDevice aicc_get_device(const aicc_context *ctx);

/* Frees the context with all library-owned outputs; NULL is allowed. Must not be running. */
AICC_API void aicc_context_destroy(aicc_context *ctx);

/* Number of threads a run may use, the caller's included; 0 or less: the default again. */
AICC_API int32_t aicc_set_num_threads(aicc_context *ctx, int32_t threads);
AICC_API int32_t aicc_get_num_threads(const aicc_context *ctx);

/* Bytes the context holds now: arena, scratch of the threads, buffers and outputs of dynamic size. */
AICC_API int64_t aicc_memory_bytes(const aicc_context *ctx);

/* ---- running --------------------------------------------------------------------------------------------------- */

/* Dims of all outputs, one after the other, for inputs of these shapes (data and strides are not read);
 * -1 where the dim depends on data. `dims` has room for the sum of the outputs' ranks. */
AICC_API int32_t aicc_output_dims(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs, int64_t *dims);

/* Runs the model. Tensors are compact and row-major, on the host, aligned to their element; an input of zeros is its
 * default.
 *
 * A model for CUDA takes each tensor on the host (kDLCPU, or kDLCUDAHost: pinned) or on its context's device (kDLCUDA).
 * What is on the device and aligned to 16 bytes is used in place. `device` of an output without data says where the
 * library is to put it. Inputs on the device are complete when aicc_run is called, or will be by what is on the
 * context's stream (aicc_set_stream).
 *
 * Inputs are read only. Dims that share a symbol must agree. Outputs overlap neither inputs nor each other, or the run
 * fails with AICC_ERROR_OUTPUT, but for this: the data of an output may be those of the input aicc_output_alias says, of
 * the same shape. That input is then written to, and its other entries stay as they are; with memory of its own the
 * output gets a copy of them. The numbers are the same.
 * An output with `data` set is the caller's: dtype and shape must be what aicc_output_dims says.
 * An output with `data == NULL` is the library's: the whole DLTensor is filled in, and data and shape stay
 * valid until the next aicc_run on this context or its end. An output with a data-dependent dim must be so.
 * After a failure the contents of outputs are undefined and the context can be used again. */
AICC_API int32_t aicc_run(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs, DLTensor *outputs,
                          int32_t n_outputs);

/* ---- memory and streams of the device --------------------------------------------------------------------------- */

/* Memory where the model runs, aligned to 64 bytes, to be released before the context's end. For models on the CPU, and
 * for programs that have no other way to such memory. */
AICC_API int32_t aicc_allocate(aicc_context *ctx, int64_t bytes, void **out);
AICC_API int32_t aicc_release(aicc_context *ctx, void *memory, int64_t bytes); /* `bytes` as allocated; NULL is allowed */
/* Copies between any two of host and device, after all work of the context; returns when it is done. */
AICC_API int32_t aicc_copy(aicc_context *ctx, void *target, const void *source, int64_t bytes);

/* The CUstream (cudaStream_t) on which runs are; NULL for models on the CPU. */
AICC_API void *aicc_get_stream(const aicc_context *ctx);
/* Puts runs on a stream of the caller's; NULL: the context's own again. Unless `wait`, a run all of whose tensors are on
 * the device returns before it is done: its outputs are complete when the stream gets there. */
AICC_API int32_t aicc_set_stream(aicc_context *ctx, void *stream, int32_t wait);

/* ---- profiling ------------------------------------------------------------------------------------------------- */

typedef struct aicc_profile_entry {
  const char *name;    /* the kernel's; "(run)" for the whole of aicc_run */
  int64_t calls;       /* since profiling was turned on or reset */
  int64_t nanoseconds; /* wall-clock time of all calls */
  int64_t tiles;       /* tiles computed in all calls */
} aicc_profile_entry;

/* Turns the measurement on or off; turning it on sets all counters to zero, turning it off keeps them.
 * Costs nothing while off. */
AICC_API int32_t aicc_set_profiling(aicc_context *ctx, int32_t on);
/* Entry 0 is the whole run, entry n + 1 kernel n of aicc_kernel_info; the last, "(other)", counts kernels without a name. */
AICC_API int32_t aicc_profile_count(const aicc_context *ctx);
AICC_API int32_t aicc_profile_get(const aicc_context *ctx, int32_t index, aicc_profile_entry *out);

/* ---- the same as a table, for programs that open several models --------------------------------------------- */

typedef struct aicc_api {
  int32_t abi_version;
  int32_t size; /* sizeof(aicc_api) of the library: later versions append */
  const char *(*last_error)(void);
  const char *(*model_name)(void);
  const char *(*model_producer)(void);
  const char *(*model_target)(void);
  int32_t (*input_count)(void);
  int32_t (*output_count)(void);
  const aicc_tensor_info *(*input_info)(int32_t);
  const aicc_tensor_info *(*output_info)(int32_t);
  const char *(*weights_path)(void);
  int32_t (*context_create)(aicc_context **);
  void (*context_destroy)(aicc_context *);
  int32_t (*set_num_threads)(aicc_context *, int32_t);
  int32_t (*get_num_threads)(const aicc_context *);
  int64_t (*memory_bytes)(const aicc_context *);
  int32_t (*output_dims)(aicc_context *, const DLTensor *, int32_t, int64_t *);
  int32_t (*run)(aicc_context *, const DLTensor *, int32_t, DLTensor *, int32_t);
  int32_t (*set_profiling)(aicc_context *, int32_t);
  int32_t (*profile_count)(const aicc_context *);
  int32_t (*profile_get)(const aicc_context *, int32_t, aicc_profile_entry *);
  int32_t (*kernel_count)(void);
  const aicc_kernel *(*kernel_info)(int32_t);
  int32_t (*context_create_on)(aicc_context **, DLDevice);
  DLDevice (*get_device)(const aicc_context *);
  int32_t (*allocate)(aicc_context *, int64_t, void **);
  int32_t (*release)(aicc_context *, void *, int64_t);
  int32_t (*copy)(aicc_context *, void *, const void *, int64_t);
  void *(*get_stream)(const aicc_context *);
  int32_t (*set_stream)(aicc_context *, void *, int32_t);
  int32_t (*value_count)(void);
  const aicc_value *(*value_info)(int32_t);
  int32_t (*input_value_count)(void);
  const aicc_value *(*input_value_info)(int32_t);
  int32_t (*input_has_default)(int32_t);
  int32_t (*output_alias)(int32_t);
} aicc_api;

typedef const aicc_api *(*aicc_get_api_fn)(void);
AICC_API const aicc_api *aicc_get_api(void);

/* ---- conveniences ------------------------------------------------------------------------------------------------ */

typedef enum aicc_dtype { /* code | bits << 8 */
  aicc_float64 = kDLFloat | 64 << 8,
  aicc_float32 = kDLFloat | 32 << 8,
  aicc_float16 = kDLFloat | 16 << 8,
  aicc_bfloat16 = kDLBfloat | 16 << 8,
  aicc_int64 = kDLInt | 64 << 8,
  aicc_int32 = kDLInt | 32 << 8,
  aicc_int16 = kDLInt | 16 << 8,
  aicc_int8 = kDLInt | 8 << 8,
  aicc_uint64 = kDLUInt | 64 << 8,
  aicc_uint32 = kDLUInt | 32 << 8,
  aicc_uint16 = kDLUInt | 16 << 8,
  aicc_uint8 = kDLUInt | 8 << 8,
  aicc_bool = kDLBool | 8 << 8,
  aicc_complex64 = kDLComplex | 64 << 8,
  aicc_complex128 = kDLComplex | 128 << 8,
  aicc_strings = kDLOpaqueHandle | 128 << 8 /* elements are aicc_string */
} aicc_dtype;

/* A compact tensor on the host; `data == NULL` asks aicc_run for a library-owned output. */
static inline DLTensor aicc_tensor(void *data, aicc_dtype dtype, int32_t ndim, int64_t *shape) {
  DLTensor t;
  t.data = data;
  t.device.device_type = kDLCPU;
  t.device.device_id = 0;
  t.ndim = ndim;
  t.dtype.code = (uint8_t)((int)dtype & 255);
  t.dtype.bits = (uint8_t)((int)dtype >> 8);
  t.dtype.lanes = 1;
  t.shape = shape;
  t.strides = (int64_t *)0;
  t.byte_offset = 0;
  return t;
}

#ifdef __cplusplus
}
#endif
#endif

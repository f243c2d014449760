/* runtime.h: what the parts of the runtime share. Functions are hidden: other models in the process have their own. */
#ifndef AICC_RUNTIME_H
#define AICC_RUNTIME_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

#define RT_LINE 64 /* bytes of a cache line, and the alignment of all memory the runtime hands out */

/* ---- error.c ---- */

/* Formats the thread's message and returns `status`, for `return rt_error(...)`. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
int32_t rt_error(int32_t status, const char *format, ...);
const char *rt_last_error(void);

/* ---- memory.c ---- */

/* 64-byte aligned memory, zero-filled if `zero`; NULL when there is none. Big blocks ask for huge pages. */
void *rt_memory_get(int64_t bytes, bool zero);
/* `bytes` as given to rt_memory_get; NULL is allowed. */
void rt_memory_put(void *memory, int64_t bytes);

/* ---- features.c ---- */

/* AICC_OK, or AICC_ERROR_CPU with the missing features named. */
int32_t rt_check_cpu(const char *const *features);

/* ---- weights.c ---- */

/* The weights, shared by all contexts; NULL with AICC_OK if the model has none. Each success wants a release. */
int32_t rt_weights_use(const char **out);
void rt_weights_release(void);
const char *rt_weights_path(void);

/* ---- cores.c ---- */

/* AICC_NUM_THREADS, or the number of cores (not hardware threads) this process may use; 1 … RT_MAX_THREADS. */
int32_t rt_default_threads(void);
/* Hardware threads this process may run on. */
int32_t rt_usable_cpus(void);
/* Moves this thread off `cpu`, at once; where it may run later stays as it is. False: there is no other, or no way. */
bool rt_leave_cpu(int32_t cpu);

/* ---- pool.c ---- */

#define RT_MAX_THREADS 1024

typedef struct rt_pool rt_pool;
rt_pool *rt_pool_create(void);
void rt_pool_destroy(rt_pool *pool);
void rt_pool_set_threads(rt_pool *pool, int32_t threads); /* 0 or less: default */
int32_t rt_pool_threads(rt_pool *pool);
int64_t rt_pool_bytes(const rt_pool *pool);
/* Call once at the start of each run: notices that this process is a fork, where no worker lives. */
void rt_pool_begin_run(rt_pool *pool);
/* False: no memory for the scratch, and nothing was computed. */
bool rt_pool_run(rt_pool *pool, aicc_range_fn range, void **args, int64_t tiles, int64_t grain, int64_t scratch_bytes);

/* ---- steps.c ---- */

/* Runs `range` over [0, steps * tiles), `tiles` at a time and in order, each of them on up to tiles / grain threads.
 * The scratch is one for all threads and steps. False: no memory. */
bool rt_pool_run_steps(rt_pool *pool, aicc_range_fn range, void **args, int64_t tiles, int64_t grain, int64_t steps,
                       int64_t scratch_bytes);

/* ---- buffers.c ---- */

struct rt_block {
  void *data;
  int64_t bytes;
  uint32_t last_run; /* run in which it was last in use */
  bool used;
};
struct rt_buffers {
  aicc_context *owner;
  struct rt_block *blocks;
  int32_t count, capacity;
  uint32_t run;
  int64_t bytes;
};
void *rt_buffers_acquire(struct rt_buffers *b, int64_t bytes); /* NULL: no memory */
void rt_buffers_release(struct rt_buffers *b, void *data);
void rt_buffers_end_run(struct rt_buffers *b); /* releases all, frees what several runs did not use */
void rt_buffers_free(struct rt_buffers *b);

/* ---- host.c, or else cuda/device.c: where the memory of the model is. One of the two is linked. ---- */

/* The arena, zero-filled, and the weights: ctx->arena, and ctx->weights if the device cannot read the host's. `where`:
 * device type 0 for the default. */
int32_t rt_device_open(aicc_context *ctx, DLDevice where);
/* Also of a context whose opening failed, or that was never opened. */
void rt_device_close(aicc_context *ctx);
DLDevice rt_device_of(const aicc_context *ctx);
/* Memory for buffers and outputs; NULL: none. */
void *rt_device_get(aicc_context *ctx, int64_t bytes);
void rt_device_put(aicc_context *ctx, void *memory, int64_t bytes); /* NULL is allowed */
/* For messages: how much is left, " on device 0 …", or "". */
const char *rt_device_room(const aicc_context *ctx);
/* Said before buffers of earlier runs are put back; false: not now. */
bool rt_device_may_shrink(aicc_context *ctx);
/* Between any two of host and device, after all work of the context. */
int32_t rt_device_copy(aicc_context *ctx, void *target, const void *source, int64_t bytes);
/* Within a run, in order with its kernels; on failure the run ends. A number of the device's memory, which waits for it;
 * into its memory; within it. */
void rt_device_read(aicc_context *ctx, void *host, const void *device, int64_t bytes);
void rt_device_write(aicc_context *ctx, void *device, const void *host, int64_t bytes);
void rt_device_move(aicc_context *ctx, void *target, const void *source, int64_t bytes);
void *rt_device_stream(const aicc_context *ctx);
int32_t rt_device_set_stream(aicc_context *ctx, void *stream, bool wait);
/* May a caller's tensor lie on `device`? Else `status`. */
int32_t rt_device_check(const aicc_context *ctx, DLDevice device, const char *kind, const char *name, int32_t status);
/* Runs the model: rt_call_main, with the tensors where main can use them. */
int32_t rt_device_run(aicc_context *ctx, const DLTensor *inputs, const DLTensor *outputs);
/* Where the library's own output `index` lies after a run. */
DLDevice rt_device_output(aicc_context *ctx, int32_t index, void **data);
/* Around the call of a vendor's library within a run: the stream (NULL: none) it is to put its work on; `range` is that of
 * the kernel, for profiles. */
void *rt_device_begin_call(aicc_context *ctx);
void rt_device_end_call(aicc_context *ctx, aicc_range_fn range);

/* ---- vendor parts (cublaslt/, cudnn/): each linked where a kernel calls it ---- */

enum { RT_CUBLASLT, RT_CUDNN, RT_VENDORS };

/* What a part does with each context, while the device's is current. `open` sets its own of ctx->vendors;
 * AICC_ERROR_LIBRARY: the library is missing or too old. `close` takes a context that was not opened, too. */
struct rt_vendor_part {
  int32_t (*open)(aicc_context *ctx);
  void (*close)(aicc_context *ctx);
};
/* Set when the model is loaded; NULL: the part is not linked. No weak symbols: linkers do not agree about them. */
extern const struct rt_vendor_part *rt_vendor_parts[RT_VENDORS];
int32_t rt_vendors_open(aicc_context *ctx);
void rt_vendors_close(aicc_context *ctx);

/* ---- profile.c ---- */

typedef struct rt_profile rt_profile;
rt_profile *rt_profile_create(void); /* NULL: no memory */
void rt_profile_free(rt_profile *p);
void rt_profile_add(rt_profile *p, aicc_range_fn range, int64_t nanoseconds, int64_t tiles); /* NULL range: the run */
int32_t rt_profile_count(void);
bool rt_profile_get(const rt_profile *p, int32_t index, aicc_profile_entry *out);
int64_t rt_now(void); /* monotonic clock, nanoseconds */

/* ---- strings.c ---- */

/* NULL: no memory. `number` is negative for the same reason; `get` answers unknown numbers with the empty string. */
struct rt_strings *rt_strings_create(void);
void rt_strings_free(struct rt_strings *s);
void rt_strings_begin_run(struct rt_strings *s); /* forgets the strings of the last one */
int64_t rt_strings_bytes(const struct rt_strings *s);
int64_t rt_strings_number(struct rt_strings *s, const char *data, int64_t size);
aicc_string rt_strings_get(const struct rt_strings *s, int64_t number);
bool rt_is_string(DLDataType dtype);
/* Replaces ctx->pointers of inputs that are strings by tensors of their numbers. */
int32_t rt_strings_read_inputs(aicc_context *ctx);
/* Turns numbers into strings, in place. */
void rt_strings_write_output(const aicc_context *ctx, void *data, int32_t ndim, const int64_t *dims);

/* ---- sequences.c ---- */

struct rt_sequences;
void rt_sequences_forget(struct rt_sequences *s); /* those of the last run; NULL is allowed */
void rt_sequences_free(struct rt_sequences *s);
int64_t rt_sequences_bytes(const struct rt_sequences *s);

/* ---- programs.c ---- */

/* `aicc_output_allocate` for the program that runs: ctx->frame. */
void *rt_frame_allocate(aicc_context *ctx, int32_t index, const int64_t *dims);

/* ---- context.c ---- */

struct rt_output {
  void *data; /* library-owned memory, kept between runs */
  int64_t bytes;
  int64_t *dims; /* the shape handed out; room for the output's rank */
  bool given;    /* in this run: data-dependent, and allocated by the model */
};

/* Addresses from `begin` to before `end`. */
struct rt_span {
  uintptr_t begin, end;
};

struct aicc_context {
  _Atomic int32_t running;
  struct rt_device_state *device; /* what a model for another device than the CPU keeps there */
  void *vendors[RT_VENDORS];      /* NULL: no kernel calls that library */
  char *arena;         /* addresses of the device, as are the pointers below when main is called */
  const char *weights;
  bool weights_used; /* and to be released */
  rt_pool *pool;
  rt_profile *profile; /* NULL: never turned on */
  bool profiling;
  struct rt_buffers buffers;
  void *counters; /* NULL: no kernel has asked for them; `counters_zero` once they are */
  bool counters_zero;
  struct rt_strings *strings;
  struct rt_sequences *sequences; /* NULL: none yet */
  uint64_t random; /* state of random.c; 0: not begun */
  struct rt_output *outputs;
  DLTensor *given;            /* the inputs of one run, defaults in place of zeros; used when the model has defaults */
  void **pointers;            /* buffers of one run: inputs then outputs */
  struct rt_span *spans;      /* where the caller's inputs and outputs of a run lie */
  int64_t *dims, *out_dims;   /* all input dims, all output dims */
  bool out_dims_valid;        /* out_dims belongs to dims */
  int64_t *symbol_values;     /* of the run, and the input that set each */
  int32_t *symbol_sources;
  struct rt_frame *frame; /* of the branch or loop that runs; NULL: the model itself */
  int32_t status; /* of aicc_fail */
  jmp_buf escape; /* to aicc_run, when memory runs out inside main */
};

int32_t rt_context_create(aicc_context **out, DLDevice where);
/* How many dims tensors have together. */
int64_t rt_total_rank(const struct aicc_tensor_desc *tensors, int32_t count);
/* Leaves the model's main, which returns `status` (AICC_OK: graphs.c runs it again). */
_Noreturn void rt_end_run(aicc_context *ctx, int32_t status);
/* Calls the model's main with ctx->pointers; what went wrong in it, if anything. */
int32_t rt_call_main(aicc_context *ctx);
void rt_context_destroy(aicc_context *ctx);
int32_t rt_context_run(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs, DLTensor *outputs, int32_t n_outputs);
int32_t rt_context_output_dims(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs, int64_t *dims);
/* Marks the context as in use; AICC_ERROR_BUSY if it is. */
int32_t rt_context_lock(aicc_context *ctx);
void rt_context_unlock(aicc_context *ctx);
int64_t rt_context_bytes(const aicc_context *ctx);
/* Grows library-owned memory of output `index`; false: no memory. */
bool rt_output_reserve(aicc_context *ctx, int32_t index, int64_t bytes);

/* ---- overlap.c ---- */

/* Fails where an output of the caller's overlaps another tensor, unless it is the input whose memory it may have. */
int32_t rt_check_overlaps(aicc_context *ctx, const DLTensor *inputs, const DLTensor *outputs);

/* ---- check.c ---- */

/* NULL: an input without. */
const struct aicc_default_desc *rt_default(int32_t input);
/* The inputs of a run, with defaults where they are zeros. */
const DLTensor *rt_with_defaults(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs);
/* Fills ctx->dims from the inputs' shapes; with `data`, also checks layout and pointers and fills ctx->pointers. */
int32_t rt_check_inputs(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs, bool data);
/* Fills ctx->out_dims from ctx->dims. */
int32_t rt_compute_output_dims(aicc_context *ctx);
/* Checks a caller-owned output against `dims` and stores its pointer. */
int32_t rt_check_output(const aicc_context *ctx, const aicc_tensor_info *info, const DLTensor *tensor, const int64_t *dims, void **out);
/* Bytes of a compact tensor; -1 when they do not fit 63 bits. */
int64_t rt_tensor_bytes(DLDataType dtype, int32_t ndim, const int64_t *dims);

#endif

/* state.h: what the parts of the CUDA runtime share. */
#ifndef AICC_CUDA_STATE_H
#define AICC_CUDA_STATE_H

#include "../runtime.h"
#include "cuda.h"
#include "driver.h"

/* ---- modules.c: device code, loaded once per device ---- */

struct cuda_modules {
  int64_t count; /* of kernels in the library */
  CUmodule *modules;
  CUfunction *functions;
  _Atomic int32_t *shared; /* dynamic shared memory each function was allowed */
};

/* Loads all images of the library into the current context, on several threads. */
int32_t cuda_modules_load(struct cuda_modules *m, CUcontext context, const char *device, int capability);
void cuda_modules_unload(struct cuda_modules *m);
int64_t cuda_kernel_number(const aicc_cuda_kernel *kernel);

/* ---- devices.c: what the contexts of one device share ---- */

struct cuda_device {
  int32_t ordinal, users;
  CUdevice handle;
  CUcontext context; /* the primary one, which torch and others use too */
  char name[96];
  int capability; /* 90 for 9.0 */
  int multiprocessors;
  CUdeviceptr weights;
  struct cuda_modules modules;
};

/* Device `ordinal`, opened with the first use; each success wants a release. `weights` is the host's copy. */
int32_t cuda_device_use(int32_t ordinal, const char *weights, struct cuda_device **out);
void cuda_device_release(struct cuda_device *device);
/* AICC_CUDA_DEVICE, else 0. */
int32_t cuda_default_device(void);
/* Zero bytes become some. The error names what the memory is for, how much was wanted and how much there is. */
int32_t cuda_allocate(const struct cuda_device *device, CUdeviceptr *out, int64_t bytes, const char *what);

/* ---- staging.c: host memory to and from the device, through pinned memory ---- */

enum { CUDA_PIECE = 4 << 20, CUDA_PIECES = 2 };

struct cuda_staging {
  char *pinned; /* CUDA_PIECES pieces, NULL until needed */
  CUevent done[CUDA_PIECES];
  bool busy[CUDA_PIECES];
  int32_t next;
};

/* Copying `host` into pinned memory goes on while the device fetches the piece before; returns when `host` is read. */
int32_t cuda_upload(struct cuda_staging *s, CUdeviceptr device, const void *host, int64_t bytes, CUstream stream);
/* Returns when all is in `host`. */
int32_t cuda_download(struct cuda_staging *s, void *host, CUdeviceptr device, int64_t bytes, CUstream stream);
void cuda_staging_free(struct cuda_staging *s);

/* ---- graphs.c: runs as graphs ---- */

enum { CUDA_GRAPHS = 8 };

struct cuda_graph {
  int64_t *key;      /* dims of the inputs, then all pointers */
  CUgraphExec exec;  /* NULL: seen once */
  uint64_t last_use;
};

struct cuda_graphs {
  struct cuda_graph entries[CUDA_GRAPHS];
  uint64_t clock;
  int32_t replaced; /* graphs given up for other pointers */
};

/* Runs `main`, for known pointers and dims by replay. */
int32_t cuda_graphs_run(aicc_context *ctx);
void cuda_graphs_clear(struct rt_device_state *state);
/* Whether pointers change so often that tensors are copied to where they always are. */
bool cuda_graphs_want_fixed(const struct cuda_graphs *g);

/* ---- timing.c: time by kernel ---- */

struct cuda_timing {
  CUevent *events; /* two a launch */
  aicc_range_fn *ranges;
  int32_t count, capacity;
};

/* Events around a launch; only while profiling. */
int32_t cuda_timing_before(struct rt_device_state *state);
int32_t cuda_timing_after(struct rt_device_state *state, aicc_range_fn range);
/* Adds the launches of the run to the profile; the stream is done. */
void cuda_timing_collect(aicc_context *ctx);
void cuda_timing_free(struct cuda_timing *t);

/* ---- device.c: a context's part of the device ---- */

/* Memory in place of a caller's tensor that is on the host, not aligned, or not to be relied on. */
struct cuda_stand_in {
  CUdeviceptr memory;
  int64_t bytes;
};

struct rt_device_state {
  struct cuda_device *device;
  const char *host_weights;
  CUstream own, stream; /* `stream` is the caller's where one was set */
  bool asynchronous;    /* a run need not wait when no tensor of it is on the host */
  bool capturing, read; /* the run so far: is it captured, did it wait for the device */
  bool never_replay;    /* `main` reads memory, or graphs are turned off */
  bool after_waiting;   /* the last work of the run so far is a kernel that waits for those before it */
  CUdeviceptr arena;
  struct cuda_staging staging;
  struct cuda_graphs graphs;
  struct cuda_timing timing;
  struct cuda_stand_in *stand_ins; /* inputs, then outputs */
  void **given;                    /* the caller's pointers of this run, NULL where used in place */
  DLDevice *wanted;                /* where each output is to be */
  void **host_outputs;             /* the library's own, on the host */
  int64_t *host_bytes;
};

#endif

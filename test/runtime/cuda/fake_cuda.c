/* A stand-in for libcuda.so.1: memory is the host's, kernels are functions of the host, everything is counted.
 *
 * Work on a stream waits in its queue until somebody waits for the stream, an event of it or memory: who forgets to
 * wait, or changes pinned memory too early, gets wrong numbers. Capturing puts the work into a graph instead.
 * CUDA_11: it lacks what came with CUDA 12. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "fake_cuda.h"

#define EXPORT __attribute__((visibility("default")))

enum kind { UPLOAD, DOWNLOAD, MOVE, SET, LAUNCH, REPLAY, CALL };
enum { CALL_BYTES = 2048 };

struct op {
  enum kind kind;
  uint64_t target, source, bytes;
  unsigned value, width;
  struct CUfunc_st *function;
  unsigned sizes[7];
  uint64_t args[32];
  struct fake_map maps[2];
  struct CUgraph_st *graph;
  void (*call)(const void *argument);
  char argument[CALL_BYTES];
};
struct CUgraph_st {
  struct op *ops;
  int count, capacity;
};
struct CUgraphExec_st {
  struct CUgraph_st work;
};
struct CUstream_st {
  struct CUgraph_st queue, captured;
  bool capturing, launched; /* launched: its last work, or that of the graph, is a kernel */
  struct CUstream_st *next;
};
struct CUevent_st {
  CUstream stream;
};
struct CUfunc_st {
  struct fake_function function;
  int64_t shared;
};
struct CUmod_st {
  struct CUfunc_st functions[4];
  const char *ptx; /* compiled code: not run; of machine code any name will do */
};
struct CUctx_st {
  int device, users;
};
struct block {
  char *memory;
  size_t bytes;
  bool pinned;
  int device;
  struct block *next;
};

enum { DEVICES = 4 };
static struct fake_cuda state = {.devices = 1, .memory = INT64_MAX, .driver_version = 12040};
static struct CUctx_st contexts[DEVICES];
static _Thread_local CUcontext stack[16];
static _Thread_local int depth;
static struct block *blocks;
static struct CUstream_st *streams, legacy;
static pthread_mutex_t mutex;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_mutex(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&mutex, &attributes);
}
static void lock(void) {
  pthread_once(&once, make_mutex);
  pthread_mutex_lock(&mutex);
}
static CUresult done(CUresult result) {
  pthread_mutex_unlock(&mutex);
  return result;
}

EXPORT struct fake_cuda *fake_cuda_state(void) {
  state.depth = depth;
  return &state;
}
EXPORT void fake_cuda_reset(void) {
  lock();
  memset(&state.uploads, 0, (size_t)((char *)&state.devices - (char *)&state.uploads));
  state.devices = 1;
  state.memory = INT64_MAX;
  state.driver_version = 12040;
  state.init_error = state.load_error = state.capture_error = 0;
  done(0);
}

/* ---- memory ---- */

static struct block **find(uint64_t address, size_t bytes) {
  for (struct block **b = &blocks; *b; b = &(*b)->next) {
    uint64_t start = (uint64_t)(uintptr_t)(*b)->memory + ((*b)->pinned ? 0 : FAKE_OFFSET);
    if (address >= start && address + bytes <= start + (*b)->bytes) return b;
  }
  return NULL;
}
static bool is_device(uint64_t address) { return address >= FAKE_OFFSET; }
static char *at(uint64_t address, uint64_t bytes) {
  if (!is_device(address)) return (char *)(uintptr_t)address;
  if (!find(address, bytes)) {
    fprintf(stderr, "fake cuda: %llu bytes at %llx are not allocated\n", (unsigned long long)bytes, (unsigned long long)address);
    abort();
  }
  return (char *)(uintptr_t)(address - FAKE_OFFSET);
}
static CUresult take(uint64_t *out, size_t bytes, bool pinned) {
  lock();
  if (!depth || !bytes) return done(201);
  if (!pinned && state.bytes + (int64_t)bytes > state.memory) return done(CUDA_ERROR_OUT_OF_MEMORY);
  struct block *b = malloc(sizeof *b);
  *b = (struct block){aligned_alloc(256, (bytes + 255) / 256 * 256), bytes, pinned, stack[depth - 1]->device, blocks};
  memset(b->memory, 0xAB, bytes);
  blocks = b;
  *(pinned ? &state.pinned : &state.blocks) += 1;
  if (!pinned) state.bytes += (int64_t)bytes;
  *out = (uint64_t)(uintptr_t)b->memory + (pinned ? 0 : FAKE_OFFSET);
  return done(0);
}
static void flush_all(void);
static CUresult give(uint64_t address) {
  lock();
  flush_all();
  struct block **found = find(address, 0);
  if (!found) return done(1);
  struct block *b = *found;
  *found = b->next;
  *(b->pinned ? &state.pinned : &state.blocks) -= 1;
  if (!b->pinned) state.bytes -= (int64_t)b->bytes, state.frees++;
  memset(b->memory, 0xCD, b->bytes);
  free(b->memory);
  free(b);
  return done(0);
}
EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t bytes) {
  uint64_t address = 0;
  CUresult result = take(&address, bytes, false);
  *out = address;
  return result;
}
EXPORT CUresult cuMemFree_v2(CUdeviceptr address) { return give(address); }
EXPORT CUresult cuMemHostAlloc(void **out, size_t bytes, unsigned flags) {
  (void)flags;
  uint64_t address = 0;
  CUresult result = take(&address, bytes, true);
  *out = (void *)(uintptr_t)address;
  return result;
}
EXPORT CUresult cuMemFreeHost(void *memory) { return give((uint64_t)(uintptr_t)memory); }
EXPORT CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
  *total = (size_t)state.memory;
  *available = (size_t)(state.memory - state.bytes);
  return 0;
}

/* ---- work ---- */

static void run(const struct op *op) {
  switch (op->kind) {
    case UPLOAD:
    case DOWNLOAD:
    case MOVE: memcpy(at(op->target, op->bytes), at(op->source, op->bytes), op->bytes); break;
    case SET: {
      char *p = at(op->target, op->bytes);
      for (uint64_t i = 0; i < op->bytes; i += op->width) memcpy(p + i, &op->value, op->width);
      break;
    }
    case LAUNCH: {
      void *args[32];
      for (int i = 0; i < 32; i++) args[i] = (void *)&op->args[i];
      for (int i = 0; i < op->function->function.n_maps; i++)
        args[op->function->function.n_args + i] = (void *)&op->maps[i];
      op->function->function.run(args, op->sizes);
      break;
    }
    case REPLAY:
      for (int i = 0; i < op->graph->count; i++) run(&op->graph->ops[i]);
      break;
    case CALL: op->call(op->argument); break;
  }
}
static void flush(CUstream s) {
  for (int i = 0; i < s->queue.count; i++) run(&s->queue.ops[i]);
  s->queue.count = 0;
}
static void flush_all(void) {
  for (CUstream s = streams; s; s = s->next) flush(s);
  flush(&legacy);
}
static CUresult put(CUstream s, struct op op) {
  if (!s) s = &legacy;
  struct CUgraph_st *g = s->capturing ? &s->captured : &s->queue;
  s->launched = op.kind == LAUNCH;
  if (g->count == g->capacity) {
    g->capacity = g->capacity ? 2 * g->capacity : 16;
    g->ops = realloc(g->ops, (size_t)g->capacity * sizeof *g->ops);
  }
  g->ops[g->count++] = op;
  return done(depth ? 0 : 201);
}
EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr target, const void *source, size_t bytes, CUstream s) {
  lock();
  state.uploads++, state.uploaded += (int64_t)bytes;
  struct op op = {.kind = UPLOAD, .target = target, .source = (uint64_t)(uintptr_t)source, .bytes = bytes};
  if (find(op.source, bytes)) return put(s, op);
  if (s && s->capturing) return done(900); /* not pinned: read at the call, after the work before */
  flush(s ? s : &legacy);
  run(&op);
  return done(0);
}
EXPORT CUresult cuMemcpyDtoHAsync_v2(void *target, CUdeviceptr source, size_t bytes, CUstream s) {
  lock();
  state.downloads++, state.downloaded += (int64_t)bytes;
  return put(s, (struct op){.kind = DOWNLOAD, .target = (uint64_t)(uintptr_t)target, .source = source, .bytes = bytes});
}
EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr target, CUdeviceptr source, size_t bytes, CUstream s) {
  lock();
  state.moves++;
  return put(s, (struct op){.kind = MOVE, .target = target, .source = source, .bytes = bytes});
}
EXPORT CUresult cuMemcpyAsync(CUdeviceptr target, CUdeviceptr source, size_t bytes, CUstream s) {
  lock();
  return put(s, (struct op){.kind = MOVE, .target = target, .source = source, .bytes = bytes});
}
static CUresult set(CUdeviceptr target, unsigned value, unsigned width, size_t count, CUstream s) {
  lock();
  state.sets++;
  if (target % width) return done(1);
  return put(s, (struct op){.kind = SET, .target = target, .value = value, .width = width, .bytes = count * width});
}
EXPORT CUresult cuMemsetD8Async(CUdeviceptr t, unsigned char v, size_t n, CUstream s) { return set(t, v, 1, n, s); }
EXPORT CUresult cuMemsetD16Async(CUdeviceptr t, unsigned short v, size_t n, CUstream s) { return set(t, v, 2, n, s); }
EXPORT CUresult cuMemsetD32Async(CUdeviceptr t, unsigned v, size_t n, CUstream s) { return set(t, v, 4, n, s); }
EXPORT CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                               unsigned shared, CUstream s, void **args, void **extra) {
  (void)extra;
  lock();
  state.launches++;
  if (shared > state.most_shared) state.most_shared = shared;
  if (!gx || !gy || !gz || bx * by * bz > 1024 || (shared > 49152 && f->shared < (int64_t)shared)) return done(1);
  struct op op = {.kind = LAUNCH, .function = f, .sizes = {gx, gy, gz, bx, by, bz, shared}};
  for (int i = 0; i < f->function.n_args; i++) memcpy(&op.args[i], args[i], 8);
  for (int i = 0; i < f->function.n_maps; i++) memcpy(&op.maps[i], args[f->function.n_args + i], sizeof op.maps[i]);
  return put(s, op);
}
#ifndef CUDA_11
/* Only a launch after another may begin before its end: there is nothing else that could let it. */
EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig *c, CUfunction f, void **args, void **extra) {
  lock();
  CUstream s = c->stream ? c->stream : &legacy;
  bool early = c->attribute_count == 1 && c->attributes->id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION &&
               c->attributes->value.programmatic_stream_serialization_allowed == 1;
  if (!early || !s->launched) return done(1);
  state.early++;
  done(0);
  return cuLaunchKernel(f, c->grid_x, c->grid_y, c->grid_z, c->block_x, c->block_y, c->block_z, c->shared_bytes, c->stream,
                        args, extra);
}
#endif
/* For stand-ins of libraries: a function as work, with a copy of its argument; where memory of the device really is. */
EXPORT CUresult fake_cuda_call(CUstream s, void (*call)(const void *), const void *argument, size_t bytes) {
  lock();
  if (bytes > CALL_BYTES) return done(1);
  struct op op = {.kind = CALL, .call = call};
  memcpy(op.argument, argument, bytes);
  return put(s, op);
}
EXPORT void *fake_cuda_memory(uint64_t address, uint64_t bytes) {
  if (!is_device(address)) fprintf(stderr, "fake cuda: %llx is no memory of the device\n", (unsigned long long)address), abort();
  return at(address, bytes);
}
#ifndef CUDA_11
EXPORT CUresult cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *base, const uint64_t *sizes,
                                       const uint64_t *steps, const unsigned *boxes, const unsigned *every, int interleave,
                                       int swizzle, int promotion, int fill) {
  struct fake_map m = {.base = (uint64_t)(uintptr_t)base, .rank = (uint8_t)rank, .type = (uint8_t)type};
  bool good = (uintptr_t)map % 64 == 0 && m.base % 16 == 0 && rank >= 1 && rank <= 5 && interleave == 0 && swizzle == 3 &&
              promotion >= 0 && promotion <= 3 && fill == 0 && (type == 0 || type == 6 || type == 7 || type == 9);
  unsigned bytes = type == 0 ? 1 : type == 7 ? 4 : 2;
  good = good && boxes[0] * bytes <= 128 && boxes[0] * bytes % 16 == 0; /* a line of a box with exchanged chunks */
  for (unsigned d = 0; good && d < rank; d++) {
    good = sizes[d] >= 1 && sizes[d] <= UINT64_C(1) << 32 && boxes[d] >= 1 && boxes[d] <= 256 && every[d] >= 1 && every[d] <= 8;
    if (d > 0) good = good && steps[d - 1] % 16 == 0 && steps[d - 1] < UINT64_C(1) << 40;
    m.sizes[d] = sizes[d], m.boxes[d] = (uint16_t)boxes[d], m.apart[d] = (uint8_t)every[d];
    if (d > 0) m.steps[d - 1] = steps[d - 1];
  }
  for (unsigned d = 0; good && d < rank; d++) /* dims do not overlap: the documentation leaves open whether they may */
    for (unsigned other = 1; good && other < rank; other++) {
      uint64_t step = d ? steps[d - 1] : bytes;
      good = d == other || sizes[other] == 1 || step > steps[other - 1] || sizes[d] * step <= steps[other - 1];
    }
  if (!good) return 1;
  memset(map, 0, 128);
  memcpy(map, &m, sizeof m);
  return 0;
}
#endif

/* ---- streams, events, graphs ---- */

EXPORT CUresult cuStreamCreate(CUstream *out, unsigned flags) {
  (void)flags;
  lock();
  *out = calloc(1, sizeof **out);
  (*out)->next = streams;
  streams = *out;
  state.streams++;
  return done(0);
}
EXPORT CUresult cuStreamDestroy_v2(CUstream s) {
  lock();
  flush(s);
  for (CUstream *at_ = &streams; *at_; at_ = &(*at_)->next)
    if (*at_ == s) {
      *at_ = s->next;
      break;
    }
  free(s->queue.ops);
  free(s->captured.ops);
  free(s);
  state.streams--;
  return done(0);
}
EXPORT CUresult cuStreamSynchronize(CUstream s) {
  lock();
  if (s && s->capturing) return done(900);
  flush(s ? s : &legacy);
  return done(0);
}
EXPORT CUresult cuEventCreate(CUevent *out, unsigned flags) {
  (void)flags;
  lock();
  *out = calloc(1, sizeof **out);
  state.events++;
  return done(0);
}
EXPORT CUresult cuEventDestroy_v2(CUevent e) {
  lock();
  free(e);
  state.events--;
  return done(0);
}
EXPORT CUresult cuEventRecord(CUevent e, CUstream s) {
  e->stream = s;
  return 0;
}
EXPORT CUresult cuEventSynchronize(CUevent e) { return cuStreamSynchronize(e->stream); }
EXPORT CUresult cuEventElapsedTime(float *milliseconds, CUevent a, CUevent b) {
  *milliseconds = 0.25f;
  return a->stream == b->stream ? 0 : 400;
}
EXPORT CUresult cuStreamBeginCapture_v2(CUstream s, int mode) {
  lock();
  if (!s || s->capturing || mode != CU_STREAM_CAPTURE_MODE_RELAXED) return done(900);
  if (state.capture_error) return done((CUresult)state.capture_error);
  s->capturing = true, s->launched = false;
  s->captured.count = 0;
  state.captures++;
  return done(0);
}
static struct CUgraph_st copy_of(const struct CUgraph_st *g) {
  struct CUgraph_st copy = {malloc((size_t)(g->count ? g->count : 1) * sizeof *g->ops), g->count, g->count};
  if (g->count) memcpy(copy.ops, g->ops, (size_t)g->count * sizeof *g->ops);
  return copy;
}
EXPORT CUresult cuStreamEndCapture(CUstream s, CUgraph *out) {
  lock();
  s->capturing = s->launched = false;
  *out = malloc(sizeof **out);
  **out = copy_of(&s->captured);
  state.graphs++;
  return done(0);
}
EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph graph, unsigned long long flags) {
  (void)flags;
  lock();
  *out = malloc(sizeof **out);
  (*out)->work = copy_of(graph);
  state.graphs++;
  return done(0);
}
EXPORT CUresult cuGraphLaunch(CUgraphExec exec, CUstream s) {
  lock();
  state.replays++;
  return put(s, (struct op){.kind = REPLAY, .graph = &exec->work});
}
EXPORT CUresult cuGraphDestroy(CUgraph g) {
  lock();
  free(g->ops);
  free(g);
  state.graphs--;
  return done(0);
}
EXPORT CUresult cuGraphExecDestroy(CUgraphExec e) {
  lock();
  flush_all();
  free(e->work.ops);
  free(e);
  state.graphs--;
  return done(0);
}

/* ---- devices and modules ---- */

EXPORT CUresult cuInit(unsigned flags) {
  (void)flags;
  return (CUresult)state.init_error;
}
EXPORT CUresult cuGetErrorName(CUresult result, const char **out) {
  static _Thread_local char text[40];
  snprintf(text, sizeof text, "CUDA_ERROR_%d", result);
  *out = text;
  return 0;
}
EXPORT CUresult cuGetErrorString(CUresult result, const char **out) {
  *out = result == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory" : "some error";
  return 0;
}
EXPORT CUresult cuDriverGetVersion(int *out) {
  *out = (int)state.driver_version;
  return 0;
}
EXPORT CUresult cuDeviceGetCount(int *out) {
  *out = (int)state.devices;
  return 0;
}
EXPORT CUresult cuDeviceGet(CUdevice *out, int ordinal) {
  *out = ordinal;
  return ordinal < state.devices ? 0 : 101;
}
EXPORT CUresult cuDeviceGetName(char *out, int size, CUdevice device) {
  snprintf(out, (size_t)size, "Stand-in %d", device);
  return 0;
}
EXPORT CUresult cuDeviceGetAttribute(int *out, int attribute, CUdevice device) {
  (void)device;
  *out = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? 9
         : attribute == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT ? 132 : 0;
  return 0;
}
EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device) {
  lock();
  contexts[device].device = device;
  contexts[device].users++;
  state.contexts++;
  *out = &contexts[device];
  return done(0);
}
EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  lock();
  contexts[device].users--;
  state.contexts--;
  return done(0);
}
EXPORT CUresult cuCtxPushCurrent_v2(CUcontext context) {
  if (depth == 16 || !context->users) return 201;
  stack[depth++] = context;
  return 0;
}
EXPORT CUresult cuCtxPopCurrent_v2(CUcontext *out) {
  if (!depth) return 201;
  *out = stack[--depth];
  return 0;
}
EXPORT CUresult cuModuleLoadDataEx(CUmodule *out, const void *image, unsigned count, int *options, void **values) {
  lock();
  if (!depth) return done(201);
  if (state.load_error) {
    for (unsigned i = 0; i < count; i++)
      if (options[i] == CU_JIT_ERROR_LOG_BUFFER) strcpy(values[i], "ptxas fatal: line 1");
    return done((CUresult)state.load_error);
  }
  const struct fake_image *host = image;
  const bool binary = !memcmp(image, "\177ELF", 4), ptx = binary || strncmp(host->magic, FAKE_IMAGE, sizeof host->magic);
  if (ptx && !binary && !strstr(image, ".version")) return done(CUDA_ERROR_INVALID_PTX);
  *out = calloc(1, sizeof **out);
  if (ptx) (*out)->ptx = image;
  for (int i = 0; i < 4 && !ptx; i++) (*out)->functions[i].function = host->functions[i];
  state.modules++;
  return done(0);
}
EXPORT CUresult cuModuleUnload(CUmodule m) {
  lock();
  flush_all();
  free(m);
  state.modules--;
  return done(0);
}
static void nothing(void **args, const unsigned *sizes) { (void)args, (void)sizes; }

/* The entry of PTX and the number of its parameters: ".visible .entry name( .param .u64 …, … )". */
static CUresult find_entry(CUfunction *out, CUmodule m, const char *name) {
  char text[400];
  snprintf(text, sizeof text, ".entry %s(", name);
  const bool binary = m->ptx[0] == 127;
  const char *p = binary ? m->ptx : strstr(m->ptx, text);
  if (!p) return 500;
  struct CUfunc_st *f = m->functions;
  while (f < m->functions + 3 && f->function.name && strcmp(f->function.name, name)) f++;
  f->function = (struct fake_function){name, nothing, 0, 0};
  for (p += binary ? 0 : strlen(text); !binary && *p && *p != ')'; p++) f->function.n_args += !strncmp(p, ".param ", 7);
  *out = f;
  return f->function.n_args <= 32 ? 0 : 1;
}

EXPORT CUresult cuModuleGetFunction(CUfunction *out, CUmodule m, const char *name) {
  if (m->ptx) return find_entry(out, m, name);
  for (int i = 0; i < 4; i++)
    if (m->functions[i].function.name && !strcmp(m->functions[i].function.name, name)) {
      *out = &m->functions[i];
      return 0;
    }
  return 500;
}
EXPORT CUresult cuFuncSetAttribute(CUfunction f, int attribute, int value) {
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value > 232448) return 1;
  f->shared = value;
  return 0;
}

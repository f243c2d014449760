/* Runs as graphs: a run with dims and pointers seen before is one call of the driver.
 *
 * The first run with them calls `main`, which puts its work on the stream; the second one captures that work instead,
 * from then on it is replayed. When the caller's pointers differ again and again, tensors on the device are copied to
 * stand-ins, so that there is one graph for them all. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

enum { MAX_REPLACED = 2 * CUDA_GRAPHS };

static int64_t key_length(void) {
  int64_t length = (int64_t)aicc_model.n_inputs + aicc_model.n_outputs;
  for (int32_t i = 0; i < aicc_model.n_inputs; i++) length += aicc_model.inputs[i].info.ndim;
  return length;
}

static void write_key(const aicc_context *ctx, int64_t *key) {
  int64_t pointers = (int64_t)aicc_model.n_inputs + aicc_model.n_outputs, dims = key_length() - pointers;
  if (dims) memcpy(key, ctx->dims, (size_t)dims * sizeof *key);
  for (int64_t i = 0; i < pointers; i++) key[dims + i] = (int64_t)(intptr_t)ctx->pointers[i];
}

static void clear(struct cuda_graph *g) {
  if (g->exec) cuda.exec_destroy(g->exec);
  free(g->key);
  *g = (struct cuda_graph){0};
}

void cuda_graphs_clear(struct rt_device_state *s) {
  bool any = false;
  for (int32_t i = 0; i < CUDA_GRAPHS; i++) any = any || s->graphs.entries[i].exec;
  if (any) cuda.stream_wait(s->stream); /* one may be running */
  for (int32_t i = 0; i < CUDA_GRAPHS; i++) clear(&s->graphs.entries[i]);
}

bool cuda_graphs_want_fixed(const struct cuda_graphs *g) { return g->replaced > MAX_REPLACED; }

static struct cuda_graph *find(struct cuda_graphs *g, const int64_t *key, size_t bytes) {
  for (int32_t i = 0; i < CUDA_GRAPHS; i++)
    if (g->entries[i].key && !memcmp(g->entries[i].key, key, bytes)) return &g->entries[i];
  return NULL;
}

static void remember(struct cuda_graphs *g, int64_t *key) {
  struct cuda_graph *oldest = &g->entries[0];
  for (int32_t i = 1; i < CUDA_GRAPHS; i++)
    if (g->entries[i].last_use < oldest->last_use) oldest = &g->entries[i];
  if (oldest->key) g->replaced++;
  clear(oldest);
  *oldest = (struct cuda_graph){.key = key, .last_use = ++g->clock};
}

/* AICC_OK without a graph: this run cannot be captured. */
static int32_t capture(aicc_context *ctx, CUgraphExec *exec) {
  struct rt_device_state *s = ctx->device;
  *exec = NULL;
  if (cuda.capture_begin(s->own, CU_STREAM_CAPTURE_MODE_RELAXED) != CUDA_SUCCESS) return AICC_OK;
  s->capturing = true;
  s->after_waiting = false;
  int32_t status = rt_call_main(ctx);
  s->capturing = false;
  CUgraph graph = NULL;
  CUresult result = cuda.capture_end(s->own, &graph);
  if (result == CUDA_SUCCESS && status == AICC_OK && !s->read) result = cuda.graph_instantiate(exec, graph, 0);
  if (graph) cuda.graph_destroy(graph);
  if (s->read) return AICC_OK; /* `main` was left where it wanted to read */
  if (result != CUDA_SUCCESS) *exec = NULL;
  return status;
}

static int32_t run_now(aicc_context *ctx) {
  struct rt_device_state *s = ctx->device;
  s->read = s->after_waiting = false;
  int32_t status = rt_call_main(ctx);
  bool allocated = false; /* an output of a size that only `main` knows */
  for (int32_t i = 0; i < aicc_model.n_outputs; i++) allocated = allocated || ctx->outputs[i].given;
  if (s->read || allocated) s->never_replay = true;
  return status;
}

int32_t cuda_graphs_run(aicc_context *ctx) {
  struct rt_device_state *s = ctx->device;
  if (s->never_replay || ctx->profiling) return run_now(ctx);
  size_t bytes = (size_t)key_length() * sizeof(int64_t);
  int64_t *key = malloc(bytes ? bytes : 1);
  if (!key) return run_now(ctx);
  write_key(ctx, key);
  struct cuda_graph *g = find(&s->graphs, key, bytes);
  if (!g) {
    int32_t status = run_now(ctx);
    if (status == AICC_OK && !s->never_replay)
      remember(&s->graphs, key);
    else
      free(key);
    return status;
  }
  free(key);
  if (!g->exec) {
    CUgraphExec exec;
    s->read = false;
    int32_t status = capture(ctx, &exec);
    if (status != AICC_OK) return status;
    if (!exec) {
      s->never_replay = true;
      return run_now(ctx);
    }
    g->exec = exec;
  }
  g->last_use = ++s->graphs.clock;
  return cuda_check(cuda.graph_launch(g->exec, s->stream), "the model's graph cannot be launched");
}

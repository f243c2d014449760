/* Plans, made with the first call that needs them and kept: the first of the library's proposals that computes as exactly
 * as the model asks for, the same in every run, within the workspace there is. */
#include <stdlib.h>
#include <string.h>

#include "library.h"

enum { PROPOSALS = 64, MAX_NOTES = 16 };

/* Whether an engine may be used, by what the library notes about its numbers. */
static bool is_exact_enough(const struct aicc_cudnn_call *c, cudnnBackendDescriptor_t engine) {
  const bool exact = c->element == AICC_DNN_F32 && !c->tf32;
  int notes[MAX_NOTES];
  int64_t count = 0;
  if (dnn.get(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, MAX_NOTES, &count, notes)) return false;
  for (int64_t i = 0; i < count && i < MAX_NOTES; i++) {
    switch (notes[i]) {
      case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:
        if (exact) return false; /* f32 is rounded to TF32 for them */
        break;
      case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
      case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
      case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
      case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13: return false;
      default: break;
    }
  }
  return count <= MAX_NOTES;
}

/* A plan for a proposal, and the workspace it wants; NULL: it will not do. What it is made of stays in `g`. */
static cudnnBackendDescriptor_t try_proposal(struct dnn_group *g, cudnnHandle_t handle, const struct aicc_cudnn_call *c,
                                             cudnnBackendDescriptor_t config, int64_t *bytes) {
  int64_t count = 0;
  cudnnBackendDescriptor_t engine = dnn_make(g, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  if (g->status) return NULL;
  if (dnn.get(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &engine)) return NULL;
  if (!is_exact_enough(c, engine)) return NULL;
  cudnnBackendDescriptor_t plan = dnn_make(g, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  dnn_set(g, plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
  dnn_set_descriptor(g, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
  dnn_finalize(g, plan);
  if (g->status) return NULL;
  if (dnn.get(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count, bytes)) return NULL;
  return *bytes <= c->workspace_bytes ? plan : NULL;
}

/* The first proposal of a mode that will do becomes the plan, if there is one; what it is made of is kept. */
static void choose(struct dnn_plan *p, cudnnHandle_t handle, const struct aicc_cudnn_call *c, cudnnBackendDescriptor_t graph,
                   int mode) {
  struct dnn_group *kept = &p->group;
  struct dnn_group asked = {.count = 0};
  cudnnBackendDescriptor_t configs[PROPOSALS] = {NULL};
  int64_t count = 0;
  cudnnBackendDescriptor_t heuristic = dnn_make(&asked, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  dnn_set_descriptor(&asked, heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  dnn_set_kind(&asked, heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  dnn_finalize(&asked, heuristic);
  for (int i = 0; i < PROPOSALS; i++) configs[i] = dnn_make(&asked, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  if (asked.status == CUDNN_STATUS_SUCCESS)
    asked.status = dnn.get(heuristic, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, PROPOSALS, &count, configs);
  cudnnBackendDescriptor_t chosen = NULL;
  for (int64_t i = 0; asked.status == CUDNN_STATUS_SUCCESS && i < count && i < PROPOSALS && !p->plan; i++) {
    struct dnn_group tried = {.count = 0};
    chosen = configs[i];
    p->plan = try_proposal(&tried, handle, c, chosen, &p->workspace);
    if (!p->plan) dnn_drop(&tried);
    for (int j = 0; p->plan && j < tried.count; j++) kept->all[kept->count++] = tried.all[j];
  }
  for (int i = 0; i < asked.count; i++)
    if (p->plan && (asked.all[i] == chosen || asked.all[i] == heuristic)) /* it refers to them */
      kept->all[kept->count++] = asked.all[i];
    else
      dnn.drop(asked.all[i]);
  if (asked.status && !dnn_refuses(asked.status)) kept->status = asked.status;
}

static cudnnStatus_t make_plan(struct dnn_plan *p, cudnnHandle_t handle, const struct aicc_cudnn_call *c,
                               const int64_t *alignments) {
  static const int modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};
  cudnnBackendDescriptor_t graph = dnn_graph(&p->group, handle, c, alignments);
  for (int i = 0; i < 2 && !p->plan && p->group.status == CUDNN_STATUS_SUCCESS; i++)
    choose(p, handle, c, graph, modes[i]);
  cudnnStatus_t status = p->group.status;
  if (!p->plan) dnn_drop(&p->group);
  return dnn_refuses(status) ? CUDNN_STATUS_SUCCESS : status;
}

void dnn_plan_destroy(struct rt_plan *plan) {
  struct dnn_plan *p = (struct dnn_plan *)plan;
  while (p->group.count) dnn.drop(p->group.all[--p->group.count]);
  free(p);
}

int32_t dnn_plan_find(struct rt_cudnn *own, const struct aicc_cudnn_call *c, const int64_t *alignments,
                      aicc_range_fn range, struct dnn_plan **out) {
  int64_t key[DNN_KEY];
  memcpy(key, c, DNN_NUMBERS * sizeof *key);
  memcpy(key + DNN_NUMBERS, alignments, DNN_TENSORS * sizeof *key);
  *out = (struct dnn_plan *)rt_plans_find(&own->plans, key);
  if (*out) return AICC_OK;
  struct dnn_plan *p = calloc(1, sizeof *p);
  if (!p) return rt_error(AICC_ERROR_MEMORY, "out of memory");
  p->n_tensors = 3;
  for (int64_t i = 0; i < c->n_steps; i++) p->n_tensors += c->steps[i].operand >= 0;
  cudnnStatus_t status = make_plan(p, own->handle, c, alignments);
  if (status != CUDNN_STATUS_SUCCESS) {
    status = dnn_check(status, "cuDNN cannot plan a convolution", range);
    dnn_plan_destroy(&p->base);
    return status;
  }
  *out = p;
  return rt_plans_add(&own->plans, key, &p->base);
}

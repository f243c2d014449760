/* A stand-in for libcublasLt.so.12: products are computed on the host, what is asked for is checked and recorded.
 *
 * With the stand-in for the driver work waits on its stream, and goes into graphs; without a stream (the emulated GPU) it
 * is done at once. Misuse ends the program. OLD: a function is missing. */
#define _GNU_SOURCE
#include "api.h"
#include "fake_cublaslt.h"
#include "fake_vendor.h"

struct cublasLtContext {
  int unused;
};
struct lt_opaque {
  enum { DESC, LAYOUT, PREFERENCE } kind;
  int compute, scale;
  int32_t turned[2];
  uint32_t epilogue;
  const void *bias;
  int type;
  int64_t rows, columns, step, batches, batch_step;
  uint64_t workspace;
  uint32_t reductions, alignments[4];
};

static struct fake_cublaslt state = {.version = 120804};

EXPORT struct fake_cublaslt *fake_cublaslt_state(void) { return &state; }
EXPORT void fake_cublaslt_reset(void) {
  struct fake_cublaslt fresh = {.handles = state.handles, .descs = state.descs, .layouts = state.layouts,
                                .preferences = state.preferences, .version = 120804};
  state = fresh;
}

/* ---- numbers ---- */

static double load(int type, const void *base, int64_t at) {
  switch (type) {
    case CUDA_R_32F: return ((const float *)base)[at];
    case CUDA_R_16F: return half_value(((const uint16_t *)base)[at]);
    case CUDA_R_16BF: return float_of((uint32_t)((const uint16_t *)base)[at] << 16);
    case CUDA_R_8I: return ((const int8_t *)base)[at];
    default: die("a type that is not supported");
  }
}
static void store(int type, void *base, int64_t at, double x) {
  switch (type) {
    case CUDA_R_32F: ((float *)base)[at] = (float)x; break;
    case CUDA_R_16F: ((uint16_t *)base)[at] = half_of(x); break;
    case CUDA_R_16BF: ((uint16_t *)base)[at] = bfloat_of((float)x); break;
    case CUDA_R_32I: ((int32_t *)base)[at] = (int32_t)x; break;
    default: die("a type that is not supported");
  }
}
static int64_t bytes_of(int type) { return type == CUDA_R_8I ? 1 : type == CUDA_R_32F || type == CUDA_R_32I ? 4 : 2; }

/* ---- products ---- */

struct work {
  struct lt_opaque desc, a, b, d;
  const void *a_data, *b_data;
  void *d_data;
  fake_memory on_host;
};

static void *matrix(const struct work *w, const void *address, const struct lt_opaque *l) {
  int64_t last = (l->batches - 1) * l->batch_step + (l->columns - 1) * l->step + l->rows;
  return fake_host(w->on_host, address, last * bytes_of(l->type));
}
static double activated(uint32_t epilogue, double x) {
  if (epilogue & CUBLASLT_EPILOGUE_RELU) return x > 0 ? x : 0;
  if (epilogue & CUBLASLT_EPILOGUE_GELU) return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  return x;
}
static void multiply(const void *argument) {
  const struct work *w = argument;
  const void *a = matrix(w, w->a_data, &w->a), *b = matrix(w, w->b_data, &w->b);
  void *d = matrix(w, w->d_data, &w->d);
  const int64_t sums = w->desc.turned[0] ? w->a.rows : w->a.columns;
  const bool biased = w->desc.epilogue & CUBLASLT_EPILOGUE_BIAS, tf32 = w->desc.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  const void *bias = biased ? fake_host(w->on_host, w->desc.bias, w->d.rows * bytes_of(w->d.type)) : NULL;
  for (int64_t n = 0; n < w->d.batches; n++)
    for (int64_t j = 0; j < w->d.columns; j++)
      for (int64_t i = 0; i < w->d.rows; i++) {
        double sum = 0;
        for (int64_t k = 0; k < sums; k++) {
          double x = load(w->a.type, a, n * w->a.batch_step + (w->desc.turned[0] ? i * w->a.step + k : k * w->a.step + i));
          double y = load(w->b.type, b, n * w->b.batch_step + (w->desc.turned[1] ? k * w->b.step + j : j * w->b.step + k));
          sum += tf32 ? (double)tf32_of((float)x) * tf32_of((float)y) : x * y;
        }
        if (bias) sum += load(w->d.type, bias, i);
        store(w->d.type, d, n * w->d.batch_step + j * w->d.step + i, activated(w->desc.epilogue, sum));
      }
}

/* ---- the interface ---- */

EXPORT size_t cublasLtGetVersion(void) { return (size_t)state.version; }
#ifndef OLD
EXPORT const char *cublasLtGetStatusName(cublasStatus_t status) {
  static _Thread_local char text[40];
  snprintf(text, sizeof text, "CUBLAS_STATUS_%d", status);
  return text;
}
#endif
EXPORT const char *cublasLtGetStatusString(cublasStatus_t status) { return status == 3 ? "no memory" : "some status"; }
EXPORT cublasStatus_t cublasLtCreate(cublasLtHandle_t *out) {
  if (state.create_status) return (cublasStatus_t)state.create_status;
  *out = calloc(1, sizeof **out);
  state.handles++, state.created++;
  return 0;
}
EXPORT cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  free(handle);
  state.handles--;
  return 0;
}
EXPORT cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *out, int compute, int scale) {
  expect(compute == CUBLAS_COMPUTE_32I ? scale == CUDA_R_32I : scale == CUDA_R_32F, "a scale of another type");
  *out = calloc(1, sizeof **out);
  (*out)->kind = DESC, (*out)->compute = compute, (*out)->scale = scale, (*out)->epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  state.descs++;
  return 0;
}
static void set(void *target, size_t room, const void *value, size_t bytes) {
  expect(room == bytes, "an attribute of another size");
  memcpy(target, value, bytes);
}
EXPORT cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t d, int attribute, const void *value, size_t bytes) {
  expect(d->kind == DESC, "no descriptor");
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: set(&d->turned[0], sizeof d->turned[0], value, bytes); return 0;
    case CUBLASLT_MATMUL_DESC_TRANSB: set(&d->turned[1], sizeof d->turned[1], value, bytes); return 0;
    case CUBLASLT_MATMUL_DESC_EPILOGUE: set(&d->epilogue, sizeof d->epilogue, value, bytes); return 0;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: set(&d->bias, sizeof d->bias, value, bytes); return 0;
    default: die("an unknown attribute of a descriptor");
  }
}
EXPORT cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t d) {
  free(d);
  state.descs--;
  return 0;
}
EXPORT cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *out, int type, uint64_t rows, uint64_t columns, int64_t step) {
  if (step < (int64_t)rows || !rows || !columns) return 7;
  *out = calloc(1, sizeof **out);
  **out = (struct lt_opaque){.kind = LAYOUT, .type = type, .rows = (int64_t)rows, .columns = (int64_t)columns, .step = step, .batches = 1};
  state.layouts++;
  return 0;
}
EXPORT cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t l, int attribute, const void *value, size_t bytes) {
  int32_t count = 0;
  expect(l->kind == LAYOUT, "no layout");
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: set(&count, sizeof count, value, bytes), l->batches = count; return 0;
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: set(&l->batch_step, sizeof l->batch_step, value, bytes); return 0;
    default: die("an unknown attribute of a layout");
  }
}
EXPORT cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t l) {
  free(l);
  state.layouts--;
  return 0;
}
EXPORT cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *out) {
  *out = calloc(1, sizeof **out);
  **out = (struct lt_opaque){.kind = PREFERENCE, .reductions = 7, .alignments = {256, 256, 256, 256}};
  state.preferences++;
  return 0;
}
EXPORT cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p, int attribute, const void *value, size_t bytes) {
  expect(p->kind == PREFERENCE, "no preference");
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: set(&p->workspace, sizeof p->workspace, value, bytes); return 0;
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: set(&p->reductions, sizeof p->reductions, value, bytes); return 0;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      set(&p->alignments[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], 4, value, bytes);
      return 0;
    default: die("an unknown attribute of a preference");
  }
}
EXPORT cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t p) {
  free(p);
  state.preferences--;
  return 0;
}

/* The table "supported types" of cublasLtMatmul's documentation, as far as it is used; sizes that fit each other. */
static bool supported(const struct lt_opaque *desc, const struct lt_opaque *a, const struct lt_opaque *b, const struct lt_opaque *d) {
  int64_t rows = desc->turned[0] ? a->columns : a->rows, sums = desc->turned[0] ? a->rows : a->columns;
  int64_t others = desc->turned[1] ? b->columns : b->rows, columns = desc->turned[1] ? b->rows : b->columns;
  bool bytes = desc->compute == CUBLAS_COMPUTE_32I;
  expect(rows == d->rows && columns == d->columns && sums == others, "matrices that do not fit");
  expect(a->batches == d->batches && b->batches == d->batches, "batches of different sizes");
  if (a->type != b->type || bytes != (a->type == CUDA_R_8I)) return false;
  if (bytes) {
    if (d->type != CUDA_R_32I || desc->epilogue != CUBLASLT_EPILOGUE_DEFAULT || !desc->turned[0] || desc->turned[1]) return false;
    return rows % 4 == 0 && sums % 4 == 0 && a->step % 4 == 0 && b->step % 4 == 0 && d->step % 4 == 0;
  }
  if (desc->compute == CUBLAS_COMPUTE_32F_FAST_TF32 && a->type != CUDA_R_32F) return false;
  return d->type == CUDA_R_32F || (d->type == a->type && (d->type == CUDA_R_16F || d->type == CUDA_R_16BF));
}

struct algorithm {
  const void *desc, *a, *b, *d;
  uint64_t workspace;
  uint32_t alignments[4];
};

EXPORT cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                                     cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                                     cublasLtMatmulPreference_t p, int wanted,
                                                     cublasLtMatmulHeuristicResult_t *results, int *found) {
  expect(handle && wanted >= 1 && c == d, "no handle, or nothing wanted");
  state.heuristics++;
  *found = 0;
  if (state.heuristic_status) return (cublasStatus_t)state.heuristic_status;
  if (state.no_algorithm || !supported(desc, a, b, d)) return CUBLAS_STATUS_NOT_SUPPORTED;
  for (int i = 0; i < 4; i++) expect(p->alignments[i] && p->alignments[i] <= 256, "an alignment that is none");
  struct algorithm algorithm = {desc, a, b, d, p->workspace, {p->alignments[0], p->alignments[1], p->alignments[2], p->alignments[3]}};
  _Static_assert(sizeof algorithm <= sizeof results->algo, "it has to fit");
  memcpy(&results->algo, &algorithm, sizeof algorithm);
  results->workspaceSize = p->workspace / 2;
  results->state = CUBLAS_STATUS_SUCCESS;
  state.last.reductions = p->reductions;
  *found = 1;
  return 0;
}

static void check_alignment(const void *address, uint32_t alignment, const char *message) {
  expect((uintptr_t)address % alignment == 0, message);
}

EXPORT cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha, const void *a,
                                     cublasLtMatrixLayout_t a_layout, const void *b, cublasLtMatrixLayout_t b_layout,
                                     const void *beta, const void *c, cublasLtMatrixLayout_t c_layout, void *d,
                                     cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo, void *workspace,
                                     size_t workspace_bytes, void *stream) {
  struct algorithm chosen;
  memcpy(&chosen, algo, sizeof chosen);
  expect(handle && chosen.desc == desc && chosen.a == a_layout && chosen.b == b_layout && chosen.d == d_layout,
         "an algorithm for something else");
  expect(c == d && c_layout == d_layout, "another C");
  expect(workspace && workspace_bytes >= chosen.workspace, "too small a workspace");
  check_alignment(workspace, 16, "a workspace that is not aligned");
  check_alignment(a, chosen.alignments[0], "an A that is not aligned as was said");
  check_alignment(b, chosen.alignments[1], "a B that is not aligned as was said");
  check_alignment(d, chosen.alignments[3], "a D that is not aligned as was said");
  if (desc->epilogue & CUBLASLT_EPILOGUE_BIAS) {
    expect(desc->bias != NULL, "no bias");
    check_alignment(desc->bias, 16, "a bias that is not aligned");
  }
  if (desc->scale == CUDA_R_32I)
    expect(*(const int32_t *)alpha == 1 && *(const int32_t *)beta == 0, "an alpha or a beta");
  else
    expect(*(const float *)alpha == 1 && *(const float *)beta == 0, "an alpha or a beta");
  if (state.matmul_status) return (cublasStatus_t)state.matmul_status;
  state.matmuls++;
  int64_t reductions = state.last.reductions;
  state.last = (struct fake_call){d_layout->rows, d_layout->columns, desc->turned[0] ? a_layout->rows : a_layout->columns,
                                  d_layout->batches, a_layout->step, b_layout->step, d_layout->step,
                                  a_layout->batch_step, b_layout->batch_step, d_layout->batch_step,
                                  a_layout->type, d_layout->type, desc->compute, desc->turned[0], desc->turned[1],
                                  desc->epilogue, (int64_t)workspace_bytes, reductions, chosen.alignments[0],
                                  chosen.alignments[1], chosen.alignments[3]};
  struct work work = {*desc, *a_layout, *b_layout, *d_layout, a, b, d, NULL};
  return fake_submit(stream, multiply, &work, sizeof work, &work.on_host) ? 0 : 14;
}

/* library.h: what the files of this part share. */
#ifndef AICC_CUBLASLT_LIBRARY_H
#define AICC_CUBLASLT_LIBRARY_H

#include "../runtime.h"
#include "../vendor/library.h"
#include "../vendor/plans.h"
#include "api.h"
#include "cublaslt.h"

/* The library's functions, once it is open. */
struct lt_functions {
#define FIELD(name, symbol, result, parameters) result(*name) parameters;
  AICC_CUBLASLT_FUNCTIONS(FIELD)
#undef FIELD
};
extern struct lt_functions lt;

/* ---- library.c ---- */

/* The handle of a device, made with the first use; each success wants a release. The device's context is current. */
int32_t lt_handle_use(int32_t device, cublasLtHandle_t *out);
void lt_handle_release(int32_t device);
/* AICC_OK, or an error that says what failed, and of which node: the first that the kernel of `range` computes (NULL:
 * none in particular). */
int32_t lt_check(cublasStatus_t status, const char *what, aicc_range_fn range);

/* ---- plans.c ---- */

enum { LT_KEY = AICC_LT_LEFT_OFFSET, LT_ALIGNMENTS = 3 };

/* A product with its descriptors and the algorithm for it: for all calls with the same numbers and alignments. */
struct lt_plan {
  struct rt_plan base;
  cublasLtMatmulDesc_t desc;
  cublasLtMatrixLayout_t left, right, out;
  cublasLtMatmulAlgo_t algo;
  bool possible; /* an algorithm was found */
};

/* A context's. */
struct rt_cublaslt {
  int32_t device;
  cublasLtHandle_t handle;
  struct rt_plans plans;
};

/* The plan for a call, made if there is none yet. `alignments` of left, right and out are in bytes. */
int32_t lt_plan_find(struct rt_cublaslt *own, const int64_t *numbers, const int64_t *alignments, aicc_range_fn range,
                     struct lt_plan **out);
void lt_plan_destroy(struct rt_plan *plan);

#endif

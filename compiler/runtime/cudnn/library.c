/* Which library cuDNN is, and what it needs. */
#define _GNU_SOURCE
#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct dnn_functions dnn;

static const char *const names[] = {"libcudnn.so.9", "libcudnn_graph.so.9", NULL};

static const struct rt_library_function functions[] = {
#define ROW(name, symbol, result, parameters) {#symbol, offsetof(struct dnn_functions, name)},
    AICC_CUDNN_FUNCTIONS(ROW)
#undef ROW
};

static size_t version(void) { return dnn.version(); }

static struct rt_library library = {
    .title = "cuDNN",
    .variable = "AICC_CUDNN",
    .folder_variable = "AICC_CUDNN_FOLDER",
    .names = names,
    .package = "nvidia-cudnn-cu12",
    .file = "libcudnn.so.9",
    .oldest = 90000,
    .oldest_text = "cuDNN 9.0",
    .functions = functions,
    .n_functions = sizeof functions / sizeof *functions,
    .table = &dnn,
    .version = version,
};

enum { NEEDS_CUBLASLT = 91500 };

/* Later ones end the process when they plan and cannot open cuBLASLt. So it is opened before that, by its name or from
 * where Python packages have it, and stays open: then it is there for them, too. */
static int32_t open_cublaslt(void) {
  static const char *const folders[] = {"", "../../cublas/lib/", "../../cu13/lib/"};
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static void *found;
  Dl_info where = {NULL};
  char name[40], place[4096];
  if (dnn.version() < NEEDS_CUBLASLT) return AICC_OK;
  pthread_mutex_lock(&mutex);
  snprintf(name, sizeof name, "libcublasLt.so.%zu", dnn.cuda_version() / 1000);
  if (!found) found = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  void *symbol;
  memcpy(&symbol, &dnn.version, sizeof symbol);
  const char *path = dladdr(symbol, &where) && where.dli_fname ? where.dli_fname : "";
  const char *end = strrchr(path, '/');
  for (int i = 0; i < 3 && !found; i++) {
    snprintf(place, sizeof place, "%.*s%s%s", end ? (int)(end - path + 1) : 0, path, folders[i], name);
    found = dlopen(place, RTLD_NOW | RTLD_LOCAL);
  }
  pthread_mutex_unlock(&mutex);
  if (found) return AICC_OK;
  return rt_error(AICC_ERROR_LIBRARY,
                  "the library cuDNN needs %s, which is not here; install the package nvidia-cublas-cu%zu, or compile the model "
                  "without --vendor-libraries",
                  name, dnn.cuda_version() / 1000);
}

int32_t dnn_open(void) {
  int32_t status = rt_library_open(&library);
  return status == AICC_OK ? open_cublaslt() : status;
}

int32_t dnn_check(cudnnStatus_t status, const char *what, aicc_range_fn range) {
  char node[200], last[300] = "";
  if (status == CUDNN_STATUS_SUCCESS) return AICC_OK;
  rt_name_node(range, node, sizeof node);
  dnn.last_error(last, sizeof last);
  last[sizeof last - 1] = 0;
  const char *text = dnn.status_text(status);
  return rt_error(AICC_ERROR_LIBRARY, "%s%s: %s (%s)", node, what, text ? text : "unknown status",
                  last[0] ? last : "cuDNN says no more");
}

bool dnn_refuses(cudnnStatus_t status) { return status >= CUDNN_STATUS_BAD_PARAM && status < CUDNN_STATUS_INTERNAL_ERROR; }

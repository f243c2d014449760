/* cuBLASLt: found and opened with the first context, never when the model is loaded; a handle for each device. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"

struct lt_functions lt;

enum { OLDEST = 120000, MAX_DEVICES = 64 };

static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12"};
enum { NAMES = sizeof names / sizeof *names };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *library;
static struct {
  cublasLtHandle_t handle;
  int32_t users;
} handles[MAX_DEVICES];

#define NEXT_STEP                                                                                        \
  "install the package nvidia-cublas-cu12, set AICC_CUBLASLT to the path of libcublasLt.so.12, or compile " \
  "the model without --vendor-libraries"

static const struct {
  const char *symbol;
  size_t offset;
} functions[] = {
#define ROW(name, symbol, result, parameters) {#symbol, offsetof(struct lt_functions, name)},
    AICC_CUBLASLT_FUNCTIONS(ROW)
#undef ROW
};

/* By the loader's rules (so that one that is open already is taken), else in the folder the Python package has. */
static void *find_library(void) {
  const char *path = getenv("AICC_CUBLASLT"), *folder = getenv("AICC_CUBLASLT_FOLDER");
  if (path && *path) return dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void *found = NULL;
  for (int i = 0; i < NAMES && !found; i++) found = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  for (int i = 0; i < NAMES && !found && folder && *folder; i++) {
    char place[4096];
    snprintf(place, sizeof place, "%s/%s", folder, names[i]);
    found = dlopen(place, RTLD_NOW | RTLD_LOCAL);
  }
  return found;
}

static int32_t find_functions(void) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *found = dlsym(library, functions[i].symbol);
    if (!found)
      return rt_error(AICC_ERROR_LIBRARY, "the library cuBLASLt is too old: it has no %s (CUDA 12.0 or later is needed); " NEXT_STEP,
                      functions[i].symbol);
    *(void **)((char *)&lt + functions[i].offset) = found;
  }
  size_t version = lt.version();
  if (version >= OLDEST) return AICC_OK;
  return rt_error(AICC_ERROR_LIBRARY, "the library cuBLASLt is too old: it is of version %zu.%zu (CUDA 12.0 or later is needed); " NEXT_STEP,
                  version / 10000, version / 100 % 100);
}

static int32_t open_library(void) {
  if (library) return AICC_OK;
  library = find_library();
  if (!library) {
    const char *reason = dlerror();
    return rt_error(AICC_ERROR_LIBRARY, "the model was compiled to call cuBLASLt, which is not here: %s; " NEXT_STEP,
                    reason ? reason : names[1]);
  }
  int32_t status = find_functions();
  if (status != AICC_OK) {
    dlclose(library);
    library = NULL;
  }
  return status;
}

static void name_node(aicc_range_fn range, char *text, size_t room) {
  text[0] = 0;
  for (int32_t i = 0; range && i < aicc_model.n_kernels; i++) {
    const char *nodes = aicc_model.kernels[i].info.nodes;
    if (aicc_model.kernels[i].range == range && nodes[0])
      snprintf(text, room, "node '%.*s': ", (int)strcspn(nodes, "\n"), nodes);
  }
}

int32_t lt_check(cublasStatus_t status, const char *what, aicc_range_fn range) {
  char node[200];
  if (status == CUBLAS_STATUS_SUCCESS) return AICC_OK;
  name_node(range, node, sizeof node);
  const char *name = lt.status_name(status), *text = lt.status_text(status);
  return rt_error(AICC_ERROR_LIBRARY, "%s%s: %s (%s)", node, what, name ? name : "unknown status",
                  text ? text : "cuBLASLt says no more");
}

int32_t lt_handle_use(int32_t device, cublasLtHandle_t *out) {
  if (device < 0 || device >= MAX_DEVICES) return rt_error(AICC_ERROR_DEVICE, "there is no device %d", device);
  pthread_mutex_lock(&mutex);
  int32_t status = open_library();
  if (status == AICC_OK && !handles[device].users)
    status = lt_check(lt.create(&handles[device].handle), "cuBLASLt cannot be used on this device", NULL);
  if (status == AICC_OK) {
    handles[device].users++;
    *out = handles[device].handle;
  }
  pthread_mutex_unlock(&mutex);
  return status;
}

void lt_handle_release(int32_t device) {
  pthread_mutex_lock(&mutex);
  if (--handles[device].users == 0) lt.destroy(handles[device].handle);
  pthread_mutex_unlock(&mutex);
}

/* The driver library: opened when the first context is created, never when the model is loaded. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "state.h"

struct cuda_driver cuda;

enum { EARLY_LAUNCHES_IN_GRAPHS = 12030 }; /* edges of graphs have kinds from CUDA 12.3 on */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *library;

static const struct {
  const char *symbol;
  size_t offset;
  bool later;
} functions[] = {
#define ROW(name, symbol, parameters) {#symbol, offsetof(struct cuda_driver, name), false},
    AICC_CUDA_FUNCTIONS(ROW)
#undef ROW
#define ROW(name, symbol, parameters) {#symbol, offsetof(struct cuda_driver, name), true},
    AICC_CUDA_LATER_FUNCTIONS(ROW)
#undef ROW
};

static int32_t find_functions(void) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *found = dlsym(library, functions[i].symbol);
    if (!found && !functions[i].later)
      return rt_error(AICC_ERROR_DEVICE, "the NVIDIA driver is too old: it has no %s (CUDA 11.4 or later is needed)",
                      functions[i].symbol);
    *(void **)((char *)&cuda + functions[i].offset) = found;
  }
  return AICC_OK;
}

static int32_t initialize(void) {
  CUresult result = cuda.init(0);
  int version = 0;
  if (result == CUDA_SUCCESS) result = cuda.driver_version(&version);
  if (version < EARLY_LAUNCHES_IN_GRAPHS) cuda.launch_with = NULL;
  if (result == CUDA_SUCCESS) return AICC_OK;
  if (result == CUDA_ERROR_NO_DEVICE)
    return rt_error(AICC_ERROR_DEVICE, "there is no NVIDIA GPU: the driver found no device (CUDA_ERROR_NO_DEVICE)");
  return cuda_check(result, "the NVIDIA driver cannot be initialized");
}

int32_t cuda_open(void) {
  pthread_mutex_lock(&mutex);
  int32_t status = AICC_OK;
  if (!library) {
    const char *name = getenv("AICC_CUDA_DRIVER");
    if (!name || !*name) name = "libcuda.so.1";
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      const char *reason = dlerror();
      status = rt_error(AICC_ERROR_DEVICE, "there is no NVIDIA driver: %s", reason ? reason : name);
    }
    if (status == AICC_OK) status = find_functions();
    if (status == AICC_OK) status = initialize();
    if (status != AICC_OK && library) {
      dlclose(library);
      library = NULL;
    }
  }
  pthread_mutex_unlock(&mutex);
  return status;
}

int32_t cuda_check(CUresult result, const char *what) {
  if (result == CUDA_SUCCESS) return AICC_OK;
  const char *name = NULL, *text = NULL;
  cuda.error_name(result, &name);
  cuda.error_text(result, &text);
  return rt_error(result == CUDA_ERROR_OUT_OF_MEMORY ? AICC_ERROR_MEMORY : AICC_ERROR_DEVICE, "%s: %s (%s)", what,
                  name ? name : "unknown error", text ? text : "the driver says no more");
}

/* Which library cuBLASLt is; a handle for each device. */
#include <pthread.h>

#include "library.h"

struct lt_functions lt;

static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12", NULL};

static const struct rt_library_function functions[] = {
#define ROW(name, symbol, result, parameters) {#symbol, offsetof(struct lt_functions, name)},
    AICC_CUBLASLT_FUNCTIONS(ROW)
#undef ROW
};

static size_t version(void) { return lt.version(); }

static struct rt_library library = {
    .title = "cuBLASLt",
    .variable = "AICC_CUBLASLT",
    .folder_variable = "AICC_CUBLASLT_FOLDER",
    .names = names,
    .package = "nvidia-cublas-cu12",
    .file = "libcublasLt.so.12",
    .oldest = 120000,
    .oldest_text = "CUDA 12.0",
    .functions = functions,
    .n_functions = sizeof functions / sizeof *functions,
    .table = &lt,
    .version = version,
};

enum { MAX_DEVICES = 64 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
  cublasLtHandle_t handle;
  int32_t users;
} handles[MAX_DEVICES];

int32_t lt_check(cublasStatus_t status, const char *what, aicc_range_fn range) {
  char node[200];
  if (status == CUBLAS_STATUS_SUCCESS) return AICC_OK;
  rt_name_node(range, node, sizeof node);
  const char *name = lt.status_name(status), *text = lt.status_text(status);
  return rt_error(AICC_ERROR_LIBRARY, "%s%s: %s (%s)", node, what, name ? name : "unknown status",
                  text ? text : "cuBLASLt says no more");
}

int32_t lt_handle_use(int32_t device, cublasLtHandle_t *out) {
  if (device < 0 || device >= MAX_DEVICES) return rt_error(AICC_ERROR_DEVICE, "there is no device %d", device);
  pthread_mutex_lock(&mutex);
  int32_t status = rt_library_open(&library);
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

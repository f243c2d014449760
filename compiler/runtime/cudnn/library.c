/* Which library cuDNN is. */
#include "library.h"

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

int32_t dnn_open(void) { return rt_library_open(&library); }

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

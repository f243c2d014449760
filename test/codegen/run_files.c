/* Runs a model it is linked with on files of raw numbers: run_files OUTPUT-FOLDER INPUT...
 * All sizes are static; output number i goes to OUTPUT-FOLDER/i. */
#include <stdio.h>
#include <stdlib.h>

#include "aicc.h"

enum { MOST = 64 };

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, aicc_last_error());
  return EXIT_FAILURE;
}

/* The tensor `info` describes, with memory of its own; its bytes go to `bytes`. */
static DLTensor tensor(const aicc_tensor_info *info, size_t *bytes) {
  *bytes = (info->dtype.bits + 7u) / 8u;
  for (int32_t i = 0; i < info->ndim; i++) *bytes *= (size_t)info->dims[i];
  DLTensor t = aicc_tensor(malloc(*bytes + 1), aicc_float32, info->ndim, (int64_t *)info->dims);
  t.dtype = info->dtype;
  return t;
}

int main(int argc, char **argv) {
  int32_t n_inputs = aicc_input_count(), n_outputs = aicc_output_count();
  DLTensor inputs[MOST], outputs[MOST];
  size_t sizes[MOST], bytes;
  aicc_context *ctx;
  if (argc != n_inputs + 2 || n_inputs > MOST || n_outputs > MOST) return EXIT_FAILURE;
  for (int32_t i = 0; i < n_inputs; i++) {
    inputs[i] = tensor(aicc_input_info(i), &bytes);
    FILE *file = fopen(argv[i + 2], "rb");
    if (!file || !inputs[i].data || fread(inputs[i].data, 1, bytes, file) != bytes) return fail(argv[i + 2]);
    fclose(file);
  }
  for (int32_t i = 0; i < n_outputs; i++) outputs[i] = tensor(aicc_output_info(i), &sizes[i]);
  if (aicc_context_create(&ctx) != AICC_OK) return fail("aicc_context_create");
  if (aicc_run(ctx, inputs, n_inputs, outputs, n_outputs) != AICC_OK) return fail("aicc_run");
  for (int32_t i = 0; i < n_outputs; i++) {
    char name[4096];
    snprintf(name, sizeof name, "%s/%d", argv[1], (int)i);
    FILE *file = fopen(name, "wb");
    if (!file || fwrite(outputs[i].data, 1, sizes[i], file) != sizes[i] || fclose(file)) return fail(name);
  }
  aicc_context_destroy(ctx);
  return EXIT_SUCCESS;
}

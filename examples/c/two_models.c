/* Several models in one process, each opened by its path and called through its own table of functions.
 *
 *     cc two_models.c -I"$(python -c 'import aicc.runtime as r; print(r.include_dir())')" -ldl -o two_models
 *     ./two_models first.so second.so
 *
 * Each model gets a thread of its own. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aicc.h"

struct job {
  const char *path;
  int failed;
};

static const aicc_api *open_model(const char *path, void **library) {
  *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!*library) {
    fprintf(stderr, "%s\n", dlerror());
    return NULL;
  }
  aicc_get_api_fn get_api;
  *(void **)&get_api = dlsym(*library, "aicc_get_api");
  if (!get_api || get_api()->abi_version != AICC_ABI_VERSION) {
    fprintf(stderr, "%s is not an aicc model of this version\n", path);
    return NULL;
  }
  return get_api();
}

/* Zeros for every input, dynamic dims 2. */
static int run(const aicc_api *model, const char *path) {
  aicc_context *ctx;
  if (model->context_create(&ctx)) return 1;
  DLTensor inputs[16], outputs[16];
  int64_t shapes[16][8];
  int32_t n_inputs = model->input_count(), n_outputs = model->output_count();
  if (n_inputs > 16 || n_outputs > 16) return 1;
  for (int32_t n = 0; n < n_inputs; n++) {
    const aicc_tensor_info *info = model->input_info(n);
    size_t count = 1;
    for (int32_t i = 0; i < info->ndim; i++) {
      shapes[n][i] = info->dims[i] >= 0 ? info->dims[i] : 2;
      count *= (size_t)shapes[n][i];
    }
    inputs[n] = aicc_tensor(calloc(count, (info->dtype.bits + 7u) / 8u), aicc_float32, info->ndim, shapes[n]);
    inputs[n].dtype = info->dtype;
  }
  for (int32_t n = 0; n < n_outputs; n++) outputs[n] = aicc_tensor(NULL, aicc_float32, 0, NULL);
  int failed = model->run(ctx, inputs, n_inputs, outputs, n_outputs) != AICC_OK;
  if (failed)
    fprintf(stderr, "%s: %s\n", path, model->last_error());
  else
    printf("%s: %s gives %s with rank %d\n", path, model->model_name(), model->output_info(0)->name, outputs[0].ndim);
  model->context_destroy(ctx);
  for (int32_t n = 0; n < n_inputs; n++) free(inputs[n].data);
  return failed;
}

static void *work(void *argument) {
  struct job *job = argument;
  void *library;
  const aicc_api *model = open_model(job->path, &library);
  job->failed = !model || run(model, job->path);
  if (library) dlclose(library);
  return NULL;
}

int main(int argc, char **argv) {
  int failures = 0;
  pthread_t threads[16];
  struct job jobs[16];
  int count = argc - 1 < 16 ? argc - 1 : 16;
  for (int i = 0; i < count; i++) {
    jobs[i] = (struct job){argv[i + 1], 0};
    pthread_create(&threads[i], NULL, work, &jobs[i]);
  }
  for (int i = 0; i < count; i++) {
    pthread_join(threads[i], NULL);
    failures += jobs[i].failed;
  }
  return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

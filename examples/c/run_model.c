/* Runs a compiled model it is linked with: no Python, no file but the model.
 *
 *     aicc model.onnx -o libmodel.so
 *     cc run_model.c -I"$(python -c 'import aicc.runtime as r; print(r.include_dir())')" -L. -lmodel -Wl,-rpath,. -o run_model
 *     ./run_model [RUNS [DIM=SIZE ...]]
 *
 * Prints inputs and outputs, fills every input with ones, runs, and prints the first elements of each output.
 * Dynamic dims are 1 unless said otherwise: ./run_model 10 batch=8 seq=128 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aicc.h"

enum { MOST_TENSORS = 64, MOST_DIMS = 16 };

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, aicc_last_error());
  return EXIT_FAILURE;
}

static void print_info(const char *kind, const aicc_tensor_info *info) {
  printf("%s %s: dtype code %d, %d bits, [", kind, info->name, info->dtype.code, info->dtype.bits);
  for (int32_t i = 0; i < info->ndim; i++) {
    const char *name = info->dim_names ? info->dim_names[i] : NULL;
    if (info->dims[i] >= 0)
      printf("%s%lld", i ? ", " : "", (long long)info->dims[i]);
    else
      printf("%s%s", i ? ", " : "", name ? name : "?");
  }
  puts("]");
}

/* The size of a dynamic dim from the command line: "name=size". */
static int64_t size_of(const char *name, int argc, char **argv) {
  for (int i = 2; name && i < argc; i++) {
    size_t length = strlen(name);
    if (!strncmp(argv[i], name, length) && argv[i][length] == '=') return atoll(argv[i] + length + 1);
  }
  return 1;
}

/* Fills `count` elements with ones, for the types most inputs have; others stay zero. */
static void fill(void *data, DLDataType type, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (type.code == kDLFloat && type.bits == 32) ((float *)data)[i] = 1;
    if (type.code == kDLFloat && type.bits == 64) ((double *)data)[i] = 1;
    if (type.code == kDLInt && type.bits == 64) ((int64_t *)data)[i] = 1;
    if (type.code == kDLInt && type.bits == 32) ((int32_t *)data)[i] = 1;
    if (type.bits == 8) ((uint8_t *)data)[i] = 1;
  }
}

/* A tensor of ones for input `index`; false if memory runs out. */
static int make_input(int32_t index, int argc, char **argv, DLTensor *tensor, int64_t *shape) {
  const aicc_tensor_info *info = aicc_input_info(index);
  int64_t count = 1;
  for (int32_t i = 0; i < info->ndim; i++) {
    shape[i] = info->dims[i] >= 0 ? info->dims[i] : size_of(info->dim_names ? info->dim_names[i] : NULL, argc, argv);
    count *= shape[i];
  }
  *tensor = aicc_tensor(calloc((size_t)count + 1, (info->dtype.bits + 7u) / 8u), aicc_float32, info->ndim, shape);
  tensor->dtype = info->dtype;
  if (tensor->data) fill(tensor->data, info->dtype, count);
  return tensor->data != NULL;
}

static void print_output(int32_t index, const DLTensor *t) {
  int64_t count = 1;
  printf("%s [", aicc_output_info(index)->name);
  for (int32_t i = 0; i < t->ndim; i++) {
    printf("%s%lld", i ? ", " : "", (long long)t->shape[i]);
    count *= t->shape[i];
  }
  printf("]:");
  for (int64_t i = 0; i < count && i < 8; i++) {
    if (t->dtype.code == kDLFloat && t->dtype.bits == 32) printf(" %g", ((const float *)t->data)[i]);
    if (t->dtype.code == kDLFloat && t->dtype.bits == 64) printf(" %g", ((const double *)t->data)[i]);
    if (t->dtype.code == kDLInt && t->dtype.bits == 64) printf(" %lld", (long long)((const int64_t *)t->data)[i]);
    if (t->dtype.code == kDLInt && t->dtype.bits == 32) printf(" %d", ((const int32_t *)t->data)[i]);
  }
  puts(count > 8 ? " ..." : "");
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  int runs = argc > 1 ? atoi(argv[1]) : 1;
  int32_t n_inputs = aicc_input_count(), n_outputs = aicc_output_count();
  if (n_inputs > MOST_TENSORS || n_outputs > MOST_TENSORS) return EXIT_FAILURE;
  printf("%s (%s) for %s\n", aicc_model_name(), aicc_model_producer(), aicc_model_target());

  aicc_context *ctx;
  if (aicc_context_create(&ctx) != AICC_OK) return fail("aicc_context_create");

  DLTensor inputs[MOST_TENSORS], outputs[MOST_TENSORS];
  static int64_t shapes[MOST_TENSORS][MOST_DIMS];
  for (int32_t i = 0; i < n_inputs; i++) {
    print_info("input", aicc_input_info(i));
    if (!make_input(i, argc, argv, &inputs[i], shapes[i])) return EXIT_FAILURE;
  }
  for (int32_t i = 0; i < n_outputs; i++) print_info("output", aicc_output_info(i));

  double best = 1e9;
  for (int r = 0; r < runs; r++) {
    /* Outputs without data: the library owns them, and says their shapes. */
    for (int32_t i = 0; i < n_outputs; i++) outputs[i] = aicc_tensor(NULL, aicc_float32, 0, NULL);
    double start = now();
    if (aicc_run(ctx, inputs, n_inputs, outputs, n_outputs) != AICC_OK) return fail("aicc_run");
    double seconds = now() - start;
    if (seconds < best) best = seconds;
  }
  for (int32_t i = 0; i < n_outputs && runs > 0; i++) print_output(i, &outputs[i]);
  if (runs > 0) printf("%d threads, best of %d runs: %.1f us\n", aicc_get_num_threads(ctx), runs, best * 1e6);

  aicc_context_destroy(ctx);
  for (int32_t i = 0; i < n_inputs; i++) free(inputs[i].data);
  return EXIT_SUCCESS;
}

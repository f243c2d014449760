/* Pixels of an image file: what ImageDecoder compiles to. LAYOUT as in model.h. */
#include "fake.h"

#ifndef LAYOUT
#define LAYOUT 0
#endif
#define U8 {kDLUInt, 8, 1}

static int model_main(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena) {
  (void)weights, (void)arena;
  int64_t sizes[3] = {0, 0, LAYOUT == 2 ? 1 : 3};
  aicc_image_sizes(ctx, buffers[0], sizes, 2, dims[0], "node 'decode'");
  uint8_t *out = aicc_output_allocate(ctx, 0, sizes);
  aicc_image_decode(ctx, buffers[0], out, sizes[0] * sizes[1] * sizes[2], dims[0], sizes[0], sizes[1], LAYOUT,
                    "node 'decode'");
  return 0;
}

static void shapes(const int64_t *dims, int64_t *out) {
  (void)dims;
  out[0] = out[1] = -1;
  out[2] = LAYOUT == 2 ? 1 : 3;
}

static const int64_t file[] = {-1}, image[] = {-1, -1, LAYOUT == 2 ? 1 : 3};
static const char *const names[] = {"bytes"}, *const sides[] = {"height", "width", NULL};
static const struct aicc_tensor_desc inputs[] = {{{"x", U8, 1, file, names}, NULL}};
static const struct aicc_tensor_desc outputs[] = {{{"y", U8, 3, image, sides}, NULL}};

const struct aicc_model_desc aicc_model = {
    HEADER("image"),    .n_inputs = 1,      .n_outputs = 1,   .inputs = inputs,
    .outputs = outputs, .main = model_main, .shapes = shapes,
};

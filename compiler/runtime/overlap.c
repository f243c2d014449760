/* Do outputs of the caller's lie apart from inputs and from each other? An output may be the whole of the input that
 * `aliases` names, which the model then writes to. */
#include "runtime.h"

static const char *input_name(int32_t i) { return aicc_model.inputs[i].info.name; }
static const char *output_name(int32_t i) { return aicc_model.outputs[i].info.name; }

/* Without elements or data: nowhere. */
static struct rt_span span_of(const DLTensor *t) {
  int64_t bytes = t->data ? rt_tensor_bytes(t->dtype, t->ndim, t->shape) : 0;
  uintptr_t begin = bytes ? (uintptr_t)t->data + t->byte_offset : 0;
  return (struct rt_span){begin, begin + (uintptr_t)bytes};
}

static bool meet(struct rt_span a, struct rt_span b) { return a.begin < b.end && b.begin < a.end; }

static bool same_shape(const DLTensor *a, const DLTensor *b) {
  for (int32_t i = 0; i < a->ndim; i++)
    if (a->shape[i] != b->shape[i]) return false;
  return true;
}

/* An output and an input that meet. */
static int32_t check_pair(const aicc_context *ctx, int32_t out, int32_t in, const DLTensor *output, const DLTensor *input) {
  const struct rt_span *spans = ctx->spans;
  int32_t alias = aicc_model.aliases ? aicc_model.aliases[out] : -1;
  if (alias != in)
    return rt_error(AICC_ERROR_OUTPUT, "output '%s' is in the memory of input '%s'; it %s%s%s", output_name(out),
                    input_name(in), alias < 0 ? "needs memory of its own" : "may be in that of input '",
                    alias < 0 ? "" : input_name(alias), alias < 0 ? "" : "' alone");
  if (spans[in].begin != spans[aicc_model.n_inputs + out].begin)
    return rt_error(AICC_ERROR_OUTPUT, "output '%s' overlaps input '%s' in part; it may be the whole of it, or apart",
                    output_name(out), input_name(in));
  if (!same_shape(output, input))
    return rt_error(AICC_ERROR_OUTPUT, "output '%s' is in the memory of input '%s', whose shape is another", output_name(out),
                    input_name(in));
  return AICC_OK;
}

int32_t rt_check_overlaps(aicc_context *ctx, const DLTensor *inputs, const DLTensor *outputs) {
  const int32_t n_inputs = aicc_model.n_inputs;
  for (int32_t i = 0; i < n_inputs; i++) ctx->spans[i] = span_of(&inputs[i]);
  for (int32_t k = 0; k < aicc_model.n_outputs; k++) {
    const struct rt_span own = ctx->spans[n_inputs + k] = span_of(&outputs[k]);
    if (own.begin == own.end) continue;
    for (int32_t i = 0; i < n_inputs; i++) {
      if (!meet(own, ctx->spans[i])) continue;
      int32_t status = check_pair(ctx, k, i, &outputs[k], &inputs[i]);
      if (status != AICC_OK) return status;
    }
    for (int32_t j = 0; j < k; j++)
      if (meet(own, ctx->spans[n_inputs + j]))
        return rt_error(AICC_ERROR_OUTPUT, "outputs '%s' and '%s' overlap", output_name(j), output_name(k));
  }
  return AICC_OK;
}

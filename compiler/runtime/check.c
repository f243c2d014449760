/* Do the tensors of a run fit the model? Each message says which tensor, which dim, what it is and should be. */
#include <stdio.h>
#include <string.h>

#include "runtime.h"

static const char *const code_names[] = {
    "int",           "uint",          "float",           "handle",        "bfloat",          "complex",
    "bool",          "float8_e3m4_",  "float8_e4m3_",    "float8_e4m3b11fnuz_", "float8_e4m3fn_", "float8_e4m3fnuz_",
    "float8_e5m2_",  "float8_e5m2fnuz_", "float8_e8m0fnu_", "float6_e2m3fn_", "float6_e3m2fn_", "float4_e2m1fn_",
};

struct text {
  char chars[32];
};

static struct text dtype_text(DLDataType t) {
  struct text out;
  if (t.code >= sizeof code_names / sizeof *code_names)
    snprintf(out.chars, sizeof out.chars, "dtype code %d", t.code);
  else if (t.code == kDLBool && t.bits == 8 && t.lanes == 1)
    snprintf(out.chars, sizeof out.chars, "bool");
  else if (rt_is_string(t) && t.lanes == 1)
    snprintf(out.chars, sizeof out.chars, "strings");
  else if (t.lanes != 1)
    snprintf(out.chars, sizeof out.chars, "%s%dx%d", code_names[t.code], t.bits, t.lanes);
  else
    snprintf(out.chars, sizeof out.chars, "%s%d", code_names[t.code], t.bits);
  return out;
}

int64_t rt_tensor_bytes(DLDataType dtype, int32_t ndim, const int64_t *dims) {
  int64_t bytes = (dtype.bits + 7) / 8;
  bool empty = false;
  for (int32_t i = 0; i < ndim; i++) {
    if (dims[i] < 0) return -1;
    if (dims[i] == 0) empty = true;
    else if (__builtin_mul_overflow(bytes, dims[i], &bytes)) return -1;
  }
  return empty ? 0 : bytes;
}

static bool compact(const DLTensor *t) {
  if (!t->strides) return true;
  for (int32_t i = 0; i < t->ndim; i++)
    if (t->shape[i] == 0) return true;
  int64_t expected = 1;
  for (int32_t i = t->ndim - 1; i >= 0; i--) {
    if (t->shape[i] != 1 && t->strides[i] != expected) return false;
    expected *= t->shape[i];
  }
  return true;
}

/* What inputs and outputs have in common. `kind` is "input" or "output", `status` what to return. */
static int32_t check_form(const char *kind, int32_t status, const aicc_tensor_info *info, const DLTensor *t) {
  if (!t->data && !t->dtype.lanes) return rt_error(status, "%s '%s' is not given", kind, info->name);
  if (t->dtype.code != info->dtype.code || t->dtype.bits != info->dtype.bits || t->dtype.lanes != 1)
    return rt_error(status, "%s '%s' is %s, the model wants %s", kind, info->name, dtype_text(t->dtype).chars,
                    dtype_text(info->dtype).chars);
  if (t->ndim != info->ndim)
    return rt_error(status, "%s '%s' has rank %d, the model wants %d", kind, info->name, t->ndim, info->ndim);
  if (t->ndim && !t->shape) return rt_error(status, "%s '%s' has no shape", kind, info->name);
  return AICC_OK;
}

/* Stands for tensors without elements: where an index is brought into range, it is that of the first one. */
static _Alignas(RT_LINE) char nothing[RT_LINE];

static int32_t check_memory(const aicc_context *ctx, const char *kind, int32_t status, const aicc_tensor_info *info, const DLTensor *t, void **out) {
  int32_t placed = rt_device_check(ctx, t->device, kind, info->name, status);
  if (placed != AICC_OK) return placed;
  if (!compact(t))
    return rt_error(status, "%s '%s' is strided, the model wants it compact and row-major", kind, info->name);
  int64_t bytes = rt_tensor_bytes(t->dtype, t->ndim, t->shape);
  if (bytes < 0) return rt_error(status, "%s '%s' is larger than the address space", kind, info->name);
  char *data = (char *)t->data;
  if (!data && bytes) return rt_error(status, "%s '%s' has no data", kind, info->name);
  if (data) data += t->byte_offset;
  int alignment = rt_is_string(info->dtype) ? (int)_Alignof(aicc_string) : (info->dtype.bits + 7) / 8;
  if ((uintptr_t)data % (uintptr_t)alignment)
    return rt_error(status, "%s '%s' is not aligned to its element of %d bytes", kind, info->name, alignment);
  *out = bytes || (int)t->device.device_type != kDLCPU ? data : nothing;
  return AICC_OK;
}

static const char *dim_name(const aicc_tensor_info *info, int32_t i) {
  return info->dim_names ? info->dim_names[i] : NULL;
}

/* One dynamic dim: bounds, and the same value wherever its symbol stands. */
static int32_t check_symbol(aicc_context *ctx, int32_t input, int32_t i, int64_t value) {
  const struct aicc_tensor_desc *desc = &aicc_model.inputs[input];
  int32_t symbol = desc->symbols ? desc->symbols[i] : -1;
  if (symbol < 0) return AICC_OK;
  const struct aicc_symbol_desc *s = &aicc_model.symbols[symbol];
  int32_t source = ctx->symbol_sources[symbol];
  if (source < 0) {
    ctx->symbol_sources[symbol] = input;
    ctx->symbol_values[symbol] = value;
    if (value < s->min || (s->max >= 0 && value > s->max)) {
      char most[32] = "more";
      if (s->max >= 0) snprintf(most, sizeof most, "%lld", (long long)s->max);
      return rt_error(AICC_ERROR_INPUT, "input '%s': dim %d ('%s') is %lld, the model was compiled for %lld %s %s",
                      desc->info.name, i, s->name, (long long)value, (long long)s->min, s->max >= 0 ? "to" : "or", most);
    }
  } else if (ctx->symbol_values[symbol] != value) {
    return rt_error(AICC_ERROR_INPUT, "input '%s': dim %d ('%s') is %lld, but '%s' is %lld in input '%s'", desc->info.name,
                    i, s->name, (long long)value, s->name, (long long)ctx->symbol_values[symbol],
                    aicc_model.inputs[source].info.name);
  }
  return AICC_OK;
}

const struct aicc_default_desc *rt_default(int32_t input) {
  const int32_t number = input - (aicc_model.n_inputs - aicc_model.n_defaults);
  return number >= 0 ? &aicc_model.defaults[number] : NULL;
}

const DLTensor *rt_with_defaults(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs) {
  if (!aicc_model.n_defaults || !inputs || n_inputs != aicc_model.n_inputs) return inputs;
  for (int32_t n = 0; n < n_inputs; n++) {
    const struct aicc_default_desc *d = rt_default(n);
    ctx->given[n] = inputs[n];
    if (!d || inputs[n].data || inputs[n].dtype.lanes) continue;
    ctx->given[n] = (DLTensor){.data = (void *)(ctx->weights + d->offset),
                               .device = rt_device_of(ctx),
                               .ndim = d->ndim,
                               .dtype = aicc_model.inputs[n].info.dtype,
                               .shape = (int64_t *)d->dims};
  }
  return ctx->given;
}

int32_t rt_check_inputs(aicc_context *ctx, const DLTensor *inputs, int32_t n_inputs, bool data) {
  if (n_inputs != aicc_model.n_inputs)
    return rt_error(AICC_ERROR_ARGUMENT, "%d inputs given, the model has %d", n_inputs, aicc_model.n_inputs);
  if (n_inputs && !inputs) return rt_error(AICC_ERROR_ARGUMENT, "inputs are NULL");
  for (int32_t s = 0; s < aicc_model.n_symbols; s++) ctx->symbol_sources[s] = -1;
  int64_t *dims = ctx->dims;
  bool same = true;
  for (int32_t n = 0; n < n_inputs; n++) {
    const aicc_tensor_info *info = &aicc_model.inputs[n].info;
    const DLTensor *t = &inputs[n];
    int32_t status = check_form("input", AICC_ERROR_INPUT, info, t);
    for (int32_t i = 0; i < info->ndim && status == AICC_OK; i++) {
      int64_t value = t->shape[i];
      if (value < 0)
        status = rt_error(AICC_ERROR_INPUT, "input '%s': dim %d is %lld", info->name, i, (long long)value);
      else if (info->dims[i] < 0)
        status = check_symbol(ctx, n, i, value);
      else if (value != info->dims[i])
        status = rt_error(AICC_ERROR_INPUT, "input '%s': dim %d is %lld, the model wants %lld", info->name, i,
                          (long long)value, (long long)info->dims[i]);
      same = same && *dims == value;
      *dims++ = value;
    }
    if (status == AICC_OK && data) status = check_memory(ctx, "input", AICC_ERROR_INPUT, info, t, &ctx->pointers[n]);
    if (status != AICC_OK) {
      ctx->out_dims_valid = false;
      return status;
    }
  }
  ctx->out_dims_valid = ctx->out_dims_valid && same;
  return AICC_OK;
}

int32_t rt_compute_output_dims(aicc_context *ctx) {
  if (ctx->out_dims_valid) return AICC_OK;
  int64_t *dims = ctx->out_dims;
  if (aicc_model.shapes) {
    aicc_model.shapes(ctx->dims, dims);
  } else {
    for (int32_t n = 0; n < aicc_model.n_outputs; n++)
      for (int32_t i = 0; i < aicc_model.outputs[n].info.ndim; i++) *dims++ = aicc_model.outputs[n].info.dims[i];
    dims = ctx->out_dims;
  }
  for (int32_t n = 0; n < aicc_model.n_outputs; n++) {
    const aicc_tensor_info *info = &aicc_model.outputs[n].info;
    for (int32_t i = 0; i < info->ndim; i++, dims++)
      if (*dims < -1)
        return rt_error(AICC_ERROR_INPUT, "inputs of these shapes would give output '%s' %lld as dim %d", info->name,
                        (long long)*dims, i);
  }
  ctx->out_dims_valid = true;
  return AICC_OK;
}

int32_t rt_check_output(const aicc_context *ctx, const aicc_tensor_info *info, const DLTensor *t, const int64_t *dims, void **out) {
  int32_t status = check_form("output", AICC_ERROR_OUTPUT, info, t);
  if (status != AICC_OK) return status;
  for (int32_t i = 0; i < info->ndim; i++) {
    const char *name = dim_name(info, i);
    if (dims[i] < 0)
      return rt_error(AICC_ERROR_OUTPUT, "output '%s': dim %d%s%s%s depends on data: give a DLTensor without data",
                      info->name, i, name ? " ('" : "", name ? name : "", name ? "')" : "");
    if (t->shape[i] != dims[i])
      return rt_error(AICC_ERROR_OUTPUT, "output '%s': dim %d is %lld, for these inputs it must be %lld", info->name, i,
                      (long long)t->shape[i], (long long)dims[i]);
  }
  return check_memory(ctx, "output", AICC_ERROR_OUTPUT, info, t, out);
}

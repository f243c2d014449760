/* Branches and loops: programs of the model that the host program calls (passes/llvm/programs.py).
 *
 * A program is called like the model's `main`. Its tensors are addresses of the device; those it is to find memory
 * for, and all values that a loop carries from round to round, are buffers of the context's pool. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

/* What the program that runs now gives its results. */
struct rt_frame {
  const struct aicc_program_desc *program;
  void **outputs;
  int64_t *sizes;  /* of all outputs, one after the other */
  bool *given;     /* memory that belongs to the caller, for results of the sizes that `sizes` said */
  struct rt_frame *outer;
};

static const aicc_tensor_info *output(const struct aicc_program_desc *p, int32_t i) { return &p->outputs[i].info; }

/* Strings are numbers in programs. -1: more than the address space, or a size is unknown. */
static int64_t tensor_bytes(const aicc_tensor_info *info, const int64_t *dims) {
  DLDataType number = {.code = kDLInt, .bits = 64, .lanes = 1};
  return rt_tensor_bytes(rt_is_string(info->dtype) ? number : info->dtype, info->ndim, dims);
}

/* Does a result have the sizes that its place was made for? */
static void check_sizes(aicc_context *ctx, const struct aicc_program_desc *p, int32_t i, const int64_t *expected,
                        const int64_t *dims) {
  for (int32_t d = 0; d < output(p, i)->ndim; d++)
    if (expected[d] >= 0 && expected[d] != dims[d])
      rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "result '%s' of %s has %lld as dim %d, the model was compiled for %lld",
                         output(p, i)->name, p->name, (long long)dims[d], d, (long long)expected[d]));
}

/* ---- one call ---- */

/* Runs a program. On entry `sizes` are what results must have, -1 for any; then what they have. Results without an
 * address get a buffer of the pool. */
static void call(aicc_context *ctx, const struct aicc_program_desc *p, void **buffers, const int64_t *dims, int64_t *sizes) {
  const int32_t n = p->n_outputs;
  const int64_t rank = rt_total_rank(p->outputs, n);
  int64_t found[rank + 1];
  bool given[n + 1];
  void **outputs = buffers + p->n_inputs;
  if (p->shapes) {
    p->shapes(dims, found);
  } else {
    int64_t *at = found;
    for (int32_t i = 0; i < n; i++)
      for (int32_t d = 0; d < output(p, i)->ndim; d++) *at++ = output(p, i)->dims[d];
  }
  for (int64_t i = 0, position = 0; i < n; position += output(p, (int32_t)i)->ndim, i++) {
    const aicc_tensor_info *info = output(p, (int32_t)i);
    given[i] = outputs[i] != NULL;
    const int64_t bytes = tensor_bytes(info, found + position);
    if (bytes < 0) continue; /* depends on data: see aicc_output_allocate */
    check_sizes(ctx, p, (int32_t)i, sizes + position, found + position);
    memcpy(sizes + position, found + position, (size_t)info->ndim * sizeof *sizes);
    if (!outputs[i]) outputs[i] = aicc_buffer_acquire(ctx, bytes);
  }
  void *arena = p->arena_bytes ? aicc_buffer_acquire(ctx, p->arena_bytes) : NULL;
  struct rt_frame frame = {.program = p, .outputs = outputs, .sizes = sizes, .given = given, .outer = ctx->frame};
  ctx->frame = &frame;
  int result = p->main(ctx, buffers, dims, ctx->weights, arena);
  ctx->frame = frame.outer;
  if (result || ctx->status != AICC_OK)
    rt_end_run(ctx, ctx->status != AICC_OK ? ctx->status : rt_error(AICC_ERROR_MODEL, "%s failed with status %d", p->name, result));
  if (arena) aicc_buffer_release(ctx, arena);
}

void *rt_frame_allocate(aicc_context *ctx, int32_t index, const int64_t *dims) {
  struct rt_frame *f = ctx->frame;
  const aicc_tensor_info *info = output(f->program, index);
  int64_t *sizes = f->sizes + rt_total_rank(f->program->outputs, index);
  const int64_t bytes = tensor_bytes(info, dims);
  if (f->given[index]) {
    check_sizes(ctx, f->program, index, sizes, dims);
  } else {
    const bool fits = f->outputs[index] && bytes <= tensor_bytes(info, sizes);
    if (!fits && f->outputs[index]) aicc_buffer_release(ctx, f->outputs[index]);
    if (!fits) f->outputs[index] = aicc_buffer_acquire(ctx, bytes);
  }
  memcpy(sizes, dims, (size_t)info->ndim * sizeof *dims);
  return f->outputs[index];
}

void aicc_call_if(void *context, const struct aicc_program_desc *yes, const struct aicc_program_desc *no,
                  int64_t condition, void **buffers, const int64_t *dims, int64_t *sizes) {
  call(context, condition ? yes : no, buffers, dims, sizes);
}

/* ---- loops ---- */

/* A value that goes from round to round: `data` is the caller's at first, then a buffer of the pool. */
struct value {
  void *data;
  bool pooled;
};

/* Rows of the rounds so far. */
struct rows {
  char *data;
  bool pooled;
  int64_t row_bytes, count, capacity; /* in rows */
};

struct loop {
  aicc_context *ctx;
  const struct aicc_program_desc *program;
  int32_t carried, scans;
  void **results;  /* the caller's: carried values, then rows */
  int64_t *sizes;  /* theirs */
  int64_t trip;
  struct value *values;
  struct rows *rows;
  int64_t *row_dims; /* of all rows, one after the other; those of a body that never ran are what it declares */
};

static int64_t *result_sizes(const struct loop *l, int32_t k) {
  /* Rows have one dim more than what the body gives of them. */
  int64_t at = rt_total_rank(l->program->outputs + 1, k);
  return l->sizes + at + (k > l->carried ? k - l->carried : 0);
}

static void grow(struct loop *l, int32_t k) {
  struct rows *r = &l->rows[k];
  int64_t capacity = r->capacity ? 2 * r->capacity : 8;
  if (!r->capacity && l->trip < 1 << 20) capacity = l->trip;
  if (capacity > l->trip) capacity = l->trip;
  int64_t bytes;
  if (__builtin_mul_overflow(capacity, r->row_bytes, &bytes)) bytes = -1;
  char *data = aicc_buffer_acquire(l->ctx, bytes);
  rt_device_move(l->ctx, data, r->data, r->count * r->row_bytes);
  if (r->pooled) aicc_buffer_release(l->ctx, r->data);
  *r = (struct rows){.data = data, .pooled = true, .row_bytes = r->row_bytes, .count = r->count, .capacity = capacity};
}

static void append(struct loop *l, int32_t k, const void *row, const int64_t *dims) {
  const int32_t index = 1 + l->carried + k;
  const aicc_tensor_info *info = output(l->program, index);
  struct rows *r = &l->rows[k];
  int64_t *kept = l->row_dims + rt_total_rank(l->program->outputs + 1 + l->carried, k);
  if (!r->count) {
    r->row_bytes = tensor_bytes(info, dims);
    memcpy(kept, dims, (size_t)info->ndim * sizeof *dims);
    int64_t *wanted = result_sizes(l, l->carried + k);
    if (l->results[l->carried + k]) {
      check_sizes(l->ctx, l->program, index, wanted + 1, dims);
      r->data = l->results[l->carried + k];
      r->capacity = wanted[0];
    }
  } else if (memcmp(kept, dims, (size_t)info->ndim * sizeof *dims)) {
    rt_end_run(l->ctx, rt_error(AICC_ERROR_MODEL, "result '%s' of %s has other sizes in round %lld than before: rows of a "
                          "scan output must be alike", info->name, l->program->name, (long long)r->count));
  }
  if (r->count == r->capacity) grow(l, k);
  rt_device_move(l->ctx, r->data + r->count * r->row_bytes, row, r->row_bytes);
  r->count++;
}

/* Gives the caller carried value `k`: in its place, or in a buffer that it releases. */
static void hand_out_value(struct loop *l, int32_t k, const int64_t *dims) {
  const aicc_tensor_info *info = output(l->program, 1 + k);
  struct value *v = &l->values[k];
  int64_t *sizes = result_sizes(l, k);
  const int64_t bytes = tensor_bytes(info, dims);
  check_sizes(l->ctx, l->program, 1 + k, sizes, dims);
  memcpy(sizes, dims, (size_t)info->ndim * sizeof *dims);
  if (!l->results[k] && v->pooled) {
    l->results[k] = v->data;
    return;
  }
  if (!l->results[k]) l->results[k] = aicc_buffer_acquire(l->ctx, bytes);
  rt_device_move(l->ctx, l->results[k], v->data, bytes);
  if (v->pooled) aicc_buffer_release(l->ctx, v->data);
}

static void hand_out_rows(struct loop *l, int32_t k) {
  const aicc_tensor_info *info = output(l->program, 1 + l->carried + k);
  const int32_t place = l->carried + k;
  struct rows *r = &l->rows[k];
  int64_t *sizes = result_sizes(l, place);
  const int64_t *kept = l->row_dims + rt_total_rank(l->program->outputs + 1 + l->carried, k);
  if (sizes[0] >= 0 && sizes[0] != r->count)
    rt_end_run(l->ctx, rt_error(AICC_ERROR_MODEL, "%s ran %lld rounds, the model was compiled for %lld", l->program->name,
                          (long long)r->count, (long long)sizes[0]));
  sizes[0] = r->count;
  if (info->ndim) memcpy(sizes + 1, kept, (size_t)info->ndim * sizeof *kept);
  if (!l->results[place]) l->results[place] = r->pooled ? (void *)r->data : aicc_buffer_acquire(l->ctx, 0);
}

void aicc_call_loop(void *context, const struct aicc_program_desc *p, int64_t trip, int64_t condition, int64_t carried,
                    int64_t always, void **buffers, const int64_t *dims, int64_t *sizes) {
  aicc_context *ctx = context;
  const int32_t n_in = p->n_inputs, n_out = p->n_outputs, n_carried = (int32_t)carried;
  const int32_t scans = n_out - 1 - n_carried;
  const int64_t carried_rank = rt_total_rank(p->inputs + 2, n_carried);
  int64_t in_dims[rt_total_rank(p->inputs, n_in) + 1], out_dims[rt_total_rank(p->outputs, n_out) + 1];
  int64_t row_dims[rt_total_rank(p->outputs + 1 + n_carried, scans) + 1];
  void *table[n_in + n_out];
  struct value values[n_carried + 1];
  struct rows rows[scans + 1];
  struct loop l = {.ctx = ctx, .program = p, .carried = n_carried, .scans = scans, .trip = trip, .sizes = sizes,
                   .results = buffers + (n_in - 2), .values = values, .rows = rows, .row_dims = row_dims};
  memcpy(in_dims, dims, sizeof in_dims - sizeof *in_dims);
  for (int32_t k = 0; k < n_carried; k++) values[k] = (struct value){.data = buffers[k]};
  for (int64_t k = 0, at = 0; k < scans; k++) {
    const aicc_tensor_info *info = output(p, 1 + n_carried + (int32_t)k);
    rows[k] = (struct rows){0};
    for (int32_t d = 0; d < info->ndim; d++) row_dims[at++] = info->dims[d] > 0 ? info->dims[d] : 0;
  }
  void *round = aicc_buffer_acquire(ctx, sizeof(int64_t)), *holds = aicc_buffer_acquire(ctx, 1);
  uint8_t go = condition != 0;
  rt_device_write(ctx, holds, &go, 1);
  for (int64_t i = 0; i < trip && go; i++) {
    table[0] = round;
    table[1] = holds;
    for (int32_t k = 0; k < n_carried; k++) table[2 + k] = values[k].data;
    for (int32_t k = 2 + n_carried; k < n_in; k++) table[k] = buffers[k - 2];
    for (int32_t k = 0; k < n_out; k++) table[n_in + k] = NULL;
    for (size_t d = 0; d < sizeof out_dims / sizeof *out_dims; d++) out_dims[d] = -1;
    rt_device_write(ctx, round, &i, sizeof i);
    call(ctx, p, table, in_dims, out_dims);
    aicc_buffer_release(ctx, holds);
    holds = table[n_in];
    if (!always) rt_device_read(ctx, &go, holds, 1);
    const int64_t *at = out_dims;
    for (int32_t k = 0; k < n_carried; at += output(p, 1 + k)->ndim, k++) {
      if (values[k].pooled) aicc_buffer_release(ctx, values[k].data);
      values[k] = (struct value){.data = table[n_in + 1 + k], .pooled = true};
    }
    memcpy(in_dims, out_dims, (size_t)carried_rank * sizeof *in_dims);
    for (int32_t k = 0; k < scans; k++) {
      void *row = table[n_in + 1 + n_carried + k];
      append(&l, k, row, at);
      aicc_buffer_release(ctx, row);
      at += output(p, 1 + n_carried + k)->ndim;
    }
  }
  aicc_buffer_release(ctx, round);
  aicc_buffer_release(ctx, holds);
  const int64_t *at = in_dims;
  for (int32_t k = 0; k < n_carried; at += output(p, 1 + k)->ndim, k++) hand_out_value(&l, k, at);
  for (int32_t k = 0; k < scans; k++) hand_out_rows(&l, k);
}

/* Sequences of tensors, called by the host program: numbers of sequences in and out; 0 is the empty one.
 *
 * Sequences do not change. One that was made by appending shares the store of the one before it, of which it is a
 * longer part, so that appending costs the same whatever the length. Tensors, which lie one after the other in chunks of
 * memory, and stores live until the run ends. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

enum { CHUNK = 1 << 16 };

struct tensor {
  const void *data;
  int64_t *dims;
  int64_t bytes; /* of an element */
  int32_t rank;
};

struct store {
  struct tensor *items;
  int64_t count, capacity;
};

struct sequence {
  int32_t store;
  int64_t length;
};

struct chunk {
  char *data;
  int64_t bytes, used;
};

struct rt_sequences {
  struct chunk *chunks;
  int64_t n_chunks, room_chunks;
  struct store *stores;
  int64_t n_stores, room_stores;
  struct sequence *sequences; /* number 1 is the first */
  int64_t n_sequences, room_sequences;
};

_Noreturn static void out_of_memory(aicc_context *ctx) {
  rt_end_run(ctx, rt_error(AICC_ERROR_MEMORY, "out of memory for sequences"));
}

static void *grown(aicc_context *ctx, void *items, int64_t count, int64_t *capacity, size_t size) {
  if (count < *capacity) return items;
  int64_t room = *capacity ? *capacity * 2 : 16;
  void *more = realloc(items, (size_t)room * size);
  if (!more) out_of_memory(ctx);
  *capacity = room;
  return more;
}

static struct rt_sequences *table(aicc_context *ctx) {
  if (!ctx->sequences && !(ctx->sequences = calloc(1, sizeof *ctx->sequences))) out_of_memory(ctx);
  return ctx->sequences;
}

/* 64-byte aligned memory that stays until the run ends. */
static void *lasting(aicc_context *ctx, int64_t bytes) {
  struct rt_sequences *t = table(ctx);
  struct chunk *c = t->n_chunks ? &t->chunks[t->n_chunks - 1] : NULL;
  int64_t size = (bytes + RT_LINE - 1) / RT_LINE * RT_LINE;
  if (!c || c->bytes - c->used < size) {
    int64_t room = size > CHUNK ? size : CHUNK;
    t->chunks = grown(ctx, t->chunks, t->n_chunks, &t->room_chunks, sizeof *t->chunks);
    c = &t->chunks[t->n_chunks];
    *c = (struct chunk){.data = rt_memory_get(room, false), .bytes = room};
    if (!c->data) out_of_memory(ctx);
    t->n_chunks++;
  }
  c->used += size;
  return c->data + c->used - size;
}

int64_t rt_sequences_bytes(const struct rt_sequences *s) {
  int64_t bytes = 0;
  for (int64_t i = 0; s && i < s->n_chunks; i++) bytes += s->chunks[i].bytes;
  return bytes;
}

void rt_sequences_forget(struct rt_sequences *s) {
  if (!s) return;
  for (int64_t i = 0; i < s->n_stores; i++) {
    for (int64_t k = 0; k < s->stores[i].count; k++) free(s->stores[i].items[k].dims);
    free(s->stores[i].items);
  }
  /* One chunk stays for the next run, which is likely to need it. */
  for (int64_t i = 1; i < s->n_chunks; i++) rt_memory_put(s->chunks[i].data, s->chunks[i].bytes);
  s->n_chunks = s->n_chunks > 0;
  if (s->n_chunks) s->chunks[0].used = 0;
  s->n_stores = s->n_sequences = 0;
}

void rt_sequences_free(struct rt_sequences *s) {
  if (!s) return;
  rt_sequences_forget(s);
  if (s->n_chunks) rt_memory_put(s->chunks[0].data, s->chunks[0].bytes);
  free(s->chunks);
  free(s->stores);
  free(s->sequences);
  free(s);
}

static struct sequence get(aicc_context *ctx, int64_t number) {
  return number > 0 ? table(ctx)->sequences[number - 1] : (struct sequence){.store = -1};
}

static struct tensor *item(aicc_context *ctx, struct sequence s, int64_t i) { return &table(ctx)->stores[s.store].items[i]; }

static int32_t new_store(aicc_context *ctx) {
  struct rt_sequences *t = table(ctx);
  t->stores = grown(ctx, t->stores, t->n_stores, &t->room_stores, sizeof *t->stores);
  t->stores[t->n_stores] = (struct store){0};
  return (int32_t)t->n_stores++;
}

static void push(aicc_context *ctx, int32_t store, struct tensor value) {
  struct store *s = &table(ctx)->stores[store];
  s->items = grown(ctx, s->items, s->count, &s->capacity, sizeof *s->items);
  int64_t *dims = malloc((size_t)(value.rank ? value.rank : 1) * sizeof *dims);
  if (!dims) out_of_memory(ctx);
  if (value.rank) memcpy(dims, value.dims, (size_t)value.rank * sizeof *dims);
  value.dims = dims;
  s->items[s->count++] = value;
}

static int64_t name(aicc_context *ctx, int32_t store, int64_t length) {
  struct rt_sequences *t = table(ctx);
  if (!length) return 0;
  t->sequences = grown(ctx, t->sequences, t->n_sequences, &t->room_sequences, sizeof *t->sequences);
  t->sequences[t->n_sequences] = (struct sequence){.store = store, .length = length};
  return ++t->n_sequences;
}

static int64_t checked(aicc_context *ctx, int64_t position, int64_t length, int64_t most, const char *what) {
  if (position < -length || position > most)
    rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "%s: position %lld is out of range for a sequence of %lld", what,
                       (long long)position, (long long)length));
  return position < 0 ? position + length : position;
}

static int64_t elements(const int64_t *dims, int64_t rank) {
  int64_t n = 1;
  for (int64_t d = 0; d < rank; d++) n *= dims[d];
  return n;
}

static struct tensor copied(aicc_context *ctx, const void *data, const int64_t *dims, int64_t rank, int64_t bytes) {
  int64_t size = elements(dims, rank) * bytes;
  void *memory = lasting(ctx, size);
  memcpy(memory, data, (size_t)size);
  return (struct tensor){.data = memory, .dims = (int64_t *)dims, .bytes = bytes, .rank = (int32_t)rank};
}

void aicc_sequence_insert(void *context, const int64_t *sequence, const void *data, const int64_t *dims,
                          const int64_t *position, int64_t *out, int64_t one, int64_t bytes, int64_t rank,
                          int64_t append, const char *what) {
  (void)one;
  aicc_context *ctx = context;
  struct sequence s = get(ctx, *sequence);
  int64_t at = append ? s.length : checked(ctx, *position, s.length, s.length, what);
  struct tensor value = copied(ctx, data, dims, rank, bytes);
  if (at == s.length && s.store >= 0 && table(ctx)->stores[s.store].count == s.length) {
    push(ctx, s.store, value);
    *out = name(ctx, s.store, s.length + 1);
    return;
  }
  int32_t store = new_store(ctx);
  for (int64_t i = 0; i <= s.length; i++) {
    if (i == at) push(ctx, store, value);
    if (i < s.length) push(ctx, store, *item(ctx, s, i));
  }
  *out = name(ctx, store, s.length + 1);
}

void aicc_sequence_erase(void *context, const int64_t *sequence, const int64_t *position, int64_t *out, int64_t one,
                         int64_t last, const char *what) {
  (void)one;
  aicc_context *ctx = context;
  struct sequence s = get(ctx, *sequence);
  int64_t at = checked(ctx, last ? -1 : *position, s.length, s.length - 1, what);
  if (at == s.length - 1) {
    *out = name(ctx, s.store, s.length - 1);
    return;
  }
  int32_t store = new_store(ctx);
  for (int64_t i = 0; i < s.length; i++)
    if (i != at) push(ctx, store, *item(ctx, s, i));
  *out = name(ctx, store, s.length - 1);
}

void aicc_sequence_length(void *context, const int64_t *sequence, int64_t *out, int64_t one, const char *what) {
  (void)one, (void)what;
  *out = get(context, *sequence).length;
}

void aicc_sequence_dims(void *context, const int64_t *sequence, const int64_t *position, int64_t *dims, int64_t rank,
                        const char *what) {
  aicc_context *ctx = context;
  struct sequence s = get(ctx, *sequence);
  const struct tensor *t = item(ctx, s, checked(ctx, *position, s.length, s.length - 1, what));
  if (t->rank != rank)
    rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "%s: a tensor of the sequence has rank %d, expected was %lld", what, t->rank,
                       (long long)rank));
  memcpy(dims, t->dims, (size_t)rank * sizeof *dims);
}

void aicc_sequence_get(void *context, const int64_t *sequence, const int64_t *position, void *out, int64_t n,
                       int64_t bytes, const char *what) {
  aicc_context *ctx = context;
  struct sequence s = get(ctx, *sequence);
  const struct tensor *t = item(ctx, s, checked(ctx, *position, s.length, s.length - 1, what));
  if (elements(t->dims, t->rank) != n || t->bytes != bytes)
    rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "%s: a tensor of the sequence has another size or type than expected", what));
  memcpy(out, t->data, (size_t)(n * bytes));
}

/* The sizes of all tensors put together. */
void aicc_sequence_joined(void *context, const int64_t *sequence, int64_t *dims, int64_t rank, int64_t axis,
                          int64_t stacks, const char *what) {
  aicc_context *ctx = context;
  struct sequence s = get(ctx, *sequence);
  if (!s.length) rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "%s: an empty sequence cannot be concatenated", what));
  int64_t total = 0;
  const struct tensor *first = item(ctx, s, 0);
  for (int64_t i = 0; i < s.length; i++) {
    const struct tensor *t = item(ctx, s, i);
    bool alike = t->rank == rank - (stacks ? 1 : 0);
    for (int32_t d = 0; alike && d < t->rank; d++)
      alike = t->dims[d] == first->dims[d] || (!stacks && d == axis);
    if (!alike)
      rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "%s: tensor %lld of the sequence has other sizes than the first", what,
                         (long long)i));
    total += stacks ? 1 : t->dims[axis];
  }
  for (int64_t d = 0, k = 0; d < rank; d++) dims[d] = d == axis ? (k += !stacks, total) : first->dims[k++];
}

void aicc_sequence_join(void *context, const int64_t *sequence, void *out, int64_t n, int64_t bytes, int64_t axis,
                        int64_t stacks, const char *what) {
  (void)what, (void)stacks;
  aicc_context *ctx = context;
  struct sequence s = get(ctx, *sequence);
  const struct tensor *first = item(ctx, s, 0);
  const int64_t outer = elements(first->dims, axis);
  if (!outer || !n) return;
  const int64_t step = n / outer * bytes; /* of the result, from one of the outer dims to the next */
  int64_t offset = 0;
  for (int64_t i = 0; i < s.length; i++) {
    const struct tensor *t = item(ctx, s, i);
    const int64_t piece = elements(t->dims + axis, t->rank - axis) * bytes;
    for (int64_t o = 0; o < outer; o++)
      memcpy((char *)out + o * step + offset, (const char *)t->data + o * piece, (size_t)piece);
    offset += piece;
  }
}

void aicc_sequence_split(void *context, const void *data, const int64_t *dims, const int64_t *sizes, int64_t *out,
                         int64_t one, int64_t bytes, int64_t rank, int64_t n_sizes, int64_t axis, int64_t keepdims,
                         const char *what) {
  (void)one;
  aicc_context *ctx = context;
  const int64_t extent = dims[axis], part = n_sizes ? 0 : sizes[0];
  if (!n_sizes && part < 1)
    rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "%s: parts of %lld elements are impossible", what, (long long)part));
  int64_t sum = 0;
  for (int64_t i = 0; i < n_sizes; i++) sum += sizes[i] >= 0 ? sizes[i] : extent + 1;
  if (n_sizes && sum != extent)
    rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "%s: the parts of a split do not add up to %lld", what, (long long)extent));
  const int64_t count = n_sizes ? n_sizes : (extent + part - 1) / part;
  const int64_t outer = elements(dims, axis), inner = elements(dims + axis + 1, rank - axis - 1) * bytes;
  int32_t store = new_store(ctx);
  int64_t shape[rank], start = 0;
  for (int64_t i = 0; i < count; i++) {
    const int64_t size = n_sizes ? sizes[i] : extent - start < part ? extent - start : part;
    int64_t kept = 0;
    for (int64_t d = 0; d < rank; d++)
      if (d != axis || keepdims) shape[kept++] = d == axis ? size : dims[d];
    char *memory = lasting(ctx, outer * size * inner);
    for (int64_t o = 0; o < outer; o++)
      memcpy(memory + o * size * inner, (const char *)data + (o * extent + start) * inner, (size_t)(size * inner));
    push(ctx, store, (struct tensor){.data = memory, .dims = shape, .bytes = bytes, .rank = (int32_t)kept});
    start += size;
  }
  *out = name(ctx, store, count);
}

void aicc_sequence_packed(void *context, const int64_t *sequence, int64_t *out, int64_t two, int64_t rank,
                          const char *what) {
  (void)two;
  aicc_context *ctx = context;
  struct sequence s = get(ctx, *sequence);
  int64_t total = 0;
  for (int64_t i = 0; i < s.length; i++) {
    const struct tensor *t = item(ctx, s, i);
    if (t->rank != rank)
      rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "%s: tensor %lld of the sequence has rank %d, expected was %lld", what,
                         (long long)i, t->rank, (long long)rank));
    total += elements(t->dims, rank);
  }
  out[0] = s.length;
  out[1] = total;
}

void aicc_sequence_sizes(void *context, const int64_t *sequence, int64_t *out, int64_t n, int64_t rank,
                         const char *what) {
  (void)n, (void)what;
  aicc_context *ctx = context;
  struct sequence s = get(ctx, *sequence);
  for (int64_t i = 0; i < s.length && rank; i++, out += rank) memcpy(out, item(ctx, s, i)->dims, (size_t)rank * sizeof *out);
}

void aicc_sequence_elements(void *context, const int64_t *sequence, void *out, int64_t n, int64_t bytes,
                            const char *what) {
  (void)n;
  aicc_context *ctx = context;
  struct sequence s = get(ctx, *sequence);
  char *at = out;
  for (int64_t i = 0; i < s.length; i++) {
    const struct tensor *t = item(ctx, s, i);
    if (t->bytes != bytes)
      rt_end_run(ctx, rt_error(AICC_ERROR_MODEL, "%s: a tensor of the sequence has another type than expected", what));
    const int64_t size = elements(t->dims, t->rank) * bytes;
    memcpy(at, t->data, (size_t)size);
    at += size;
  }
}

void aicc_sequence_unpack(void *context, const int64_t *sizes, const void *data, const int64_t *wanted, int64_t *out,
                          int64_t one, int64_t bytes, int64_t count, int64_t rank, int64_t total, const char *what) {
  (void)one;
  aicc_context *ctx = context;
  const char *at = data;
  int32_t store = new_store(ctx);
  int64_t left = total;
  for (int64_t i = 0; i < count; i++, sizes += rank) {
    int64_t n = 1;
    for (int64_t d = 0; d < rank; d++) {
      if (sizes[d] < 0 || (wanted[d] >= 0 && sizes[d] != wanted[d]))
        rt_end_run(ctx, rt_error(AICC_ERROR_INPUT, "%s: dim %lld of tensor %lld is %lld%s", what, (long long)d, (long long)i,
                           (long long)sizes[d], sizes[d] < 0 ? "" : ", which the model was not compiled for"));
      if (__builtin_mul_overflow(n, sizes[d], &n)) n = INT64_MAX; /* a later dim of 0 makes it 0 again */
    }
    if (n > left)
      rt_end_run(ctx, rt_error(AICC_ERROR_INPUT, "%s: its tensors have more than the %lld elements given", what,
                         (long long)total));
    push(ctx, store, copied(ctx, at, sizes, rank, bytes));
    at += n * bytes;
    left -= n;
  }
  if (left)
    rt_end_run(ctx, rt_error(AICC_ERROR_INPUT, "%s: its tensors have %lld of the %lld elements given", what,
                       (long long)(total - left), (long long)total));
  *out = name(ctx, store, count);
}

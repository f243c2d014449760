/* The table of a context's strings. In a program a string is its number here: those that the model names come first
 * and stay, those of a run are forgotten when the next one starts. */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#define CHUNK (64 << 10)

struct rt_chunk {
  struct rt_chunk *next;
  int64_t size, used;
  char bytes[];
};

/* An index of numbers by hash: open addressing, -1 where free, at most half full. */
struct index {
  int64_t *slots;
  int64_t size, used;
};

struct rt_strings {
  aicc_string *items; /* of the run; the model's are aicc_model.strings */
  uint64_t *hashes;
  int64_t count, capacity;
  struct index model, run;
  struct rt_chunk *chunks; /* the one in use in front */
  int64_t bytes;
};

/* FNV-1a, mixed at the end. */
static uint64_t hash_of(const char *data, int64_t size) {
  uint64_t h = 0xcbf29ce484222325u;
  for (int64_t i = 0; i < size; i++) h = (h ^ (unsigned char)data[i]) * 0x100000001b3u;
  return h ^ h >> 32;
}

static bool equal(aicc_string s, const char *data, int64_t size) {
  return s.size == size && (size == 0 || !memcmp(s.data, data, (size_t)size));
}

static int64_t *place(const struct index *x, uint64_t hash) { return &x->slots[(int64_t)(hash & (uint64_t)(x->size - 1))]; }

static int64_t *following(const struct index *x, int64_t *slot) { return slot + 1 == x->slots + x->size ? x->slots : slot + 1; }

static bool make_index(struct index *x, int64_t entries) {
  int64_t size = 64;
  while (size < 2 * entries) size *= 2;
  int64_t *slots = malloc((size_t)size * sizeof *slots);
  if (!slots) return false;
  free(x->slots);
  memset(slots, 0xff, (size_t)size * sizeof *slots);
  *x = (struct index){slots, size, 0};
  return true;
}

static void enter(struct index *x, uint64_t hash, int64_t number) {
  int64_t *slot = place(x, hash);
  while (*slot >= 0) slot = following(x, slot);
  *slot = number;
  x->used++;
}

struct rt_strings *rt_strings_create(void) {
  struct rt_strings *s = calloc(1, sizeof *s);
  if (!s || !make_index(&s->model, aicc_model.n_strings) || !make_index(&s->run, 0)) {
    rt_strings_free(s);
    return NULL;
  }
  for (int64_t i = 0; i < aicc_model.n_strings; i++)
    enter(&s->model, hash_of(aicc_model.strings[i].data, aicc_model.strings[i].size), i);
  return s;
}

static void drop_chunks(struct rt_strings *s, struct rt_chunk *kept) {
  for (struct rt_chunk *c = s->chunks, *next; c; c = next) {
    next = c->next;
    if (c == kept) continue;
    s->bytes -= c->size;
    free(c);
  }
  s->chunks = kept;
  if (kept) kept->next = NULL;
}

void rt_strings_free(struct rt_strings *s) {
  if (!s) return;
  drop_chunks(s, NULL);
  free(s->items);
  free(s->hashes);
  free(s->model.slots);
  free(s->run.slots);
  free(s);
}

void rt_strings_begin_run(struct rt_strings *s) {
  if (s->run.used) memset(s->run.slots, 0xff, (size_t)s->run.size * sizeof *s->run.slots);
  s->run.used = 0;
  s->count = 0;
  drop_chunks(s, s->chunks); /* the newest stays: it is as large as any that was needed */
  if (s->chunks) s->chunks->used = 0;
}

int64_t rt_strings_bytes(const struct rt_strings *s) {
  if (!s->capacity && !aicc_model.n_strings) return 0; /* none so far: next to nothing */
  return s->bytes + s->capacity * (int64_t)(sizeof *s->items + sizeof *s->hashes) +
         (s->model.size + s->run.size) * (int64_t)sizeof(int64_t);
}

aicc_string rt_strings_get(const struct rt_strings *s, int64_t number) {
  if (number >= 0 && number < aicc_model.n_strings) return aicc_model.strings[number];
  number -= aicc_model.n_strings;
  if (number >= 0 && number < s->count) return s->items[number];
  return (aicc_string){"", 0};
}

static char *copy(struct rt_strings *s, const char *data, int64_t size) {
  struct rt_chunk *c = s->chunks;
  if (!c || c->size - c->used <= size) {
    int64_t bytes = size + 1 > CHUNK ? size + 1 : CHUNK;
    c = malloc(sizeof *c + (size_t)bytes);
    if (!c) return NULL;
    *c = (struct rt_chunk){s->chunks, bytes, 0};
    s->chunks = c;
    s->bytes += bytes;
  }
  char *out = c->bytes + c->used;
  if (size) memcpy(out, data, (size_t)size);
  out[size] = 0;
  c->used += size + 1;
  return out;
}

static bool grow(struct rt_strings *s) {
  int64_t capacity = s->capacity ? 2 * s->capacity : 64;
  aicc_string *items = realloc(s->items, (size_t)capacity * sizeof *items);
  if (items) s->items = items;
  uint64_t *hashes = realloc(s->hashes, (size_t)capacity * sizeof *hashes);
  if (hashes) s->hashes = hashes;
  if (!items || !hashes) return false;
  s->capacity = capacity;
  return true;
}

int64_t rt_strings_number(struct rt_strings *s, const char *data, int64_t size) {
  uint64_t hash = hash_of(data, size);
  for (int64_t *slot = place(&s->model, hash); *slot >= 0; slot = following(&s->model, slot))
    if (equal(aicc_model.strings[*slot], data, size)) return *slot;
  for (int64_t *slot = place(&s->run, hash); *slot >= 0; slot = following(&s->run, slot))
    if (s->hashes[*slot] == hash && equal(s->items[*slot], data, size)) return aicc_model.n_strings + *slot;
  if (s->count == s->capacity && !grow(s)) return -1;
  if (2 * (s->run.used + 1) > s->run.size) {
    if (!make_index(&s->run, 2 * s->run.used + 2)) return -1;
    for (int64_t i = 0; i < s->count; i++) enter(&s->run, s->hashes[i], i);
  }
  char *kept = copy(s, data, size);
  if (!kept) return -1;
  s->items[s->count] = (aicc_string){kept, size};
  s->hashes[s->count] = hash;
  enter(&s->run, hash, s->count);
  return aicc_model.n_strings + s->count++;
}

/* ---- inputs and outputs ---- */

bool rt_is_string(DLDataType dtype) { return dtype.code == kDLOpaqueHandle && dtype.bits == 8 * sizeof(aicc_string); }

static int64_t elements(int32_t ndim, const int64_t *dims) {
  int64_t n = 1;
  for (int32_t i = 0; i < ndim; i++) n *= dims[i];
  return n;
}

int32_t rt_strings_read_inputs(aicc_context *ctx) {
  const int64_t *dims = ctx->dims;
  for (int32_t k = 0; k < aicc_model.n_inputs; k++) {
    const aicc_tensor_info *info = &aicc_model.inputs[k].info;
    const int64_t *own = dims;
    dims += info->ndim;
    if (!rt_is_string(info->dtype)) continue;
    int64_t n = elements(info->ndim, own);
    const aicc_string *given = ctx->pointers[k];
    int64_t *numbers = rt_buffers_acquire(&ctx->buffers, n * (int64_t)sizeof *numbers);
    if (!numbers) return rt_error(AICC_ERROR_MEMORY, "out of memory for the strings of input '%s'", info->name);
    for (int64_t i = 0; i < n; i++) {
      if (given[i].size < 0 || (given[i].size && !given[i].data))
        return rt_error(AICC_ERROR_INPUT, "input '%s': string %lld has no data", info->name, (long long)i);
      numbers[i] = rt_strings_number(ctx->strings, given[i].data, given[i].size);
      if (numbers[i] < 0) return rt_error(AICC_ERROR_MEMORY, "out of memory for the strings of input '%s'", info->name);
    }
    ctx->pointers[k] = numbers;
  }
  return AICC_OK;
}

/* A string takes twice the room of its number: from the last to the first, in place. */
void rt_strings_write_output(const aicc_context *ctx, void *data, int32_t ndim, const int64_t *dims) {
  const int64_t *numbers = data;
  aicc_string *out = data;
  for (int64_t i = elements(ndim, dims) - 1; i >= 0; i--) {
    aicc_string found = rt_strings_get(ctx->strings, numbers[i]);
    memcpy(&out[i], &found, sizeof found);
  }
}

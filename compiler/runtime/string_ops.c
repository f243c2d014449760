/* Operators on strings, called by the host program: tensors of numbers (strings.c) in and out. UTF-8 throughout; what
 * is not UTF-8 is taken byte by byte. */
#define _GNU_SOURCE /* memmem */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

struct text {
  char *data;
  int64_t size, capacity;
};

_Noreturn static void out_of_memory(aicc_context *ctx, struct text *t) {
  if (t) free(t->data);
  rt_end_run(ctx, rt_error(AICC_ERROR_MEMORY, "out of memory for strings"));
}

static void append(aicc_context *ctx, struct text *t, const char *data, int64_t size) {
  if (t->capacity < t->size + size) {
    int64_t capacity = 2 * (t->size + size) + 64;
    char *grown = realloc(t->data, (size_t)capacity);
    if (!grown) out_of_memory(ctx, t);
    t->data = grown;
    t->capacity = capacity;
  }
  if (size) memcpy(t->data + t->size, data, (size_t)size);
  t->size += size;
}

static int64_t number_of(aicc_context *ctx, struct text *t, const char *data, int64_t size) {
  int64_t number = rt_strings_number(ctx->strings, data, size);
  if (number < 0) out_of_memory(ctx, t);
  return number;
}

/* The code point at `p` and its bytes; a byte that starts none counts for itself, as a negative number. */
static int32_t decode(const char *p, const char *end, int *bytes) {
  const unsigned char *u = (const unsigned char *)p;
  int more = u[0] < 0x80 ? 0 : u[0] >= 0xf0 && u[0] < 0xf8 ? 3 : u[0] >= 0xe0 ? 2 : u[0] >= 0xc0 ? 1 : -1;
  *bytes = 1;
  if (more == 0) return u[0];
  if (more < 0 || u[0] >= 0xf8 || end - p <= more) return -(int32_t)u[0];
  int32_t code = u[0] & (0x3f >> more);
  for (int i = 1; i <= more; i++) {
    if ((u[i] & 0xc0) != 0x80) return -(int32_t)u[0];
    code = code << 6 | (u[i] & 0x3f);
  }
  *bytes = more + 1;
  return code;
}

static int encode(int32_t code, char *out) {
  if (code < 0x80) return out[0] = (char)code, 1;
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
  out[0] = (char)(leads[more] | code >> 6 * more);
  for (int i = 1; i <= more; i++) out[i] = (char)(0x80 | (code >> 6 * (more - i) & 0x3f));
  return more + 1;
}

static bool is_space(int32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* ---- concatenation ---- */

void aicc_string_concat(void *context, const int64_t *a, const int64_t *b, int64_t *out, int64_t n) {
  aicc_context *ctx = context;
  struct text t = {0};
  for (int64_t i = 0; i < n; i++) {
    aicc_string x = rt_strings_get(ctx->strings, a[i]), y = rt_strings_get(ctx->strings, b[i]);
    t.size = 0;
    append(ctx, &t, x.data, x.size);
    append(ctx, &t, y.data, y.size);
    out[i] = number_of(ctx, &t, t.data ? t.data : "", t.size);
  }
  free(t.data);
}

/* ---- splitting ---- */

struct pieces {
  const char *next, *end; /* next is NULL when there are no more */
  aicc_string delimiter;  /* data is NULL: white space */
  int64_t splits;         /* left; negative: any number */
};

static const char *skip_spaces(const char *p, const char *end) {
  for (int bytes; p < end && is_space(decode(p, end, &bytes)); p += bytes) continue;
  return p;
}

static struct pieces pieces_of(const aicc_context *ctx, int64_t x, int64_t delimiter, int64_t splits) {
  aicc_string s = rt_strings_get(ctx->strings, x);
  struct pieces p = {s.data, s.data + s.size, {NULL, 0}, splits};
  if (delimiter >= 0) {
    p.delimiter = rt_strings_get(ctx->strings, delimiter);
  } else {
    p.next = skip_spaces(p.next, p.end);
    if (p.next == p.end) p.next = NULL;
  }
  return p;
}

static bool next_piece(struct pieces *p, aicc_string *out) {
  const char *start = p->next, *at = start;
  if (!start) return false;
  if (p->splits == 0) {
    at = p->end;
    p->next = NULL;
  } else if (p->delimiter.data) {
    at = p->end - start >= p->delimiter.size ? memmem(start, (size_t)(p->end - start), p->delimiter.data, (size_t)p->delimiter.size) : NULL;
    p->next = at ? at + p->delimiter.size : NULL;
    if (!at) at = p->end;
  } else {
    for (int bytes; at < p->end && !is_space(decode(at, p->end, &bytes)); at += bytes) continue;
    p->next = skip_spaces(at, p->end);
    if (p->next == p->end) p->next = NULL;
  }
  if (p->splits > 0) p->splits--;
  *out = (aicc_string){start, at - start};
  return true;
}

void aicc_string_pieces(void *context, const int64_t *x, int64_t *counts, int64_t *most, int64_t n, int64_t one,
                        int64_t delimiter, int64_t splits) {
  (void)one;
  *most = 0;
  for (int64_t i = 0; i < n; i++) {
    struct pieces p = pieces_of(context, x[i], delimiter, splits);
    aicc_string piece;
    counts[i] = 0;
    while (next_piece(&p, &piece)) counts[i]++;
    if (counts[i] > *most) *most = counts[i];
  }
}

void aicc_string_split(void *context, const int64_t *x, int64_t *out, int64_t total, int64_t n, int64_t delimiter,
                       int64_t splits) {
  aicc_context *ctx = context;
  int64_t most = n ? total / n : 0, empty = number_of(ctx, NULL, "", 0);
  for (int64_t i = 0; i < n; i++) {
    struct pieces p = pieces_of(ctx, x[i], delimiter, splits);
    aicc_string piece;
    int64_t k = 0;
    while (k < most && next_piece(&p, &piece)) out[i * most + k++] = number_of(ctx, NULL, piece.data, piece.size);
    while (k < most) out[i * most + k++] = empty;
  }
}

/* ---- normalizing ---- */

/* Rows of `cases`: a code point and the up to three that it becomes, ascending. */
static const int32_t *case_of(const int32_t *cases, int64_t n, int32_t code) {
  int64_t low = 0, high = n;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (cases[4 * middle] < code) low = middle + 1;
    else high = middle;
  }
  return low < n && cases[4 * low] == code ? &cases[4 * low] : NULL;
}

static int64_t changed(aicc_context *ctx, struct text *t, int64_t x, const int32_t *cases, int64_t n_cases) {
  aicc_string s = rt_strings_get(ctx->strings, x);
  const char *end = s.data + s.size;
  int bytes;
  t->size = 0;
  for (const char *p = s.data; p < end; p += bytes) {
    int32_t code = decode(p, end, &bytes);
    const int32_t *row = code < 0 ? NULL : case_of(cases, n_cases, code);
    if (!row) append(ctx, t, p, bytes);
    for (int k = 1; row && k < 4 && row[k]; k++) {
      char encoded[4];
      append(ctx, t, encoded, encode(row[k], encoded));
    }
  }
  return number_of(ctx, t, t->data ? t->data : "", t->size);
}

void aicc_string_normalize(void *context, const int64_t *x, const int64_t *stopwords, const int32_t *cases, int64_t *out,
                           int64_t *count, int64_t room, int64_t one, int64_t n, int64_t n_stopwords, int64_t n_cases,
                           int64_t change, int64_t sensitive) {
  aicc_context *ctx = context;
  struct text t = {0};
  int64_t kept = 0;
  (void)room;
  (void)one;
  int64_t *stops = rt_buffers_acquire(&ctx->buffers, n_stopwords * (int64_t)sizeof *stops);
  if (!stops) out_of_memory(ctx, NULL);
  for (int64_t k = 0; k < n_stopwords; k++)
    stops[k] = sensitive ? stopwords[k] : changed(ctx, &t, stopwords[k], cases, n_cases);
  for (int64_t i = 0; i < n; i++) {
    int64_t other = change || (n_stopwords && !sensitive) ? changed(ctx, &t, x[i], cases, n_cases) : x[i];
    int64_t compared = sensitive ? x[i] : other;
    bool stopped = false;
    for (int64_t k = 0; k < n_stopwords && !stopped; k++) stopped = stops[k] == compared;
    if (!stopped) out[kept++] = change ? other : x[i];
  }
  if (!kept) out[kept++] = number_of(ctx, &t, "", 0);
  *count = kept;
  rt_buffers_release(&ctx->buffers, stops);
  free(t.data);
}

/* ---- matching ---- */

/* An automaton is a table: how many classes of bytes there are; the states to start from at the beginning of a string,
 * after a byte of a word, after a newline, after any other byte; 256 classes by byte; then per state whether it
 * accepts at the end of a string and, for each class of the byte that comes next, twice the state after it, plus 1
 * where what was read before that byte is accepted. State 0 leads nowhere. */
enum { AT_BEGINNING, AFTER_WORD, AFTER_LINE, AFTER_OTHER, STARTS };

static const int32_t *row_of(const int32_t *automaton, int32_t state) {
  return automaton + 1 + STARTS + 256 + (int64_t)state * (automaton[0] + 1);
}

static int32_t step(const int32_t *automaton, int32_t state, char byte) {
  return row_of(automaton, state)[1 + automaton[1 + STARTS + (unsigned char)byte]];
}

void aicc_string_match(void *context, const int64_t *x, const int32_t *automaton, uint8_t *out, int64_t n) {
  const aicc_context *ctx = context;
  for (int64_t i = 0; i < n; i++) {
    aicc_string s = rt_strings_get(ctx->strings, x[i]);
    int32_t state = automaton[1 + AT_BEGINNING];
    for (int64_t k = 0; k < s.size && state; k++) state = step(automaton, state, s.data[k]) >> 1;
    out[i] = (uint8_t)*row_of(automaton, state);
  }
}

/* ---- tokens ---- */

struct tokens {
  aicc_context *ctx;
  int64_t splitting, least;
  int64_t *out; /* NULL: they are counted only */
  int64_t count;
};

static int start_after(const char *text, const char *at) {
  if (at == text) return AT_BEGINNING;
  char c = at[-1];
  if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_') return AFTER_WORD;
  return c == '\n' ? AFTER_LINE : AFTER_OTHER;
}

/* The end of the longest match in `text` that begins at `from`; NULL when there is none. */
static const char *longest(const int32_t *automaton, aicc_string text, const char *from) {
  const char *end = text.data + text.size, *best = NULL;
  int32_t state = automaton[1 + start_after(text.data, from)];
  for (const char *p = from; state; p++) {
    if (p == end) return *row_of(automaton, state) ? end : best;
    int32_t next = step(automaton, state, *p);
    if (next & 1) best = p;
    state = next >> 1;
  }
  return best;
}

/* How far it is to the next code point; 1 at the end. */
static int width(const char *p, const char *end) {
  int bytes = 1;
  if (p < end) decode(p, end, &bytes);
  return bytes;
}

/* The first match at `from` or after it, to `*to`; NULL when there is none. */
static const char *find(const int32_t *automaton, aicc_string text, const char *from, const char **to) {
  const char *end = text.data + text.size;
  for (; from <= end; from += width(from, end))
    if ((*to = longest(automaton, text, from))) return from;
  return NULL;
}

static bool long_enough(const char *from, const char *to, int64_t least) {
  int64_t count = 0;
  for (const char *p = from; p < to && count < least; p += width(p, to)) count++;
  return count >= least;
}

static void keep(struct tokens *t, const char *from, const char *to) {
  if (t->out) t->out[t->count] = number_of(t->ctx, NULL, from, to - from);
  t->count++;
}

static void matches(struct tokens *t, const int32_t *automata, aicc_string text) {
  const char *end = text.data + text.size, *at = text.data, *to;
  while ((at = find(automata + 1, text, at, &to))) {
    bool kept = long_enough(at, to, t->least);
    if (kept) keep(t, at, to);
    at = kept ? to : at + width(at, end);
  }
}

/* What is left between matches of the first automaton, cut up by those after it. A match of nothing takes a code point
 * with it, as in ONNX Runtime. */
static void between(struct tokens *t, const int32_t *automata, aicc_string text) {
  const char *end = text.data + text.size, *from = text.data, *to;
  if (!automata[0]) {
    keep(t, text.data, end);
    return;
  }
  while (from <= end) {
    const char *at = find(automata + 1, text, from, &to), *until = at ? at : end;
    if (long_enough(from, until, t->least)) between(t, automata + 1 + automata[0], (aicc_string){from, until - from});
    if (!at) break;
    from = to > at ? to : at + width(at, end);
  }
}

static void tokens_of(struct tokens *t, const int32_t *automata, int64_t x) {
  aicc_string text = rt_strings_get(t->ctx->strings, x);
  if (t->splitting) between(t, automata, text);
  else matches(t, automata, text);
}

void aicc_string_token_count(void *context, const int64_t *x, const int32_t *automata, int64_t *most, int64_t one,
                             int64_t n, int64_t splitting, int64_t least, int64_t mark) {
  (void)one;
  *most = 0;
  for (int64_t i = 0; i < n; i++) {
    struct tokens t = {context, splitting, least, NULL, 0};
    tokens_of(&t, automata, x[i]);
    if (t.count > *most) *most = t.count;
  }
  if (mark && *most) *most += 2;
}

void aicc_string_tokens(void *context, const int64_t *x, const int32_t *automata, int64_t *out, int64_t total, int64_t n,
                        int64_t splitting, int64_t least, int64_t mark, int64_t pad) {
  static const char marks[] = "\x02\x03";
  int64_t columns = n ? total / n : 0;
  for (int64_t i = 0; columns && i < n; i++) {
    struct tokens t = {context, splitting, least, out + i * columns, 0};
    if (mark) keep(&t, marks, marks + 1);
    tokens_of(&t, automata, x[i]);
    if (mark) keep(&t, marks + 1, marks + 2);
    while (t.count < columns) t.out[t.count++] = pad;
  }
}

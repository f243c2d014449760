/* model.h: what generated code and the runtime promise each other. Not part of the public interface.
 *
 * The generated model_info.c defines `aicc_model`; the host program and the kernels' launchers call the
 * functions at the end. All of it is linked into one library from one version of aicc.
 */
#ifndef AICC_MODEL_H
#define AICC_MODEL_H

#include "aicc.h"

#define AICC_MODEL_MAGIC 0x43434941u /* "AICC" */
#define AICC_MODEL_VERSION 1u

/* Computes tiles [lo, hi) of a kernel. `scratch` is this thread's own, 64-byte aligned. */
typedef void (*aicc_range_fn)(void **args, int64_t lo, int64_t hi, void *scratch);

struct aicc_symbol_desc {
  const char *name;
  int64_t min, max; /* inclusive bounds checked at each run; max < 0: none */
};

struct aicc_tensor_desc {
  aicc_tensor_info info;
  const int32_t *symbols; /* per dim an index into aicc_model_desc.symbols, -1 where static or unnamed;
                             NULL: no dim of the tensor has a symbol. Read for inputs only. */
};

struct aicc_default_desc {
  int64_t offset; /* of a weight, in bytes */
  int32_t ndim;
  const int64_t *dims;
};

struct aicc_kernel_desc {
  aicc_kernel info;
  aicc_range_fn range; /* the function the kernel's launcher passes to aicc_parallel_for */
};

struct aicc_model_desc {
  uint32_t magic, version; /* AICC_MODEL_MAGIC, AICC_MODEL_VERSION */
  const char *name, *producer, *target;

  int32_t n_inputs, n_outputs, n_symbols, n_kernels;
  const struct aicc_tensor_desc *inputs, *outputs;
  const struct aicc_symbol_desc *symbols;
  const struct aicc_kernel_desc *kernels; /* for profiles; n_kernels == 0 leaves kernels unnamed */

  const char *const *cpu_features; /* LLVM's names, NULL-terminated; names features.c has no test for are not checked */

  int64_t arena_bytes; /* zero-filled when the context is created, 64-byte aligned, kept between runs */

  /* Embedded: weights points to the first byte (64-byte aligned), in a read-only segment of the library's that
   * may be larger than everything else by far; weights_file is NULL.
   * External: weights is NULL; the file "<library file name>.weights", or else weights_file, beside the
   * library holds weights_bytes bytes and then the text weights_id (NULL: nothing), by which the file of
   * another model is told apart. No weights: both NULL. */
  const char *weights;
  const char *weights_file;
  const char *weights_id;
  int64_t weights_bytes;

  /* 0, or a status after aicc_fail. buffers: inputs then outputs; dims: all input dims, concatenated.
   * The buffer of an output for which `shapes` says -1 is NULL: see aicc_output_allocate. */
  int (*main)(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena);
  /* out_dims: all output dims, concatenated; -1 where a dim depends on data. NULL if all outputs are static. */
  void (*shapes)(const int64_t *dims, int64_t *out_dims);

  /* Strings that the model names, all different, each followed by a 0. In a program a string is a number: n below
   * n_strings is the n-th of these, larger ones are strings of the run. */
  int64_t n_strings;
  const aicc_string *strings;

  /* 0: every output is a tensor. */
  int32_t n_values;
  const aicc_value *values;
  /* The same of inputs. */
  int32_t n_input_values;
  const aicc_value *input_values;

  /* What the last inputs are when the caller does not give them. */
  int32_t n_defaults;
  const struct aicc_default_desc *defaults;

  /* Per output the number of the input whose buffer it may be given, or -1; NULL: none may. Main compares addresses: it
   * copies only where they differ. */
  const int32_t *aliases;
};

extern const struct aicc_model_desc aicc_model;

/* A branch, or the body of a loop: called like the model's main. Its strings are numbers. */
struct aicc_program_desc {
  const char *name;
  int32_t n_inputs, n_outputs;
  const struct aicc_tensor_desc *inputs, *outputs;
  int64_t arena_bytes;
  int (*main)(void *ctx, void **buffers, const int64_t *dims, const char *weights, char *arena);
  void (*shapes)(const int64_t *dims, int64_t *out_dims); /* NULL if all outputs are static */
};

/* ---- called by generated code, on the thread of aicc_run, never from inside a range function ------------- */

/* Runs range over [0, tiles) on up to tiles / grain threads and returns when all tiles are done. */
void aicc_parallel_for(void *ctx, aicc_range_fn range, void **args, int64_t tiles, int64_t grain,
                       int64_t scratch_bytes);
/* The same for [0, steps * tiles): tiles step * tiles ... are begun when all of the steps before are done. A range
 * lies within one step. The scratch is shared by all threads, and keeps its contents from step to step. */
void aicc_parallel_steps(void *ctx, aicc_range_fn range, void **args, int64_t tiles, int64_t grain, int64_t steps,
                         int64_t scratch_bytes);

/* At least `bytes` bytes, 64-byte aligned, contents undefined. Never NULL: when memory runs out, aicc_run
 * returns AICC_ERROR_MEMORY without coming back here. */
void *aicc_buffer_acquire(void *ctx, int64_t bytes);
/* Buffers not released when the run ends are released then. */
void aicc_buffer_release(void *ctx, void *buffer);

/* Counters of 32 bits for blocks of one launch to tell each other how many are done: zero before a launch, which leaves
 * them so. Never NULL. */
enum { AICC_COUNTERS = 4096 };
void *aicc_counters(void *ctx);

/* For outputs with data-dependent dims: says the dims of output `index` and returns its buffer (compact,
 * row-major, 64-byte aligned, never NULL). Again with dims of no more bytes: same buffer, contents kept. */
void *aicc_output_allocate(void *ctx, int32_t index, const int64_t *dims);

/* Records a failure; aicc_run returns it (AICC_ERROR_MODEL if status is no aicc_status other than AICC_OK)
 * even if main returns 0. The first one of a run counts. Main should return soon after. */
void aicc_fail(void *ctx, int32_t status, const char *message);

/* Ends the run with AICC_ERROR_MODEL unless two sizes are equal; does not come back then. `what` must be equal. */
void aicc_require_equal(void *ctx, int64_t first, int64_t second, const char *what);
/* Ends the run with AICC_ERROR_MODEL unless a size is at least `least`. `what` must hold. */
void aicc_require_at_least(void *ctx, int64_t size, int64_t least, const char *what);
/* Ends the run with AICC_ERROR_MODEL when a size is `other`. `what` must hold. */
void aicc_require_unequal(void *ctx, int64_t size, int64_t other, const char *what);
/* Ends the run with AICC_ERROR_MODEL unless a size is 1 or `over`. `what` must hold. */
void aicc_require_broadcast(void *ctx, int64_t size, int64_t over, const char *what);

/* Runs one of two programs. `buffers`: addresses of inputs, then of results; `dims` of the inputs; `sizes` that results
 * must have, -1 for any. Afterwards `sizes` are those of the results, and where an address was NULL there is a buffer
 * that is to be released. */
void aicc_call_if(void *ctx, const struct aicc_program_desc *yes, const struct aicc_program_desc *no, int64_t condition,
                  void **buffers, const int64_t *dims, int64_t *sizes);
/* Runs `body` on (round, condition, carried values, the other inputs) at most `trip` times, as long as the condition
 * holds; unless `always`, its first result is the next one. `buffers` and `dims` begin with the carried values. Results
 * are the carried values and the rounds' rows, stacked. */
void aicc_call_loop(void *ctx, const struct aicc_program_desc *body, int64_t trip, int64_t condition, int64_t carried,
                    int64_t always, void **buffers, const int64_t *dims, int64_t *sizes);

/* ---- the same: functions over tensors. Inputs, then outputs, compact; the sizes of outputs, then other numbers ---- */

/* Strings are int64 numbers. out[i] is a[i] followed by b[i]. */
void aicc_string_concat(void *ctx, const int64_t *a, const int64_t *b, int64_t *out, int64_t n);
/* How many pieces each string has between delimiters (a string's number; -1: white space), and the most of any. */
void aicc_string_pieces(void *ctx, const int64_t *x, int64_t *counts, int64_t *most, int64_t n, int64_t one,
                        int64_t delimiter, int64_t splits);
/* These pieces, in rows of total / n, filled up with empty strings. */
void aicc_string_split(void *ctx, const int64_t *x, int64_t *out, int64_t total, int64_t n, int64_t delimiter,
                       int64_t splits);
/* The strings that are no stop words, in another case if `change`; how many, at least one (empty). `cases` are rows of
 * a code point and up to three others, ascending; compared are strings changed so unless `sensitive`. */
void aicc_string_normalize(void *ctx, const int64_t *x, const int64_t *stopwords, const int32_t *cases, int64_t *out,
                           int64_t *count, int64_t room, int64_t one, int64_t n, int64_t n_stopwords, int64_t n_cases,
                           int64_t change, int64_t sensitive);
/* Whether an automaton over bytes (string_ops.c) accepts each string. */
void aicc_string_match(void *ctx, const int64_t *x, const int32_t *automaton, uint8_t *out, int64_t n);

/* The most tokens of any string, counting marks, and the tokens of each in rows of total / n, filled up with `pad`
 * (`automata`: each one's size and table, 0 at the end; see string_ops.c). */
void aicc_string_token_count(void *ctx, const int64_t *x, const int32_t *automata, int64_t *most, int64_t one, int64_t n,
                             int64_t splitting, int64_t least, int64_t mark);
void aicc_string_tokens(void *ctx, const int64_t *x, const int32_t *automata, int64_t *out, int64_t total, int64_t n,
                        int64_t splitting, int64_t least, int64_t mark, int64_t pad);

/* Numbers that strings spell (the run fails where one spells none), and strings that spell numbers. */
void aicc_string_parse_f64(void *ctx, const int64_t *x, double *out, int64_t n);
void aicc_string_parse_i64(void *ctx, const int64_t *x, int64_t *out, int64_t n);
void aicc_string_format_f64(void *ctx, const double *x, int64_t *out, int64_t n);
void aicc_string_format_f32(void *ctx, const float *x, int64_t *out, int64_t n);
void aicc_string_format_i64(void *ctx, const int64_t *x, int64_t *out, int64_t n);

/* Sequences are int64 numbers, 0 the empty one; `what` names the node in messages. Tensors are given by their elements,
 * of `bytes` bytes, and sizes; their dtype is the program's business. */
void aicc_sequence_insert(void *ctx, const int64_t *sequence, const void *data, const int64_t *dims,
                          const int64_t *position, int64_t *out, int64_t one, int64_t bytes, int64_t rank,
                          int64_t append, const char *what);
void aicc_sequence_erase(void *ctx, const int64_t *sequence, const int64_t *position, int64_t *out, int64_t one,
                         int64_t last, const char *what);
void aicc_sequence_length(void *ctx, const int64_t *sequence, int64_t *out, int64_t one, const char *what);
/* A tensor of a sequence: its sizes, then its elements. */
void aicc_sequence_dims(void *ctx, const int64_t *sequence, const int64_t *position, int64_t *dims, int64_t rank,
                        const char *what);
void aicc_sequence_get(void *ctx, const int64_t *sequence, const int64_t *position, void *out, int64_t n, int64_t bytes,
                       const char *what);
/* All of them along `axis`, a new one if it `stacks`: the sizes, then the elements. */
void aicc_sequence_joined(void *ctx, const int64_t *sequence, int64_t *dims, int64_t rank, int64_t axis, int64_t stacks,
                          const char *what);
void aicc_sequence_join(void *ctx, const int64_t *sequence, void *out, int64_t n, int64_t bytes, int64_t axis,
                        int64_t stacks, const char *what);
/* Parts of a tensor along `axis`, of `n_sizes` sizes, or (0) all of one size but the last. */
void aicc_sequence_split(void *ctx, const void *data, const int64_t *dims, const int64_t *sizes, int64_t *out,
                         int64_t one, int64_t bytes, int64_t rank, int64_t n_sizes, int64_t axis, int64_t keepdims,
                         const char *what);
/* How many tensors there are and how many elements they have in all; their sizes, in rows of `rank`; their elements. */
void aicc_sequence_packed(void *ctx, const int64_t *sequence, int64_t *out, int64_t two, int64_t rank, const char *what);
void aicc_sequence_sizes(void *ctx, const int64_t *sequence, int64_t *out, int64_t n, int64_t rank, const char *what);
void aicc_sequence_elements(void *ctx, const int64_t *sequence, void *out, int64_t n, int64_t bytes, const char *what);
/* A sequence of `count` tensors out of these; the sizes are a caller's and checked, also against `wanted` (-1: any). */
void aicc_sequence_unpack(void *ctx, const int64_t *sizes, const void *data, const int64_t *wanted, int64_t *out,
                          int64_t one, int64_t bytes, int64_t count, int64_t rank, int64_t total, const char *what);

/* An image file of `size` bytes: its height and width, then height * width pixels of red, green, blue (layout 0), of blue,
 * green, red (1) or of their luma (2). A part of the runtime of its own: images/. */
void aicc_image_sizes(void *ctx, const uint8_t *file, int64_t *dims, int64_t two, int64_t size, const char *what);
void aicc_image_decode(void *ctx, const uint8_t *file, uint8_t *out, int64_t n, int64_t size, int64_t height,
                       int64_t width, int64_t layout, const char *what);

/* Numbers of numpy.random.RandomState(seed), uniform in [0, 1) or (kind 1) standard normal. */
void aicc_random_mt19937(void *ctx, double *out, int64_t n, int64_t seed, int64_t kind);
/* 64 bits that no run had before. */
void aicc_random_key(void *ctx, int64_t *out, int64_t one);

#endif

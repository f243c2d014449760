/* library.h: a vendor's library, found and opened with the first context that wants it, never when the model is loaded. */
#ifndef AICC_VENDOR_LIBRARY_H
#define AICC_VENDOR_LIBRARY_H

#include "../runtime.h"

/* A function of it, and where its address goes in the table. */
struct rt_library_function {
  const char *symbol;
  size_t offset;
};

struct rt_library {
  const char *title;           /* as messages call it */
  const char *variable;        /* of the environment: its path; nothing else is tried then */
  const char *folder_variable; /* of the environment: where it is looked for last, the folder of the Python package */
  const char *const *names;    /* of files, the preferred first; ends with NULL */
  const char *package;         /* that has it */
  const char *file;            /* for messages */
  size_t oldest;               /* version: major * 10000 + minor * 100 */
  const char *oldest_text;
  const struct rt_library_function *functions;
  size_t n_functions;
  void *table;
  size_t (*version)(void); /* once the functions are there */
  void *handle;            /* of dlopen; NULL: not open */
};

/* Opens it and fills the table, once. AICC_ERROR_LIBRARY: it is missing or too old; the message says what to do. */
int32_t rt_library_open(struct rt_library *library);

/* "node 'name': " of the first node that the kernel of `range` computes, or "". */
void rt_name_node(aicc_range_fn range, char *text, size_t room);

/* The largest power of two, up to `most`, that divides an address. */
int64_t rt_alignment(const void *pointer, int64_t most);

#endif

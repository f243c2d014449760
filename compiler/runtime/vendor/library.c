#define _GNU_SOURCE
#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* By the loader's rules (so that one that is open already is taken), else in the folder the Python package has. */
static void *find(const struct rt_library *l) {
  const char *path = getenv(l->variable), *folder = getenv(l->folder_variable);
  if (path && *path) return dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void *found = NULL;
  for (int i = 0; l->names[i] && !found; i++) found = dlopen(l->names[i], RTLD_NOW | RTLD_LOCAL);
  for (int i = 0; l->names[i] && !found && folder && *folder; i++) {
    char place[4096];
    snprintf(place, sizeof place, "%s/%s", folder, l->names[i]);
    found = dlopen(place, RTLD_NOW | RTLD_LOCAL);
  }
  return found;
}

static void next_step(const struct rt_library *l, char *text, size_t room) {
  snprintf(text, room, "install the package %s, set %s to the path of %s, or compile the model without --vendor-libraries",
           l->package, l->variable, l->file);
}

static int32_t fill_table(const struct rt_library *l, void *handle) {
  char step[400];
  next_step(l, step, sizeof step);
  for (size_t i = 0; i < l->n_functions; i++) {
    void *found = dlsym(handle, l->functions[i].symbol);
    if (!found)
      return rt_error(AICC_ERROR_LIBRARY, "the library %s is too old: it has no %s (%s or later is needed); %s", l->title,
                      l->functions[i].symbol, l->oldest_text, step);
    *(void **)((char *)l->table + l->functions[i].offset) = found;
  }
  size_t version = l->version();
  if (version >= l->oldest) return AICC_OK;
  return rt_error(AICC_ERROR_LIBRARY, "the library %s is too old: it is of version %zu.%zu (%s or later is needed); %s",
                  l->title, version / 10000, version / 100 % 100, l->oldest_text, step);
}

static int32_t open_locked(struct rt_library *l) {
  if (l->handle) return AICC_OK;
  void *handle = find(l);
  if (!handle) {
    const char *reason = dlerror();
    char step[400];
    next_step(l, step, sizeof step);
    return rt_error(AICC_ERROR_LIBRARY, "the model was compiled to call %s, which is not here: %s; %s", l->title,
                    reason ? reason : l->file, step);
  }
  int32_t status = fill_table(l, handle);
  if (status == AICC_OK)
    l->handle = handle;
  else
    dlclose(handle);
  return status;
}

int32_t rt_library_open(struct rt_library *library) {
  pthread_mutex_lock(&mutex);
  int32_t status = open_locked(library);
  pthread_mutex_unlock(&mutex);
  return status;
}

void rt_name_node(aicc_range_fn range, char *text, size_t room) {
  text[0] = 0;
  for (int32_t i = 0; range && i < aicc_model.n_kernels; i++) {
    const char *nodes = aicc_model.kernels[i].info.nodes;
    if (aicc_model.kernels[i].range == range && nodes[0])
      snprintf(text, room, "node '%.*s': ", (int)strcspn(nodes, "\n"), nodes);
  }
}

int64_t rt_alignment(const void *pointer, int64_t most) {
  int64_t bytes = most;
  while (bytes > 1 && (uintptr_t)pointer % (uintptr_t)bytes) bytes /= 2;
  return bytes;
}

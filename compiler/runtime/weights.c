/* Weights are read in place: from the library's own section, or from a file beside it that is mapped once.
 * Loading therefore does no work that grows with them; pages come in when kernels touch them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime.h"

/* One mapping per loaded library, from its first context to its last: the file may be deleted meanwhile. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int64_t users;
static const char *mapping;
static size_t mapped_bytes;
static char path[4096];

/* The library's own file, links resolved, to be freed; NULL if unknown. */
static char *library_path(void) {
  Dl_info info;
  if (!dladdr((const void *)&mapping, &info) || !info.dli_fname) return NULL;
  return realpath(info.dli_fname, NULL);
}

static char *join(const char *folder, size_t folder_length, const char *name, const char *suffix) {
  size_t size = folder_length + strlen(name) + strlen(suffix) + 1;
  char *text = malloc(size);
  if (text) snprintf(text, size, "%.*s%s%s", (int)folder_length, folder, name, suffix);
  return text;
}

/* Does the file end with the model's id? Two trainings of one model have files of one size. */
static bool has_id(int fd, const char *id) {
  char found[128];
  size_t length = strlen(id);
  if (length > sizeof found) return false;
  return pread(fd, found, length, (off_t)aicc_model.weights_bytes) == (ssize_t)length && !memcmp(found, id, length);
}

static int32_t map_file(int fd, const char *name) {
  const char *id = aicc_model.weights_id ? aicc_model.weights_id : "";
  int64_t expected = aicc_model.weights_bytes + (int64_t)strlen(id);
  struct stat status;
  if (fstat(fd, &status)) return rt_error(AICC_ERROR_WEIGHTS, "weights '%s' cannot be read: %s", name, strerror(errno));
  if ((int64_t)status.st_size != expected)
    return rt_error(AICC_ERROR_WEIGHTS, "weights '%s' have %lld bytes, the model wants %lld", name,
                    (long long)status.st_size, (long long)expected);
  if (!has_id(fd, id)) return rt_error(AICC_ERROR_WEIGHTS, "weights '%s' belong to another model or version of it", name);
  if (!expected) return AICC_OK;
  void *memory = mmap(NULL, (size_t)expected, PROT_READ, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    return rt_error(AICC_ERROR_WEIGHTS, "weights '%s' cannot be mapped: %s", name, strerror(errno));
  mapping = memory;
  mapped_bytes = (size_t)expected;
  return AICC_OK;
}

/* Opens "<library>.weights", which a renamed library brings along, or else the name given at compile time. */
static int open_file(const char *library, char **name) {
  const char *slash = strrchr(library, '/');
  size_t folder = slash ? (size_t)(slash - library) + 1 : 0;
  *name = join(library, strlen(library), "", ".weights");
  if (!*name) return -1;
  int fd = open(*name, O_RDONLY | O_CLOEXEC);
  if (fd >= 0 || errno != ENOENT) return fd;
  free(*name);
  *name = join(library, folder, aicc_model.weights_file, "");
  return *name ? open(*name, O_RDONLY | O_CLOEXEC) : -1;
}

static int32_t find_and_map(void) {
  char *library = library_path();
  if (!library) return rt_error(AICC_ERROR_WEIGHTS, "the folder of the model is unknown: its weights '%s' cannot be found",
                                aicc_model.weights_file);
  char *name = NULL;
  int fd = open_file(library, &name);
  free(library);
  int32_t status;
  if (!name)
    status = rt_error(AICC_ERROR_MEMORY, "out of memory");
  else if (fd < 0)
    status = rt_error(AICC_ERROR_WEIGHTS, "weights '%s' cannot be opened: %s", name, strerror(errno));
  else
    status = map_file(fd, name);
  if (fd >= 0) close(fd);
  if (status == AICC_OK) snprintf(path, sizeof path, "%s", name);
  free(name);
  return status;
}

static bool external(void) { return !aicc_model.weights && aicc_model.weights_file; }

int32_t rt_weights_use(const char **out) {
  *out = aicc_model.weights;
  if (!external()) return AICC_OK;
  pthread_mutex_lock(&mutex);
  int32_t status = users ? AICC_OK : find_and_map();
  if (status == AICC_OK) users++;
  *out = mapping;
  pthread_mutex_unlock(&mutex);
  return status;
}

void rt_weights_release(void) {
  if (!external()) return;
  pthread_mutex_lock(&mutex);
  if (--users == 0 && mapping) {
    munmap((void *)(uintptr_t)mapping, mapped_bytes);
    mapping = NULL;
  }
  pthread_mutex_unlock(&mutex);
}

const char *rt_weights_path(void) { return path[0] ? path : NULL; }

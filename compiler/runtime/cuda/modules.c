/* Device code: every image of the library becomes a module of the device, with the first context there.
 *
 * PTX is compiled by the driver, which takes some 10 to 100 ms an image (and keeps the result on disk for the next
 * process): hence the threads, and hence all at once rather than in the midst of the first run. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "state.h"

/* The linker's names for the section's ends; there is none in a model without kernels. */
extern aicc_cuda_kernel __start_aicc_cuda_kernels[] __attribute__((weak, visibility("hidden")));
extern aicc_cuda_kernel __stop_aicc_cuda_kernels[] __attribute__((weak, visibility("hidden")));

enum { MAX_LOADERS = 16, LOG_BYTES = 700 };

struct loading {
  struct cuda_modules *modules;
  CUcontext context;
  const char *device;
  int capability;
  _Atomic int64_t next;
  _Atomic int32_t status;
  pthread_mutex_t mutex;
  char message[1000]; /* the first error's, which belongs to another thread */
};

int64_t cuda_kernel_number(const aicc_cuda_kernel *kernel) { return kernel - __start_aicc_cuda_kernels; }

static int64_t kernel_count(void) {
  return __start_aicc_cuda_kernels ? __stop_aicc_cuda_kernels - __start_aicc_cuda_kernels : 0;
}

/* The first kernel of the same image. */
static int64_t owner(int64_t number) {
  const aicc_cuda_kernel *kernels = __start_aicc_cuda_kernels;
  for (int64_t i = 0; i < number; i++)
    if (kernels[i].image == kernels[number].image) return i;
  return number;
}

/* Machine code runs on its architecture and on later minor versions of it. */
static bool cubin_fits(const aicc_cuda_kernel *kernel, int capability) {
  return kernel->cubin && kernel->arch / 10 == capability / 10 && kernel->arch <= capability;
}

static int32_t load_error(CUresult result, const aicc_cuda_kernel *kernel, const struct loading *l, const char *log) {
  int version = 0;
  cuda.driver_version(&version);
  if (result == CUDA_ERROR_UNSUPPORTED_PTX_VERSION)
    return rt_error(AICC_ERROR_DEVICE, "the NVIDIA driver is too old: it is of CUDA %d.%d and cannot read the model's PTX (%s)",
                    version / 1000, version % 1000 / 10, aicc_model.target);
  if (result == CUDA_ERROR_NO_BINARY_FOR_GPU || result == CUDA_ERROR_INVALID_PTX)
    return rt_error(AICC_ERROR_DEVICE, "the model's code (%s) does not run on %s of compute capability %d.%d: kernel '%s'%s%s",
                    aicc_model.target, l->device, l->capability / 10, l->capability % 10, kernel->name,
                    log[0] ? ": " : "", log);
  if (log[0])
    return rt_error(AICC_ERROR_DEVICE, "kernel '%s' cannot be loaded: %s", kernel->name, log);
  return cuda_check(result, "a kernel cannot be loaded");
}

static CUresult load_image(CUmodule *module, const char *image, char *log) {
  int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, (void *)(uintptr_t)(LOG_BYTES - 1)};
  log[0] = 0;
  return cuda.module_load(module, image, 2, options, values);
}

/* A driver older than the assembler that made the machine code refuses it, and may still compile the PTX. */
static int32_t load(struct loading *l, int64_t number) {
  const aicc_cuda_kernel *kernel = &__start_aicc_cuda_kernels[number];
  CUmodule *module = &l->modules->modules[number];
  char log[LOG_BYTES] = "";
  CUresult result = CUDA_ERROR_NO_BINARY_FOR_GPU;
  if (cubin_fits(kernel, l->capability)) result = load_image(module, kernel->cubin, log);
  if (result != CUDA_SUCCESS && result != CUDA_ERROR_OUT_OF_MEMORY) result = load_image(module, kernel->image, log);
  return result == CUDA_SUCCESS ? AICC_OK : load_error(result, kernel, l, log);
}

static void *load_some(void *argument) {
  struct loading *l = argument;
  if (cuda_check(cuda.context_push(l->context), "the device's context") != AICC_OK) return NULL;
  for (;;) {
    int64_t number = atomic_fetch_add(&l->next, 1);
    if (number >= l->modules->count || atomic_load(&l->status) != AICC_OK) break;
    if (owner(number) != number) continue;
    int32_t status = load(l, number);
    if (status == AICC_OK) continue;
    pthread_mutex_lock(&l->mutex);
    if (atomic_load(&l->status) == AICC_OK) {
      snprintf(l->message, sizeof l->message, "%s", rt_last_error());
      atomic_store(&l->status, status);
    }
    pthread_mutex_unlock(&l->mutex);
  }
  CUcontext previous;
  cuda.context_pop(&previous);
  return NULL;
}

static int32_t find_functions(struct cuda_modules *m) {
  for (int64_t i = 0; i < m->count; i++) {
    CUmodule module = m->modules[owner(i)];
    int32_t status = cuda_check(cuda.module_function(&m->functions[i], module, __start_aicc_cuda_kernels[i].name),
                                "a kernel is not in its image");
    if (status != AICC_OK) return status;
  }
  return AICC_OK;
}

int32_t cuda_modules_load(struct cuda_modules *m, CUcontext context, const char *device, int capability) {
  m->count = kernel_count();
  size_t count = m->count ? (size_t)m->count : 1;
  m->modules = calloc(count, sizeof *m->modules);
  m->functions = calloc(count, sizeof *m->functions);
  m->shared = calloc(count, sizeof *m->shared);
  if (!m->modules || !m->functions || !m->shared) return rt_error(AICC_ERROR_MEMORY, "out of memory");
  struct loading l = {.modules = m, .context = context, .device = device, .capability = capability,
                      .mutex = PTHREAD_MUTEX_INITIALIZER};
  pthread_t threads[MAX_LOADERS];
  int32_t wanted = rt_usable_cpus(), started = 0;
  if (wanted > MAX_LOADERS) wanted = MAX_LOADERS;
  if (wanted > m->count) wanted = (int32_t)m->count;
  while (started + 1 < wanted && !pthread_create(&threads[started], NULL, load_some, &l)) started++;
  load_some(&l); /* this thread does all of it where others cannot be had */
  for (int32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
  int32_t status = atomic_load(&l.status);
  if (status != AICC_OK) return rt_error(status, "%s", l.message);
  return find_functions(m);
}

void cuda_modules_unload(struct cuda_modules *m) {
  for (int64_t i = 0; m->modules && i < m->count; i++)
    if (m->modules[i]) cuda.module_unload(m->modules[i]);
  free(m->modules);
  free(m->functions);
  free(m->shared);
  *m = (struct cuda_modules){0};
}

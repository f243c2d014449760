/* Devices: the primary context, the modules and the weights, shared by the contexts of a model on one device. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "state.h"

enum { MAX_DEVICES = 64 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct cuda_device devices[MAX_DEVICES];

int32_t cuda_default_device(void) {
  const char *text = getenv("AICC_CUDA_DEVICE");
  return text ? (int32_t)strtol(text, NULL, 10) : 0;
}

int32_t cuda_allocate(const struct cuda_device *device, CUdeviceptr *out, int64_t bytes, const char *what) {
  *out = 0;
  CUresult result = cuda.allocate(out, bytes > 0 ? (size_t)bytes : 1);
  if (result == CUDA_SUCCESS) return AICC_OK;
  if (result != CUDA_ERROR_OUT_OF_MEMORY) return cuda_check(result, what);
  size_t available = 0, total = 0;
  cuda.memory_info(&available, &total);
  return rt_error(AICC_ERROR_MEMORY, "out of memory on device %d (%s): %lld bytes for %s, %llu of %llu are free",
                  device->ordinal, device->name, (long long)bytes, what, (unsigned long long)available,
                  (unsigned long long)total);
}

static int32_t find(struct cuda_device *d) {
  int count = 0;
  int32_t status = cuda_check(cuda.device_count(&count), "the devices cannot be counted");
  if (status != AICC_OK) return status;
  if (!count) return rt_error(AICC_ERROR_DEVICE, "there is no NVIDIA GPU: the driver found no device");
  if (d->ordinal >= count)
    return rt_error(AICC_ERROR_DEVICE, "there is no device %d: the driver found %d", d->ordinal, count);
  int major = 0, minor = 0;
  CUresult result = cuda.device_get(&d->handle, d->ordinal);
  if (result == CUDA_SUCCESS) result = cuda.device_name(d->name, (int)sizeof d->name, d->handle);
  if (result == CUDA_SUCCESS)
    result = cuda.device_attribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, d->handle);
  if (result == CUDA_SUCCESS)
    result = cuda.device_attribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, d->handle);
  if (result == CUDA_SUCCESS)
    result = cuda.device_attribute(&d->multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, d->handle);
  d->capability = 10 * major + minor;
  return cuda_check(result, "the device cannot be used");
}

/* Pageable memory (a file's, most of the time) is staged by the driver: this happens once. */
static int32_t upload_weights(struct cuda_device *d, const char *weights) {
  if (!aicc_model.weights_bytes) return AICC_OK;
  int32_t status = cuda_allocate(d, &d->weights, aicc_model.weights_bytes, "the weights");
  if (status != AICC_OK) return status;
  CUresult result = cuda.upload(d->weights, weights, (size_t)aicc_model.weights_bytes, NULL);
  if (result == CUDA_SUCCESS) result = cuda.stream_wait(NULL);
  return cuda_check(result, "the weights cannot be copied to the device");
}

/* Undoes as much of `fill` as was done; within the primary context. */
static void empty(struct cuda_device *d) {
  CUcontext previous;
  cuda_modules_unload(&d->modules);
  if (d->weights) cuda.release(d->weights);
  cuda.context_pop(&previous);
  cuda.primary_release(d->handle);
  *d = (struct cuda_device){0};
}

static int32_t fill(struct cuda_device *d, const char *weights) {
  int32_t status = find(d);
  if (status == AICC_OK)
    status = cuda_check(cuda.primary_retain(&d->context, d->handle), "the device's context cannot be had");
  if (status != AICC_OK) return status;
  status = cuda_check(cuda.context_push(d->context), "the device's context cannot be used");
  if (status != AICC_OK) {
    cuda.primary_release(d->handle);
    return status;
  }
  status = upload_weights(d, weights);
  if (status == AICC_OK) status = cuda_modules_load(&d->modules, d->context, d->name, d->capability);
  if (status != AICC_OK) {
    empty(d);
    return status;
  }
  CUcontext previous;
  cuda.context_pop(&previous);
  return AICC_OK;
}

int32_t cuda_device_use(int32_t ordinal, const char *weights, struct cuda_device **out) {
  *out = NULL;
  if (ordinal < 0 || ordinal >= MAX_DEVICES) return rt_error(AICC_ERROR_DEVICE, "there is no device %d", ordinal);
  struct cuda_device *d = &devices[ordinal];
  pthread_mutex_lock(&mutex);
  int32_t status = AICC_OK;
  if (!d->users) {
    *d = (struct cuda_device){.ordinal = ordinal};
    status = fill(d, weights);
  }
  if (status == AICC_OK) {
    d->users++;
    *out = d;
  }
  pthread_mutex_unlock(&mutex);
  return status;
}

void cuda_device_release(struct cuda_device *d) {
  if (!d) return;
  pthread_mutex_lock(&mutex);
  if (--d->users == 0 && cuda.context_push(d->context) == CUDA_SUCCESS) empty(d);
  pthread_mutex_unlock(&mutex);
}

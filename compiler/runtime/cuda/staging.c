/* Copies of the caller's memory. The device reads and writes pinned memory at full speed and by itself; other memory
 * goes through two pinned pieces, one of which the host copies while the device copies the other. */
#include <string.h>

#include "state.h"

static int32_t prepare(struct cuda_staging *s) {
  if (s->pinned) return AICC_OK;
  for (int32_t i = 0; i < CUDA_PIECES; i++) {
    if (s->done[i]) continue;
    int32_t status = cuda_check(cuda.event_create(&s->done[i], CU_EVENT_DISABLE_TIMING), "an event cannot be made");
    if (status != AICC_OK) return status;
  }
  void *memory = NULL;
  int32_t status = cuda_check(cuda.host_allocate(&memory, (size_t)CUDA_PIECE * CUDA_PIECES, 0), "no pinned memory");
  s->pinned = memory;
  return status;
}

void cuda_staging_free(struct cuda_staging *s) {
  for (int32_t i = 0; i < CUDA_PIECES; i++)
    if (s->done[i]) cuda.event_destroy(s->done[i]);
  if (s->pinned) cuda.host_release(s->pinned);
  *s = (struct cuda_staging){0};
}

static CUresult wait_for(struct cuda_staging *s, int32_t piece) {
  CUresult result = s->busy[piece] ? cuda.event_wait(s->done[piece]) : CUDA_SUCCESS;
  s->busy[piece] = false;
  return result;
}

static CUresult mark(struct cuda_staging *s, int32_t piece, CUstream stream) {
  s->busy[piece] = true;
  return cuda.event_record(s->done[piece], stream);
}

int32_t cuda_upload(struct cuda_staging *s, CUdeviceptr device, const void *host, int64_t bytes, CUstream stream) {
  int32_t status = bytes ? prepare(s) : AICC_OK;
  CUresult result = CUDA_SUCCESS;
  for (int64_t at = 0; at < bytes && status == AICC_OK && result == CUDA_SUCCESS; at += CUDA_PIECE) {
    size_t size = bytes - at < CUDA_PIECE ? (size_t)(bytes - at) : CUDA_PIECE;
    int32_t piece = s->next;
    s->next = (piece + 1) % CUDA_PIECES;
    char *pinned = s->pinned + (size_t)piece * CUDA_PIECE;
    if ((result = wait_for(s, piece)) != CUDA_SUCCESS) break;
    memcpy(pinned, (const char *)host + at, size);
    result = cuda.upload(device + (CUdeviceptr)at, pinned, size, stream);
    if (result == CUDA_SUCCESS) result = mark(s, piece, stream);
  }
  return status == AICC_OK ? cuda_check(result, "an input cannot be copied to the device") : status;
}

int32_t cuda_download(struct cuda_staging *s, void *host, CUdeviceptr device, int64_t bytes, CUstream stream) {
  int32_t status = bytes ? prepare(s) : AICC_OK;
  if (status != AICC_OK) return status;
  CUresult result = CUDA_SUCCESS;
  int64_t pieces = (bytes + CUDA_PIECE - 1) / CUDA_PIECE;
  for (int64_t n = 0; n < pieces + 1 && result == CUDA_SUCCESS; n++) {
    if (n < pieces) {
      int64_t at = n * CUDA_PIECE;
      size_t size = bytes - at < CUDA_PIECE ? (size_t)(bytes - at) : CUDA_PIECE;
      int32_t piece = (int32_t)(n % CUDA_PIECES);
      if ((result = wait_for(s, piece)) != CUDA_SUCCESS) break;
      result = cuda.download(s->pinned + (size_t)piece * CUDA_PIECE, device + (CUdeviceptr)at, size, stream);
      if (result == CUDA_SUCCESS) result = mark(s, piece, stream);
    }
    if (n > 0 && result == CUDA_SUCCESS) { /* the piece before, while this one is on its way */
      int64_t at = (n - 1) * CUDA_PIECE;
      size_t size = bytes - at < CUDA_PIECE ? (size_t)(bytes - at) : CUDA_PIECE;
      int32_t piece = (int32_t)((n - 1) % CUDA_PIECES);
      result = wait_for(s, piece);
      if (result == CUDA_SUCCESS) memcpy((char *)host + at, s->pinned + (size_t)piece * CUDA_PIECE, size);
    }
  }
  return cuda_check(result, "an output cannot be copied from the device");
}

/* cuda.h: what code generated for NVIDIA GPUs and the runtime promise each other. Not part of the public interface.
 *
 * The host program is native code, as for CPUs (model.h): `main`, `shapes` and the kernels' launchers. But the arena,
 * the weights, the tables of inputs and outputs and what aicc_buffer_acquire and aicc_output_allocate return are
 * addresses of the device: the host program computes with them and hands them on, and never dereferences them. All
 * of them are aligned to AICC_CUDA_ALIGNMENT (a caller's tensor that is not is copied to where it is).
 *
 * Work is put on the context's stream in the order of the calls and done later, also as a replayed graph: a run with
 * dims seen before may not call `main` at all. So `main` may not depend on anything but its arguments and on what
 * aicc_cuda_read told it; a model whose `main` calls aicc_cuda_read (on memory other than the weights') is never
 * replayed.
 *
 * No function here returns after a failure: aicc_run returns with a status. `ctx` is the first argument of `main`. */
#ifndef AICC_CUDA_H
#define AICC_CUDA_H

#include "../model.h"

#define AICC_CUDA_ALIGNMENT 16

/* A function of the device. Lies in the section "aicc_cuda_kernels" of the kernel's object, writable, aligned to 8
 * bytes exactly: the runtime goes through the section to load all images, on several threads, with the first context
 * of a device. Functions of one image have the same `image`. */
typedef struct aicc_cuda_kernel {
  const char *image;   /* PTX, and a NUL */
  uint64_t size;       /* bytes of the PTX, without the NUL */
  const char *name;    /* of the function in the image, a `.visible .entry` */
  aicc_range_fn range; /* `k_…_range`, by which profiles know the kernel; may be NULL */
  const char *cubin;   /* the same as machine code, or NULL: taken where the device is of architecture `arch` */
  uint64_t cubin_size;
  int64_t arch;  /* of the cubin: 80, 90 … */
  int64_t waits; /* 1: it waits for the kernels before it by itself, and may be launched before they have ended */
} aicc_cuda_kernel;

#define AICC_CUDA_KERNELS "aicc_cuda_kernels"

/* Launches `kernel`. args[i] points to the value of parameter i (8 bytes for a pointer or an i64; 128 bytes, aligned
 * to 64, for a tensor map); the values are copied. `shared_bytes` is dynamic shared memory, up to what the device has.
 * A grid without blocks is no launch. Clusters come from the image (`.reqnctapercluster`). */
void aicc_cuda_launch(void *ctx, aicc_cuda_kernel *kernel, int32_t grid_x, int32_t grid_y, int32_t grid_z,
                      int32_t block_x, int32_t block_y, int32_t block_z, int32_t shared_bytes, void **args,
                      int32_t n_args);

/* What copies of boxes need, from a tensor or to it (a `CUtensorMap`): writes 128 bytes to `map`, aligned to 64; a launch takes them
 * as the value of a parameter. `base` is aligned to 16 bytes; `numbers` has `rank` (2 to 5) sizes, then as many steps in
 * elements (the first is 1, the others are multiples of 16 bytes), then how many positions a box has along each dim, then
 * how far they are apart (1 to 8, the first is 1), innermost first. No dim reaches beyond the next position of one with a
 * larger step. A line of a box is 128 bytes, whose chunks of 16 bytes are exchanged in shared memory. Outside of the
 * tensor are zeros. */
enum { AICC_CUDA_F16 = 0, AICC_CUDA_BF16 = 1, AICC_CUDA_BYTE = 2, AICC_CUDA_F32 = 3 };
void aicc_cuda_tensor_map(void *ctx, void *map, const void *base, int32_t element, int32_t rank, const int64_t *numbers);

/* Of the device. */
int64_t aicc_cuda_multiprocessors(void *ctx);

/* Device to host. Waits for all work before. */
void aicc_cuda_read(void *ctx, void *host, const void *device, int64_t bytes);

/* Host to device; `host` may change at once after the call. For numbers and small tables. */
void aicc_cuda_write(void *ctx, void *device, const void *host, int64_t bytes);

/* Device to device; the two do not overlap. */
void aicc_cuda_copy(void *ctx, void *target, const void *source, int64_t bytes);

#endif

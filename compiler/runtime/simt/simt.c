/* simt.c: GPU kernels on the CPU, thread by thread, for tests and for debugging without a device (target simt).
 *
 * A launch runs the blocks of its grid one after the other, those of a cluster together. Their threads are fibers: each
 * runs until it waits for the others (barrier, or an exchange within its warp), in ascending order, or descending with
 * AICC_SIMT_ORDER=descending: code that lacks a barrier gives different numbers. Shared memory starts out as NaNs.
 * Kernels that never wait need no fibers. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "../cuda/cuda.h"
#include "asynchronous.h"

enum { STACK = 256 << 10, MAX_THREADS = 1024, WARP = 32, GROUP = 128, SHARED = 232448 };
enum { FAR = 56 }; /* no memory of this process has an address with this bit */
enum state { READY, AT_BARRIER, AT_WARP, AT_GROUP, AT_MEETING, AT_PHASE, AT_CLUSTER, AT_GRIDS, DONE };

typedef void (*thread_fn)(void **args);

struct thread {
  ucontext_t context;
  enum state state;
  int meeting, expected;       /* AT_MEETING: which, and how many come */
  const struct phase *barrier; /* AT_PHASE */
  int parity;
  bool arrived; /* at the cluster's barrier */
};

static struct {
  int64_t place[12]; /* thread, block, block size, grid size */
  struct thread *threads;
  char *stacks;
  ucontext_t scheduler;
  int count, current; /* threads of a block; the one that runs, counted through the cluster */
  int cluster;        /* blocks of it */
  int64_t first;      /* of these, along x */
  thread_fn function;
  void **args;
  bool early;   /* the kernels before have not ended: threads go on until they wait for that */
  char *shared; /* SHARED bytes a block */
  uint64_t slots[MAX_CLUSTER * MAX_THREADS][16]; /* what lanes give each other */
} simt;

_Noreturn void simt_die(const char *message) {
  fprintf(stderr, "aicc simt: %s\n", message);
  abort();
}

static void enter(int thread) {
  int64_t rest = thread % simt.count;
  for (int d = 0; d < 3; d++) {
    simt.place[d] = rest % simt.place[6 + d];
    rest /= simt.place[6 + d];
  }
  simt.place[3] = simt.first + thread / simt.count;
  simt.current = thread;
}

static void fiber(void) {
  simt.function(simt.args);
  simt.threads[simt.current].state = DONE;
  swapcontext(&simt.threads[simt.current].context, &simt.scheduler);
}

static void wait_as(enum state state) {
  int self = simt.current;
  simt.threads[self].state = state;
  swapcontext(&simt.threads[self].context, &simt.scheduler);
  enter(self);
}

/* Makes a group of threads ready that all wait in the same way; false: one of them waits otherwise. */
static bool release(int first, int last, enum state state) {
  for (int i = first; i < last; i++)
    if (simt.threads[i].state != state && simt.threads[i].state != DONE) return false;
  bool any = false;
  for (int i = first; i < last; i++)
    if (simt.threads[i].state == state) {
      simt.threads[i].state = READY;
      any = true;
    }
  return any;
}

/* Meetings of some threads of a block: all that are expected at one of them have come. */
static bool release_meetings(struct thread *threads) {
  bool any = false;
  for (int i = 0; i < simt.count; i++) {
    struct thread *t = &threads[i];
    if (t->state != AT_MEETING) continue;
    int there = 0;
    for (int j = 0; j < simt.count; j++) there += threads[j].state == AT_MEETING && threads[j].meeting == t->meeting;
    if (there < t->expected) continue;
    if (there > t->expected) simt_die("more threads at a barrier than it is for");
    for (int j = simt.count - 1, meeting = t->meeting; j >= 0; j--)
      if (threads[j].state == AT_MEETING && threads[j].meeting == meeting) threads[j].state = READY;
    any = true;
  }
  return any;
}

static bool release_phases(struct thread *threads) {
  bool any = false;
  for (int i = 0; i < simt.count; i++) {
    struct thread *t = &threads[i];
    if (t->state != AT_PHASE || !simt_phase_over(t->barrier, t->parity)) continue;
    t->state = READY;
    any = true;
  }
  return any;
}

/* Threads of a block from `first` on that need not wait any more. */
static bool release_some(int first) {
  bool any = false;
  int end = first + simt.count;
  for (int i = first; i < end; i += WARP) any |= release(i, i + WARP < end ? i + WARP : end, AT_WARP);
  for (int i = first; i + GROUP <= end; i += GROUP) any |= release(i, i + GROUP, AT_GROUP);
  any |= release_meetings(simt.threads + first);
  any |= release_phases(simt.threads + first);
  return any || release(first, end, AT_BARRIER);
}

static bool run_ready(int first, bool descending) {
  bool any = false;
  for (int k = 0; k < simt.count; k++) {
    int i = first + (descending ? simt.count - 1 - k : k);
    if (simt.threads[i].state != READY) continue;
    enter(i);
    swapcontext(&simt.scheduler, &simt.threads[i].context);
    any = true;
  }
  return any;
}

/* Blocks go on at the same pace, and copies are done as late as possible; or (descending) the last block goes on as
 * long as it can, and copies are done as soon as nobody of it runs. False: nobody can. */
static bool go_on(bool descending) {
  int all = simt.cluster * simt.count;
  if (descending) {
    for (int first = all - simt.count; first >= 0; first -= simt.count)
      if (run_ready(first, true) || simt_copy_one() || release_some(first)) return true;
    return release(0, all, AT_CLUSTER);
  }
  bool any = false;
  for (int first = 0; first < all; first += simt.count) any |= run_ready(first, false);
  for (int first = 0; !any && first < all; first += simt.count) any = release_some(first);
  return any || release(0, all, AT_CLUSTER) || simt_copy_one();
}

static bool all_done(void) {
  for (int i = 0; i < simt.cluster * simt.count; i++)
    if (simt.threads[i].state != DONE) return false;
  return true;
}

static void start_cluster(void) {
  memset(simt.shared, 0xff, (size_t)simt.cluster * SHARED);
  for (int i = 0; i < simt.cluster * simt.count; i++) {
    struct thread *t = &simt.threads[i];
    getcontext(&t->context);
    t->context.uc_stack.ss_sp = simt.stacks + (size_t)i * STACK;
    t->context.uc_stack.ss_size = STACK;
    t->context.uc_link = NULL;
    t->arrived = false;
    makecontext(&t->context, fiber, 0);
    t->state = READY;
  }
}

static void run_cluster(bool descending) {
  start_cluster();
  while (!all_done())
    if (!go_on(descending)) simt_die("threads of a block wait for each other at different places");
}

static void touched(int signal) {
  (void)signal;
  simt_die("a kernel touches memory before it waits for the kernels before it");
}

/* What threads of a kernel that waits for those before it do until then, with addresses at which there is no memory. */
static void begin_early(bool descending) {
  struct sigaction before, during = {.sa_handler = touched};
  simt.early = true;
  start_cluster();
  sigaction(SIGSEGV, &during, &before);
  while (go_on(descending)) continue;
  sigaction(SIGSEGV, &before, NULL);
  simt.early = false;
  for (int i = 0; i < simt.cluster * simt.count; i++)
    if (simt.threads[i].state != AT_GRIDS) simt_die("a thread does not wait for the kernels before its own");
}

/* `image` is the function; `size` says whether its threads wait for each other, `arch` how many blocks a cluster has. */
void aicc_cuda_launch(void *ctx, aicc_cuda_kernel *kernel, int32_t grid_x, int32_t grid_y, int32_t grid_z,
                      int32_t block_x, int32_t block_y, int32_t block_z, int32_t shared_bytes, void **args,
                      int32_t n_args) {
  (void)ctx, (void)n_args;
  int64_t sizes[6] = {block_x, block_y, block_z, grid_x, grid_y, grid_z};
  memcpy(simt.place + 6, sizes, sizeof sizes);
  int64_t count = (int64_t)block_x * block_y * block_z;
  if (count > MAX_THREADS) simt_die("a block has more than 1024 threads");
  int cluster = (int)kernel->arch;
  if (cluster < 1 || cluster > MAX_CLUSTER) simt_die("clusters of so many blocks are not emulated");
  if (grid_x % cluster != 0) simt_die("a grid is no multiple of its clusters");
  if (cluster > 1 && count % GROUP != 0) simt_die("clusters of blocks that are no whole warpgroups are not emulated");
  if (grid_y > 65535 || grid_z > 65535) simt_die("a grid has more than 65535 blocks along y or z");
  if (shared_bytes + (int64_t)kernel->cubin_size > SHARED) simt_die("a block takes too much shared memory");
  if (simt.threads == NULL) {
    simt.threads = calloc(MAX_CLUSTER * MAX_THREADS, sizeof *simt.threads);
    simt.stacks = mmap(NULL, (size_t)MAX_CLUSTER * MAX_THREADS * STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    simt.shared = aligned_alloc(1024, MAX_CLUSTER * SHARED);
    if (simt.threads == NULL || simt.stacks == MAP_FAILED || simt.shared == NULL) simt_die("out of memory");
  }
  const char *order = getenv("AICC_SIMT_ORDER");
  bool descending = order != NULL && strcmp(order, "descending") == 0;
  simt.count = (int)count;
  simt.cluster = cluster;
  simt.function = (thread_fn)(uintptr_t)kernel->image;
  simt.args = args;
  for (int64_t z = 0; z < grid_z; z++)
    for (int64_t y = 0; y < grid_y; y++)
      for (int64_t x = 0; x < grid_x; x += cluster) {
        simt.first = x, simt.place[4] = y, simt.place[5] = z;
        if (kernel->size != 0) {
          if (kernel->waits != 0 && x + y + z == 0) begin_early(descending);
          run_cluster(descending);
          simt_end_cluster();
          continue;
        }
        for (int i = 0; i < simt.count; i++) {
          enter(i);
          simt.function(args);
        }
      }
}

void aicc_cuda_read(void *ctx, void *host, const void *device, int64_t bytes) {
  (void)ctx;
  memcpy(host, device, (size_t)bytes);
}

void aicc_cuda_write(void *ctx, void *device, const void *host, int64_t bytes) {
  (void)ctx;
  memcpy(device, host, (size_t)bytes);
}

void aicc_cuda_copy(void *ctx, void *target, const void *source, int64_t bytes) {
  (void)ctx;
  memcpy(target, source, (size_t)bytes);
}

/* ---- what device code calls ---- */

int64_t aicc_simt_place(int64_t which) { return simt.place[which]; }

char *aicc_simt_shared(void) { return simt.shared + simt_rank() * SHARED; }

void aicc_simt_barrier(void) { wait_as(AT_BARRIER); }

/* Threads that began early are begun again. */
void aicc_simt_grids_wait(void) {
  if (simt.early) wait_as(AT_GRIDS);
}

void *aicc_simt_memory(void *address) { return (char *)address + ((uint64_t)simt.early << FAR); }

void simt_check_waited(void) {
  if (simt.early) touched(0);
}

int64_t aicc_simt_lane(void) { return simt.current % WARP; }

/* The 32 bits of lane `offset` (idx), `lane ^ offset` (xor), `lane + offset` (down), `lane - offset` (up), within
 * groups of `width` lanes; its own where there is no such lane. */
int32_t aicc_simt_shuffle(int32_t value, int32_t offset, int32_t width, int32_t mode) {
  int self = simt.current, lane = self % width, base = self - lane;
  simt.slots[self][0] = (uint32_t)value;
  wait_as(AT_WARP);
  int other = mode == 0 ? lane ^ offset : mode == 1 ? lane + offset : mode == 2 ? lane - offset : offset;
  bool valid = other >= 0 && other < width && base + other < simt.cluster * simt.count;
  int32_t result = (int32_t)simt.slots[valid ? base + other : self][0];
  wait_as(AT_WARP);
  return result;
}

/* d = a b + c of a warp for 16x8 results and `depth` products, fragments as PTX's mma.m16n8k8 (tf32) and m16n8k16
 * (f16, bf16) have them, all as floats: `a` has depth / 2 numbers, `b` depth / 4, `c` and `d` 4. */
void aicc_simt_mma(const float *a, const float *b, const float *c, float *d, int64_t depth) {
  int self = simt.current, lane = self % WARP, warp = self - lane;
  float *mine = (float *)simt.slots[self];
  int half = (int)depth / 2;
  memcpy(mine, a, (size_t)half * sizeof *a);
  memcpy(mine + half, b, (size_t)half / 2 * sizeof *b);
  wait_as(AT_WARP);
  int pair = depth == 16 ? 2 : 1; /* neighbours along the products that a register holds */
  for (int r = 0; r < 4; r++) {
    int row = lane / 4 + (r / 2) * 8, column = lane % 4 * 2 + r % 2;
    float sum = c[r];
    for (int k = 0; k < depth; k++) {
      int part = k / (4 * pair), in_part = k % (4 * pair);
      int a_lane = row % 8 * 4 + in_part / pair, b_lane = column * 4 + in_part / pair;
      int a_at = (part * 2 + row / 8) * pair + in_part % pair, b_at = part * pair + in_part % pair;
      sum += ((float *)simt.slots[warp + a_lane])[a_at] * ((float *)simt.slots[warp + b_lane])[half + b_at];
    }
    d[r] = sum;
  }
  wait_as(AT_WARP);
}

/* d = a b + c of a warp for 16x8 results and 32 products of bytes, fragments as PTX's mma.m16n8k32 has them: of
 * `operands` the first 4 numbers are a's, then 2 of b, 4 of c. Sums wrap. */
void aicc_simt_mma_bytes(const uint32_t *operands, uint32_t *d, int64_t a_signed, int64_t b_signed) {
  int self = simt.current, lane = self % WARP, warp = self - lane;
  memcpy(simt.slots[self], operands, 6 * sizeof *operands);
  wait_as(AT_WARP);
  for (int r = 0; r < 4; r++) {
    int row = lane / 4 + (r / 2) * 8, column = lane % 4 * 2 + r % 2;
    uint32_t sum = operands[6 + r];
    for (int k = 0; k < 32; k++) {
      int lane_in_row = k % 16 / 4;
      const uint8_t *a = (const uint8_t *)simt.slots[warp + row % 8 * 4 + lane_in_row];
      const uint8_t *b = (const uint8_t *)simt.slots[warp + column * 4 + lane_in_row] + 16;
      uint8_t x = a[(k / 16 * 2 + row / 8) * 4 + k % 4], y = b[k / 16 * 4 + k % 4];
      sum += (uint32_t)((a_signed ? (int8_t)x : x) * (b_signed ? (int8_t)y : y));
    }
    d[r] = sum;
  }
  wait_as(AT_WARP);
}

/* cvt.rna.tf32: to 10 bits of mantissa, halves away from zero. */
int32_t aicc_simt_tf32(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fffe000;
  return (int32_t)((bits + 0x1000u) & 0xffffe000u);
}

/* ldmatrix: lane i gives the address of row i % 8 of matrix i / 8 (8 rows of 16 bytes); each lane gets 4 bytes of
 * each of `count` matrices: those of row lane / 4 at 4 * (lane % 4), or transposed as 2-byte elements. */
void aicc_simt_ldmatrix(const void *row, uint32_t *out, int64_t count, int64_t transposed) {
  int self = simt.current, lane = self % WARP, warp = self - lane;
  if ((uintptr_t)row % 16 != 0) simt_die("ldmatrix: a row is not aligned to 16 bytes");
  simt.slots[self][0] = (uint64_t)(uintptr_t)row;
  wait_as(AT_WARP);
  for (int m = 0; m < count; m++) {
    uint16_t parts[2];
    for (int i = 0; i < 2; i++) {
      int r = transposed ? lane % 4 * 2 + i : lane / 4, column = transposed ? lane / 4 : lane % 4 * 2 + i;
      const uint16_t *source = (const uint16_t *)(uintptr_t)simt.slots[warp + m * 8 + r][0];
      parts[i] = source[column];
    }
    memcpy(out + m, parts, sizeof parts);
  }
  wait_as(AT_WARP);
}

/* stmatrix: the reverse of ldmatrix, not transposed. */
void aicc_simt_stmatrix(void *row, const uint32_t *values, int64_t count) {
  int self = simt.current, lane = self % WARP, warp = self - lane;
  if ((uintptr_t)row % 16 != 0) simt_die("stmatrix: a row is not aligned to 16 bytes");
  simt.slots[self][0] = (uint64_t)(uintptr_t)row;
  wait_as(AT_WARP);
  for (int m = 0; m < count; m++) {
    char *target = (char *)(uintptr_t)simt.slots[warp + m * 8 + lane / 4][0];
    memcpy(target + lane % 4 * 4, values + m, 4);
  }
  wait_as(AT_WARP);
}

/* ---- what waits for work that goes on by itself (asynchronous.c) ---- */

int simt_thread(void) { return simt.current % simt.count; }
int simt_rank(void) { return simt.current / simt.count; }

char *simt_shared_of(int rank) { return simt.shared + rank * SHARED; }

bool simt_goes_on(int rank) {
  for (int i = 0; rank < simt.cluster && i < simt.count; i++)
    if (simt.threads[rank * simt.count + i].state != DONE) return true;
  return false;
}

/* All threads of the cluster arrive, then wait; those that have ended are not waited for. */
void aicc_simt_cluster_arrive(void) {
  struct thread *t = &simt.threads[simt.current];
  if (t->arrived) simt_die("a thread arrives twice at the barrier of a cluster");
  t->arrived = true;
}

void aicc_simt_cluster_wait(void) {
  struct thread *t = &simt.threads[simt.current];
  if (!t->arrived) simt_die("a thread waits at the barrier of a cluster before it arrives");
  t->arrived = false;
  wait_as(AT_CLUSTER);
}
void simt_wait_warp(void) { wait_as(AT_WARP); }
void simt_wait_group(void) { wait_as(AT_GROUP); }

/* Barrier `number` of `expected` threads of the block; 0 is that of all. */
void aicc_simt_meet(int32_t number, int32_t expected) {
  struct thread *t = &simt.threads[simt.current];
  if (expected % WARP != 0) simt_die("a barrier is for whole warps");
  t->meeting = number, t->expected = expected;
  wait_as(AT_MEETING);
}

void aicc_simt_phase_wait(const struct phase *barrier, int32_t parity) {
  struct thread *t = &simt.threads[simt.current];
  t->barrier = barrier, t->parity = parity;
  while (!simt_phase_over(barrier, parity)) wait_as(AT_PHASE);
}

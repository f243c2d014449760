/* asynchronous.c: work of a block that goes on by itself, as on sm_90: copies of boxes of tensors to shared memory and
 * from there (TMA), the barriers that count their bytes, and products of warpgroups (wgmma). Threads that do not wait
 * get NaNs. */
#include "asynchronous.h"

#include <string.h>

#include "../cuda/cuda.h"

enum { GROUP = 128, MAX_COPIES = 256, MAX_GROUPS = 7, MAX_PRODUCTS = 64, MAX_DIMS = 5, ATOM = 1024, MAX_STORES = 64 };

/* What a tensor map is here: at most 128 bytes. */
struct box {
  const char *base;
  int64_t sizes[MAX_DIMS], steps[MAX_DIMS]; /* elements */
  uint16_t extents[MAX_DIMS];               /* positions of a box */
  uint8_t apart[MAX_DIMS], rank, bytes;     /* of an element */
};
_Static_assert(sizeof(struct box) <= 128, "a tensor map has 128 bytes");

struct copy {
  char *target;
  struct box box;
  struct phase *barrier;
  int32_t place[MAX_DIMS];
};

/* A product that may still read its operands. */
struct product {
  uint64_t left, right, sum;
  int64_t columns, group;
  bool turned[2], registers; /* registers: the left operand is in some */
};

static struct {
  struct copy copies[MAX_COPIES];
  int first, count;
  struct group {
    struct product products[MAX_PRODUCTS];
    int count;
    int64_t committed;
    /* Boxes on their way to memory, in the order of their start. */
    struct store {
      const char *source;
      struct box box;
      int32_t place[MAX_DIMS];
      int thread;
      int64_t commits; /* of the thread, before */
    } stores[MAX_STORES];
    int stored;
    int64_t commits[GROUP]; /* of each thread */
    /* Left operands in registers: threads are at most one product ahead of others. */
    uint32_t given[2][GROUP][4];
    unsigned char turns[GROUP];
    uint32_t fences[GROUP], seen[GROUP]; /* of each thread; those before the last box */
  } groups[MAX_CLUSTER][MAX_GROUPS + 1];
} simt;

/* That of the thread. */
static struct group *group(void) { return &simt.groups[simt_rank()][simt_thread() / GROUP]; }

/* Where block `rank` of the cluster has what lies at `address` in this one. */
static void *in_block(void *address, int rank) {
  if (!simt_goes_on(rank)) simt_die("a cluster has no such block, or it has ended");
  return simt_shared_of(rank) + ((char *)address - simt_shared_of(simt_rank()));
}

void *aicc_simt_map(void *address, int32_t rank) { return in_block(address, rank); }

/* ---- barriers ---- */

static void settle(struct phase *b) {
  if (b->pending != 0 || b->bytes_and_parity >> 1 != 0) return;
  b->pending = b->expected;
  b->bytes_and_parity = !(b->bytes_and_parity & 1);
}

static void check(const struct phase *b) {
  if ((uintptr_t)b % sizeof *b != 0) simt_die("mbarrier: it is not aligned to 8 bytes");
}

bool simt_phase_over(const struct phase *b, int parity) { return (b->bytes_and_parity & 1) != parity; }

void aicc_simt_phase_init(struct phase *b, int32_t arrivals) {
  check(b);
  *b = (struct phase){.expected = (uint16_t)arrivals, .pending = (uint16_t)arrivals};
}

void aicc_simt_phase_arrive(struct phase *b) {
  check(b);
  if (b->pending == 0) simt_die("mbarrier: more arrivals than a phase has");
  b->pending--;
  settle(b);
}

void aicc_simt_phase_expect(struct phase *b, int32_t bytes) {
  check(b);
  b->bytes_and_parity += 2 * bytes;
  aicc_simt_phase_arrive(b);
}

/* ---- copies ---- */

void aicc_cuda_tensor_map(void *ctx, void *map, const void *base, int32_t element, int32_t rank, const int64_t *numbers) {
  (void)ctx;
  struct box *box = map;
  if (rank < 2 || rank > MAX_DIMS) simt_die("a tensor map has 2 to 5 dims");
  *box = (struct box){.base = base, .rank = (uint8_t)rank, .bytes = element == AICC_CUDA_BYTE ? 1 : element == AICC_CUDA_F32 ? 4 : 2};
  if ((uintptr_t)base % 16 != 0) simt_die("tensor map: the tensor is not aligned to 16 bytes");
  for (int d = 0; d < rank; d++) {
    box->sizes[d] = numbers[d], box->steps[d] = numbers[rank + d];
    int64_t extent = numbers[2 * rank + d], apart = numbers[3 * rank + d];
    box->extents[d] = (uint16_t)extent, box->apart[d] = (uint8_t)apart;
    if (apart < 1 || apart > 8) simt_die("tensor map: positions of a box are 1 to 8 apart");
    if (extent < 1 || extent * apart > 256) simt_die("tensor map: a box covers 1 to 256 positions along a dim");
    if (d == 0 && (box->steps[0] != 1 || apart != 1 || extent * box->bytes != 128))
      simt_die("tensor map: a line of a box is 128 bytes one after the other");
    if (d > 0 && (box->steps[d] * box->bytes % 16 != 0 || box->steps[d] < 0))
      simt_die("tensor map: a step is no multiple of 16 bytes");
  }
  for (int d = 0; d < rank; d++)
    for (int other = 0; other < rank; other++)
      if (d != other && box->sizes[other] > 1 && box->steps[d] <= box->steps[other] &&
          box->sizes[d] * box->steps[d] > box->steps[other])
        simt_die("tensor map: dims overlap, which a driver may refuse");
}

/* A line of a box from the tensor, or (`back`) to it. */
static void copy_line(char *line, const struct box *b, const int64_t *place, bool back) {
  int64_t offset = 0;
  bool inside = true;
  for (int d = 1; d < b->rank; d++) {
    inside = inside && place[d] >= 0 && place[d] < b->sizes[d];
    offset += place[d] * b->steps[d];
  }
  for (int i = 0; i < b->extents[0]; i++) {
    int64_t at = place[0] + i;
    uintptr_t address = (uintptr_t)line + (uintptr_t)i * b->bytes;
    char *here = (char *)(address ^ ((address >> 3) & 0x70)), *there = (char *)b->base + (offset + at) * b->bytes;
    bool exists = inside && at >= 0 && at < b->sizes[0];
    if (!back && !exists) memset(here, 0, b->bytes);
    if (exists) memcpy(back ? there : here, back ? here : there, b->bytes);
  }
}

/* All lines of a box at `corner`; how many bytes. */
static int64_t copy_lines(char *lines, const struct box *box, const int32_t *corner, bool back) {
  int64_t count = 1, place[MAX_DIMS] = {corner[0]};
  for (int d = 1; d < box->rank; d++) count *= box->extents[d];
  for (int64_t line = 0; line < count; line++) {
    int64_t rest = line;
    for (int d = 1; d < box->rank; d++) {
      place[d] = corner[d] + rest % box->extents[d] * box->apart[d];
      rest /= box->extents[d];
    }
    copy_line(lines + line * 128, box, place, back);
  }
  return count * 128;
}

bool simt_copy_one(void) {
  if (simt.count == 0) return false;
  const struct copy *c = &simt.copies[simt.first];
  simt.first = (simt.first + 1) % MAX_COPIES;
  simt.count--;
  c->barrier->bytes_and_parity -= (int32_t)(2 * copy_lines(c->target, &c->box, c->place, false));
  settle(c->barrier);
  return true;
}

void aicc_simt_copy_box(char *target, const struct box *map, struct phase *barrier, int32_t p0, int32_t p1, int32_t p2,
                        int32_t p3, int32_t p4, int32_t blocks) {
  check(barrier);
  simt_check_waited();
  if ((uintptr_t)map % 64 != 0) simt_die("a tensor map is not aligned to 64 bytes");
  if ((uintptr_t)target % ATOM != 0) simt_die("a box is not aligned to where its chunks are exchanged");
  if (blocks == 0) blocks = 1 << simt_rank();
  for (int rank = 0; blocks >> rank != 0; rank++) {
    if ((blocks >> rank & 1) == 0) continue;
    if (simt.count == MAX_COPIES) simt_die("too many copies at once");
    simt.copies[(simt.first + simt.count++) % MAX_COPIES] = (struct copy){
        .target = in_block(target, rank), .box = *map, .barrier = in_block(barrier, rank), .place = {p0, p1, p2, p3, p4}};
  }
}

/* ---- stores: read as late as their threads allow ---- */

/* Copies that start later see what this thread wrote. */
void aicc_simt_fence(void) { group()->fences[simt_thread() % GROUP]++; }

void aicc_simt_store_box(const struct box *map, const char *source, int32_t p0, int32_t p1, int32_t p2, int32_t p3,
                         int32_t p4) {
  struct group *own = group();
  int thread = simt_thread() % GROUP;
  simt_check_waited();
  if ((uintptr_t)map % 64 != 0) simt_die("a tensor map is not aligned to 64 bytes");
  if ((uintptr_t)source % ATOM != 0) simt_die("a box is not aligned to where its chunks are exchanged");
  if (own->stored == MAX_STORES) simt_die("too many boxes that nobody waits for");
  for (int i = 0; i < GROUP; i++) {
    if (own->fences[i] == own->seen[i]) simt_die("a box is stored before all threads of the warpgroup have told of it");
    own->seen[i] = own->fences[i];
  }
  own->stores[own->stored++] = (struct store){
      .source = source, .box = *map, .place = {p0, p1, p2, p3, p4}, .thread = thread, .commits = own->commits[thread]};
}

void aicc_simt_store_commit(void) { group()->commits[simt_thread() % GROUP]++; }

/* Until at most `left` groups of this thread are still to be read. */
void aicc_simt_store_wait(int64_t left) {
  struct group *own = group();
  int thread = simt_thread() % GROUP, kept = 0;
  for (int i = 0; i < own->stored; i++) {
    struct store *s = &own->stores[i];
    if (s->thread == thread && s->commits < own->commits[thread] - left)
      copy_lines((char *)s->source, &s->box, s->place, true);
    else
      own->stores[kept++] = *s;
  }
  own->stored = kept;
}

/* ---- products ---- */

static float wide(uint16_t value, bool brain) {
  uint32_t bits = (uint32_t)value << 16;
  float result;
  if (!brain) {
    uint32_t sign = bits & 0x80000000u, exponent = (value >> 10) & 31, mantissa = value & 1023u;
    if (exponent == 0) {
      result = (float)mantissa * 0x1p-24f;
      return sign ? -result : result;
    }
    bits = sign | ((exponent == 31 ? 255 : exponent + 112) << 23) | (mantissa << 13);
  }
  memcpy(&result, &bits, sizeof result);
  return result;
}

/* Element (position, product) of an operand in the layout with 128 bytes of exchanged chunks. `turned`: lines go along
 * the positions. The descriptor has bits 4 to 17 of addresses. */
static const char *element(uint64_t descriptor, bool turned, int64_t position, int64_t k) {
  if (descriptor >> 62 != 1 || (descriptor >> 49 & 7) != 0) simt_die("wgmma: a layout that is not emulated");
  uint64_t leading = (descriptor >> 16 & 0x3fff) * 16, stride = (descriptor >> 32 & 0x3fff) * 16;
  uint64_t base = (uint64_t)(uintptr_t)simt_shared_of(simt_rank());
  uint64_t start = base + (((descriptor & 0x3fff) * 16 - base) & 0x3ffff);
  uint64_t offset = turned ? (uint64_t)(position / 64) * leading + (uint64_t)(position % 64) * 2 +
                                 (uint64_t)(k / 8) * stride + (uint64_t)(k % 8) * 128
                           : (uint64_t)(position / 8) * stride + (uint64_t)(position % 8) * 128 + (uint64_t)k * 2;
  uint64_t address = start + offset;
  return (const char *)(uintptr_t)(address ^ ((address >> 3) & 0x70));
}

static uint16_t raw(uint64_t descriptor, bool turned, int64_t position, int64_t k) {
  uint16_t value;
  memcpy(&value, element(descriptor, turned, position, k), sizeof value);
  return value;
}

static uint64_t checksum(const struct product *p) {
  uint64_t sum = 1469598103934665603u;
  for (int64_t k = 0; k < 16; k++) {
    for (int64_t i = 0; i < 64 && !p->registers; i++) sum = (sum ^ raw(p->left, p->turned[0], i, k)) * 1099511628211u;
    for (int64_t i = 0; i < p->columns; i++) sum = (sum ^ raw(p->right, p->turned[1], i, k)) * 1099511628211u;
  }
  return sum;
}

/* All threads of the warpgroup have come: one of them remembers the product. */
static void begin(struct product p) {
  simt_wait_group();
  if (simt_thread() % GROUP != 0) return;
  struct group *own = group();
  p.group = own->committed;
  p.sum = checksum(&p);
  if (own->count == MAX_PRODUCTS) simt_die("wgmma: too many products that nobody waits for");
  own->products[own->count++] = p;
}

/* The first row of which this thread has sums. */
static int64_t first_row(void) { return simt_thread() % GROUP / 32 * 16 + simt_thread() % 32 / 4; }

/* sums += a right, of this thread's two rows `a`. */
static void multiply(float a[2][16], uint64_t right, float *sums, int64_t columns, bool brain, bool turned) {
  int64_t lane = simt_thread() % 32;
  for (int64_t j = 0; j < columns / 8; j++)
    for (int i = 0; i < 2; i++) {
      float b[16];
      for (int k = 0; k < 16; k++) b[k] = wide(raw(right, turned, j * 8 + lane % 4 * 2 + i, k), brain);
      for (int half = 0; half < 2; half++) {
        float *sum = &sums[j * 4 + half * 2 + i];
        for (int k = 0; k < 16; k++) *sum += a[half][k] * b[k];
      }
    }
}

/* sums + left right for 64 x `columns` results and 16 products of a warpgroup: of warp w rows 16 w and on; of lane l,
 * of each 8 columns, columns 2 (l % 4) and the next of row l / 4, then of row l / 4 + 8. */
void aicc_simt_wgmma(uint64_t left, uint64_t right, float *sums, int64_t columns, int64_t brain, int64_t turned_left,
                     int64_t turned_right) {
  begin((struct product){left, right, .columns = columns, .turned = {turned_left != 0, turned_right != 0}});
  int64_t row = first_row();
  float a[2][16];
  for (int half = 0; half < 2; half++)
    for (int k = 0; k < 16; k++) a[half][k] = wide(raw(left, turned_left != 0, row + 8 * half, k), brain != 0);
  multiply(a, right, sums, columns, brain != 0, turned_right != 0);
}

/* The same, the left operand in registers: of warp w rows 16 w and on, as mma.sync.m16n8k16 has them. */
void aicc_simt_wgmma_registers(const uint32_t *left, uint64_t right, float *sums, int64_t columns, int64_t brain,
                               int64_t turned_right) {
  struct group *own = group();
  int self = simt_thread() % GROUP, quad = self / 4 * 4;
  uint32_t(*all)[4] = own->given[own->turns[self]++ % 2];
  memcpy(all[self], left, sizeof all[self]);
  begin((struct product){.right = right, .columns = columns, .turned = {false, turned_right != 0}, .registers = true});
  float a[2][16];
  for (int half = 0; half < 2; half++)
    for (int k = 0; k < 16; k++)
      a[half][k] = wide((uint16_t)(all[quad + k % 8 / 2][k / 8 * 2 + half] >> k % 2 * 16), brain != 0);
  multiply(a, right, sums, columns, brain != 0, turned_right != 0);
}

/* The same for 32 products of bytes; sums wrap. */
void aicc_simt_wgmma_bytes(uint64_t left, uint64_t right, uint32_t *sums, int64_t columns, int64_t left_signed,
                           int64_t right_signed) {
  begin((struct product){left, right, .columns = columns});
  int64_t row = first_row(), lane = simt_thread() % 32;
  for (int64_t j = 0; j < columns / 8; j++)
    for (int i = 0; i < 4; i++) {
      const char *a = NULL, *b = NULL;
      for (int k = 0; k < 32; k++) {
        if (k % 16 == 0) { /* chunks of 16 bytes are exchanged as they are */
          a = element(left, false, row + i / 2 * 8, k / 2);
          b = element(right, false, j * 8 + lane % 4 * 2 + i % 2, k / 2);
        }
        int x = a[k % 16], y = b[k % 16];
        sums[j * 4 + i] += (uint32_t)((left_signed ? (int8_t)x : (uint8_t)x) * (right_signed ? (int8_t)y : (uint8_t)y));
      }
    }
}

void aicc_simt_wgmma_commit(void) {
  if (simt_thread() % GROUP == 0) group()->committed++;
}

/* Until at most `left` groups are being computed. Memory that a product read must not have changed before that. */
void aicc_simt_wgmma_wait(int64_t left) {
  simt_wait_warp();
  if (simt_thread() % GROUP != 0) return;
  struct group *own = group();
  int kept = 0;
  for (int i = 0; i < own->count; i++) {
    const struct product *p = &own->products[i];
    if (p->sum != checksum(p)) simt_die("wgmma: an operand was overwritten while products were computed");
    if (p->group >= own->committed - left) own->products[kept++] = *p;
  }
  own->count = kept;
}

void simt_end_cluster(void) {
  if (simt.count != 0) simt_die("a block ends before its copies");
  for (int rank = 0; rank < MAX_CLUSTER; rank++)
    for (int g = 0; g <= MAX_GROUPS; g++) {
      if (simt.groups[rank][g].count != 0) simt_die("a block ends before its products");
      if (simt.groups[rank][g].stored != 0) simt_die("a block ends before its results were read");
      simt.groups[rank][g].committed = 0;
    }
}

int64_t aicc_cuda_multiprocessors(void *ctx) {
  (void)ctx;
  return 3; /* few: blocks take several tiles each */
}

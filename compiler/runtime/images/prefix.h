/* prefix.h: bits, the lowest of a byte first, and the canonical prefix codes of deflate and of lossless WebP. */
#ifndef AICC_IMAGES_PREFIX_H
#define AICC_IMAGES_PREFIX_H

#include "images.h"

enum { PREFIX_LONGEST = 15, PREFIX_FAST = 9 };

struct rt_bits {
  const struct rt_image *image;
  const uint8_t *data;
  int64_t at, size;
  uint64_t bits; /* the next `count` bits, the first one lowest */
  int32_t count;
};

/* Codes of one length are consecutive numbers, in the order of their symbols. */
struct rt_prefix {
  uint16_t fast[1 << PREFIX_FAST]; /* of the next bits, as they come: symbol << 4 | length; 0: a longer code, or none */
  uint16_t counts[PREFIX_LONGEST + 1];
  const uint16_t *symbols; /* by code */
  int32_t used;            /* how many symbols have a code */
};

_Noreturn void rt_bits_corrupt(const struct rt_bits *b, const char *what);
/* The next n bits, up to 32; behind the end they are 0, and an error some bits later. */
uint32_t rt_bits_take(struct rt_bits *b, int32_t n);
/* Ends the run if bits behind the end were taken. */
void rt_bits_check_end(const struct rt_bits *b);
/* Makes the code of `n` symbols from their lengths (0: no code); `symbols` has room for n of them. */
void rt_prefix_make(const struct rt_bits *b, struct rt_prefix *code, const uint8_t *lengths, int32_t n,
                    uint16_t *symbols);
int32_t rt_prefix_symbol(struct rt_bits *b, const struct rt_prefix *code);

#endif

/* The compression schemes of TIFF 6.0 (Adobe, 1992): PackBits (section 9) and LZW (section 13). */
#include <string.h>

#include "tiff.h"

int64_t rt_tiff_packbits(const struct rt_image *image, const uint8_t *data, int64_t size, uint8_t *out, int64_t room) {
  int64_t used = 0;
  for (int64_t at = 0; at < size && used < room;) {
    const int32_t code = (int8_t)data[at++];
    if (code == -128) continue;
    int64_t count = code < 0 ? 1 - code : 1 + code;
    if ((code < 0 ? 1 : count) > size - at) rt_image_fail(image, "a run of PackBits ends early");
    if (count > room - used) count = room - used;
    if (code < 0) memset(out + used, data[at], (size_t)count);
    else memcpy(out + used, data + at, (size_t)count);
    at += code < 0 ? 1 : 1 + code;
    used += count;
  }
  return used;
}

enum { CLEAR = 256, END = 257, FIRST = 258, CODES = 4096 };

struct entry {
  int16_t before; /* the string without its last byte; -1: nothing */
  uint8_t last, first;
  int32_t length;
};

int64_t rt_tiff_lzw(const struct rt_image *image, const uint8_t *data, int64_t size, uint8_t *out, int64_t room) {
  struct entry *entries = rt_image_memory(image, CODES * (int64_t)sizeof *entries, false);
  for (int32_t i = 0; i < 256; i++) entries[i] = (struct entry){-1, (uint8_t)i, (uint8_t)i, 1};
  int64_t used = 0, at = 0;
  uint32_t bits = 0; /* the lowest `ready`, the first one highest */
  int32_t ready = 0, count = FIRST, width = 9, before = -1;
  while (used < room) {
    for (; ready < width && at < size; ready += 8) bits = bits << 8 | data[at++];
    if (ready < width) break;
    ready -= width;
    const int32_t code = (int32_t)(bits >> ready & ((1u << width) - 1));
    if (code == END) break;
    if (code == CLEAR) {
      count = FIRST, width = 9, before = -1;
      continue;
    }
    if (code > count || (code == count && before < 0) || (before < 0 && code > 255))
      rt_image_fail(image, "an LZW code is unknown");
    if (before >= 0 && count < CODES) {
      const uint8_t last = code == count ? entries[before].first : entries[code].first;
      entries[count++] = (struct entry){(int16_t)before, last, entries[before].first, entries[before].length + 1};
    } else if (code >= count) {
      rt_image_fail(image, "an LZW code is unknown");
    }
    /* The width changes one code early. */
    width = count >= 2047 ? 12 : count >= 1023 ? 11 : count >= 511 ? 10 : 9;
    const int64_t length = entries[code].length;
    for (int64_t i = length - 1, c = code; i >= 0; i--, c = entries[c].before)
      if (used + i < room) out[used + i] = entries[c].last;
    used += length < room - used ? length : room - used;
    before = code;
  }
  rt_image_release(image, entries);
  return used;
}

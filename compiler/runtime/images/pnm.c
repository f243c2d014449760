/* Portable bitmaps, graymaps and pixmaps: the manual pages pbm(5), pgm(5) and ppm(5) of Netpbm. "P1" to "P3" have their
 * samples as decimal numbers, "P4" to "P6" as bytes; 1 is black in a bitmap. */
#include "images.h"

struct text {
  const struct rt_image *image;
  int64_t at;
};

static bool is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The next character that is no white space, and in no comment; it is taken. */
static int next_character(struct text *t) {
  for (;;) {
    int c = *rt_image_bytes(t->image, t->at++, 1);
    if (c == '#') {
      while (c != '\n' && c != '\r') c = *rt_image_bytes(t->image, t->at++, 1);
    } else if (!is_space(c)) {
      return c;
    }
  }
}

/* A number, and one character behind it that ends it. */
static int64_t next_number(struct text *t) {
  int c = next_character(t);
  int64_t value = 0;
  if (c < '0' || c > '9') rt_image_fail(t->image, "byte %lld is no digit", (long long)t->at - 1);
  while (c >= '0' && c <= '9') {
    value = value * 10 + c - '0';
    if (value > INT32_MAX) rt_image_fail(t->image, "the number before byte %lld is too large", (long long)t->at);
    if (t->at == t->image->size) break;
    c = *rt_image_bytes(t->image, t->at++, 1);
  }
  if (c == '#') t->at--;
  return value;
}

/* value / most as a fraction of 255, half to even. */
static uint8_t scaled(int64_t value, int64_t most) {
  if (most == 255) return (uint8_t)value;
  int64_t whole = value * 255 / most, rest = 2 * (value * 255 % most);
  return (uint8_t)(whole + (rest > most || (rest == most && (whole & 1))));
}

void rt_decode_pnm(struct rt_image *image) {
  const int kind = rt_image_bytes(image, 1, 1)[0] - '0';
  const bool plain = kind <= 3, bitmap = kind == 1 || kind == 4;
  const int channels = kind == 3 || kind == 6 ? 3 : 1;
  struct text t = {image, 2};
  int64_t width = next_number(&t), height = next_number(&t), most = bitmap ? 1 : next_number(&t);
  if (most < 1 || most > 65535)
    rt_image_fail(image, "its largest value is said to be %lld, and 1 to 65535 are allowed", (long long)most);
  if (!rt_image_sized(image, width, height)) return;
  const int bytes = most > 255 ? 2 : 1;
  const int64_t row = kind == 4 ? (width + 7) / 8 : width * channels * bytes;
  const uint8_t *in = plain ? NULL : rt_image_bytes(image, t.at, row * height);
  uint8_t *out = image->pixels;
  for (int64_t y = 0; y < height; y++, in += plain ? 0 : row) {
    for (int64_t x = 0; x < width; x++, out += 3) {
      for (int c = 0; c < channels; c++) {
        const int64_t i = x * channels + c;
        int64_t value;
        if (kind == 1) {
          value = next_character(&t) - '0';
        } else if (plain) {
          value = next_number(&t);
        } else {
          value = bitmap ? in[i / 8] >> (7 - i % 8) & 1 : bytes == 2 ? rt_be16(in + 2 * i) : in[i];
        }
        if (value < 0 || (plain && value > most))
          rt_image_fail(image, "the sample before byte %lld is out of range", (long long)t.at);
        if (value > most) value = most;
        out[c] = bitmap ? (value ? 0 : 255) : scaled(value, most);
      }
      if (channels == 1) out[1] = out[2] = out[0];
    }
  }
}

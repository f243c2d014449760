/* Images: which format a file has, its sizes, and its pixels as the model wants them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "images.h"

enum { RGB, BGR, GRAYSCALE };
#define MOST_PIXELS ((int64_t)1 << 30)

struct format {
  const char *name;
  void (*decode)(struct rt_image *image); /* NULL: known by name only */
  int16_t at, length;                     /* of what tells it: bytes from `at` on, '.' for any byte */
  const char *magic;
};

/* The first that fits counts. */
static const struct format formats[] = {
    {"BMP", rt_decode_bmp, 0, 2, "BM"},
    {"PNM", rt_decode_pnm, 0, 2, "P1"},
    {"PNM", rt_decode_pnm, 0, 2, "P2"},
    {"PNM", rt_decode_pnm, 0, 2, "P3"},
    {"PNM", rt_decode_pnm, 0, 2, "P4"},
    {"PNM", rt_decode_pnm, 0, 2, "P5"},
    {"PNM", rt_decode_pnm, 0, 2, "P6"},
    {"PNG", rt_decode_png, 0, 8, "\x89PNG\r\n\x1a\n"},
    {"JPEG", rt_decode_jpeg, 0, 3, "\xff\xd8\xff"},
    {"TIFF", rt_decode_tiff, 0, 4, "II*\0"},
    {"TIFF", rt_decode_tiff, 0, 4, "MM\0*"},
    {"WebP", rt_decode_webp, 0, 12, "RIFF....WEBP"},
    {"JPEG 2000", rt_decode_jpeg2000, 0, 12, "\0\0\0\x0cjP  \r\n\x87\n"},
    {"JPEG 2000", rt_decode_jpeg2000, 0, 4, "\xff\x4f\xff\x51"},
    {"PAM", NULL, 0, 2, "P7"},
    {"GIF", NULL, 0, 4, "GIF8"},
    {"BigTIFF", NULL, 0, 4, "II+\0"},
    {"BigTIFF", NULL, 0, 4, "MM\0+"},
    {"AVIF", NULL, 4, 8, "ftypavif"},
    {"HEIF", NULL, 4, 7, "ftyphei"},
    {"HEIF", NULL, 4, 8, "ftypmif1"},
    {"JPEG XL", NULL, 0, 2, "\xff\x0a"},
    {"JPEG XL", NULL, 0, 12, "\0\0\0\x0cJXL \r\n\x87\n"},
    {"ICO", NULL, 0, 4, "\0\0\1\0"},
    {"PSD", NULL, 0, 4, "8BPS"},
};
#define N_FORMATS ((int)(sizeof formats / sizeof *formats))

static bool has_magic(const struct format *f, const uint8_t *data, int64_t size) {
  if (size < f->at + f->length) return false;
  for (int i = 0; i < f->length; i++)
    if (f->magic[i] != '.' && data[f->at + i] != (uint8_t)f->magic[i]) return false;
  return true;
}

/* "BMP, PNM, PNG" */
static void list_formats(char *text, size_t room) {
  const char *last = "";
  *text = 0;
  for (int i = 0; i < N_FORMATS; i++) {
    if (!formats[i].decode || !strcmp(formats[i].name, last)) continue;
    size_t used = strlen(text);
    snprintf(text + used, room - used, "%s%s", used ? ", " : "", formats[i].name);
    last = formats[i].name;
  }
}

static const struct format *format_of(const struct rt_image *image) {
  char names[128];
  for (int i = 0; i < N_FORMATS; i++) {
    if (!has_magic(&formats[i], image->data, image->size)) continue;
    if (formats[i].decode) return &formats[i];
    list_formats(names, sizeof names);
    rt_end_run(image->ctx, rt_error(AICC_ERROR_MODEL, "%s: images of format %s are not supported; supported are %s",
                                    image->what, formats[i].name, names));
  }
  list_formats(names, sizeof names);
  rt_end_run(image->ctx,
             rt_error(AICC_ERROR_MODEL, "%s: the %lld bytes are no image of a known format; supported are %s",
                      image->what, (long long)image->size, names));
}

void rt_image_fail(const struct rt_image *image, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  rt_end_run(image->ctx,
             rt_error(AICC_ERROR_MODEL, "%s: the %s image cannot be decoded: %s", image->what, image->format, text));
}

bool rt_image_sized(struct rt_image *image, int64_t width, int64_t height) {
  if (width <= 0 || height <= 0 || width > MOST_PIXELS || height > MOST_PIXELS / width)
    rt_image_fail(image, "it is said to be %lld pixels wide and %lld high, and there may be 1 to 2^30 pixels",
                  (long long)width, (long long)height);
  if (image->pixels && (image->width != width || image->height != height))
    rt_image_fail(image, "it changed while it was read");
  image->width = width;
  image->height = height;
  return image->pixels != NULL;
}

void *rt_image_memory(const struct rt_image *image, int64_t bytes, bool zero) {
  void *memory = rt_buffers_acquire(&image->ctx->buffers, bytes);
  if (!memory)
    rt_end_run(image->ctx, rt_error(AICC_ERROR_MEMORY, "%s: out of memory: an image takes %lld bytes", image->what,
                                    (long long)bytes));
  if (zero) memset(memory, 0, (size_t)bytes);
  return memory;
}

void rt_image_release(const struct rt_image *image, void *memory) { rt_buffers_release(&image->ctx->buffers, memory); }

const uint8_t *rt_image_bytes(const struct rt_image *image, int64_t at, int64_t bytes) {
  if (at < 0 || bytes < 0 || at > image->size || bytes > image->size - at)
    rt_image_fail(image, "%lld bytes from byte %lld on are needed, and the file has %lld", (long long)bytes,
                  (long long)at, (long long)image->size);
  return image->data + at;
}

void rt_image_cmyk(uint8_t *rgb, int cyan, int magenta, int yellow, int black) {
  int inks[] = {cyan, magenta, yellow};
  for (int c = 0; c < 3; c++) {
    int taken = (255 - inks[c]) * black + 128;
    rgb[c] = rt_clamp8(black - ((taken + (taken >> 8)) >> 8)); /* the product over 255, rounded */
  }
}

/* ---- called by generated code (model.h) ---- */

void aicc_image_sizes(void *context, const uint8_t *file, int64_t *dims, int64_t two, int64_t size, const char *what) {
  struct rt_image image = {.ctx = context, .what = what, .data = file, .size = size};
  const struct format *format = format_of(&image);
  (void)two;
  image.format = format->name;
  format->decode(&image);
  dims[0] = image.height;
  dims[1] = image.width;
}

/* Luma of BT.601 in fixed point with 16 bits, rounded. */
static uint8_t luma(const uint8_t *p) { return (uint8_t)((19595 * p[0] + 38470 * p[1] + 7471 * p[2] + 0x8000) >> 16); }

void aicc_image_decode(void *context, const uint8_t *file, uint8_t *out, int64_t n, int64_t size, int64_t height,
                       int64_t width, int64_t layout, const char *what) {
  struct rt_image image = {.ctx = context, .what = what, .data = file, .size = size, .width = width, .height = height};
  const struct format *format = format_of(&image);
  int64_t count = height * width;
  (void)n;
  image.format = format->name;
  image.pixels = layout == GRAYSCALE ? rt_image_memory(&image, 3 * count, false) : out;
  format->decode(&image);
  const uint8_t *p = image.pixels;
  for (int64_t i = 0; i < count && layout == GRAYSCALE; i++) out[i] = luma(p + 3 * i);
  for (int64_t i = 0; i < count && layout == BGR; i++) {
    uint8_t red = out[3 * i];
    out[3 * i] = out[3 * i + 2];
    out[3 * i + 2] = red;
  }
  if (layout == GRAYSCALE) rt_image_release(&image, image.pixels);
}

/* What the stand-ins for vendors' libraries share: small floats, and work that waits on the stand-in driver's streams. */
#ifndef FAKE_VENDOR_H
#define FAKE_VENDOR_H

#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

_Noreturn static inline void die(const char *message) {
  fprintf(stderr, "stand-in for a library: %s\n", message);
  abort();
}
static inline void expect(bool good, const char *message) {
  if (!good) die(message);
}

static inline uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static inline float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
static inline double half_value(uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double x = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
  return h >> 15 ? -x : x;
}
static inline uint16_t half_of(double x) {
  uint16_t sign = signbit(x) ? 0x8000 : 0;
  x = fabs(x);
  if (isnan(x)) return 0x7e00;
  if (x >= 65520) return sign | 0x7c00;
  int exponent = x < ldexp(1, -14) ? -14 : ilogb(x);
  double scaled = nearbyint(ldexp(x, 10 - exponent)); /* 1024 … 2048 of normal numbers */
  return (uint16_t)(sign | ((exponent + 14) * 1024 + (int)scaled));
}
static inline uint16_t bfloat_of(float x) {
  uint32_t bits = bits_of(x);
  return isnan(x) ? 0x7fc0 : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
static inline float tf32_of(float x) { return float_of((bits_of(x) + 0xfff + (bits_of(x) >> 13 & 1)) & ~0x1fffu); }


typedef void *(*fake_memory)(uint64_t address, uint64_t bytes);

/* An address of the device as the host's. `on_host` is the driver's, NULL where there is none. */
static inline void *fake_host(fake_memory on_host, const void *address, int64_t bytes) {
  return on_host ? on_host((uint64_t)(uintptr_t)address, (uint64_t)bytes) : (void *)(uintptr_t)address;
}

/* Does the work at once without a stream (the emulated GPU), else puts it there: it may go into a graph. `on_host` is a
 * field of the work. False: the stream refuses. */
static inline bool fake_submit(void *stream, void (*work)(const void *), const void *argument, size_t bytes, fake_memory *on_host) {
  *on_host = NULL;
  if (!stream) {
    work(argument);
    return true;
  }
  void *driver = dlopen(getenv("AICC_CUDA_DRIVER"), RTLD_NOW | RTLD_NOLOAD);
  expect(driver != NULL, "a stream of an unknown driver");
  int (*call)(void *, void (*)(const void *), const void *, size_t) = NULL;
  *(void **)&call = dlsym(driver, "fake_cuda_call");
  *(void **)on_host = dlsym(driver, "fake_cuda_memory");
  expect(call && *on_host, "a driver that is no stand-in");
  dlclose(driver);
  return call(stream, work, argument, bytes) == 0;
}

#endif

/* Does this machine have the CPU features the model was compiled for? Asked before any compiled code runs,
 * because the answer otherwise is SIGILL.
 *
 * CPUID is read here rather than through __builtin_cpu_supports, which knows other names in each compiler and
 * needs support code that not every toolchain links. A feature counts only if the system saves its registers. */
#include <stdio.h>
#include <string.h>

#include "runtime.h"

struct feature {
  const char *name; /* LLVM's */
  uint32_t a, b, c; /* x86: CPUID leaf << 8 | subleaf, register 0..3 (eax …), bit. aarch64: AT_HWCAP word, -, bit */
  uint32_t state;   /* x86: bits of XCR0 that must be set */
};

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

enum { EAX, EBX, ECX, EDX };
enum { L1 = 1 << 8, L7 = 7 << 8, L7_1 = 7 << 8 | 1, E1 = (int)(0x80000001u << 8) };
enum { NONE = 0, YMM = 0x6, ZMM = 0xe6, TILE = 0x60000 };

static const struct feature table[] = {
    {"sse2", L1, EDX, 26, NONE},         {"sse3", L1, ECX, 0, NONE},           {"ssse3", L1, ECX, 9, NONE},
    {"sse4.1", L1, ECX, 19, NONE},       {"sse4.2", L1, ECX, 20, NONE},        {"popcnt", L1, ECX, 23, NONE},
    {"pclmul", L1, ECX, 1, NONE},        {"aes", L1, ECX, 25, NONE},           {"movbe", L1, ECX, 22, NONE},
    {"fma", L1, ECX, 12, YMM},           {"avx", L1, ECX, 28, YMM},            {"f16c", L1, ECX, 29, YMM},
    {"bmi", L7, EBX, 3, NONE},           {"avx2", L7, EBX, 5, YMM},            {"bmi2", L7, EBX, 8, NONE},
    {"avx512f", L7, EBX, 16, ZMM},       {"avx512dq", L7, EBX, 17, ZMM},       {"adx", L7, EBX, 19, NONE},
    {"avx512ifma", L7, EBX, 21, ZMM},    {"avx512cd", L7, EBX, 28, ZMM},       {"avx512bw", L7, EBX, 30, ZMM},
    {"avx512vl", L7, EBX, 31, ZMM},      {"avx512vbmi", L7, ECX, 1, ZMM},      {"avx512vbmi2", L7, ECX, 6, ZMM},
    {"gfni", L7, ECX, 8, NONE},          {"vaes", L7, ECX, 9, YMM},            {"vpclmulqdq", L7, ECX, 10, YMM},
    {"avx512vnni", L7, ECX, 11, ZMM},    {"avx512bitalg", L7, ECX, 12, ZMM},   {"avx512vpopcntdq", L7, ECX, 14, ZMM},
    {"avx512vp2intersect", L7, EDX, 8, ZMM}, {"amx-bf16", L7, EDX, 22, TILE},  {"avx512fp16", L7, EDX, 23, ZMM},
    {"amx-tile", L7, EDX, 24, TILE},     {"amx-int8", L7, EDX, 25, TILE},      {"avxvnni", L7_1, EAX, 4, YMM},
    {"avx512bf16", L7_1, EAX, 5, ZMM},   {"amx-fp16", L7_1, EAX, 21, TILE},    {"avxifma", L7_1, EAX, 23, YMM},
    {"avxvnniint8", L7_1, EDX, 4, YMM},  {"avxneconvert", L7_1, EDX, 5, YMM},  {"avxvnniint16", L7_1, EDX, 10, YMM},
    {"lzcnt", (uint32_t)E1, ECX, 5, NONE},
};

static uint32_t saved_state(void) {
  uint32_t r[4] = {0};
  if (!__get_cpuid(1, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) || !(r[ECX] >> 27 & 1)) return 0; /* no OSXSAVE */
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static bool have(const struct feature *f) {
  /* The extended leaf's number fills all bits: only the basic leaves carry a subleaf. */
  bool extended = f->a == (uint32_t)E1;
  uint32_t r[4] = {0};
  if (!__get_cpuid_count(extended ? 0x80000001u : f->a >> 8, extended ? 0 : f->a & 255, &r[EAX], &r[EBX], &r[ECX], &r[EDX]))
    return false;
  return (r[f->b] >> f->c & 1) && (saved_state() & f->state) == f->state;
}

#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

static const struct feature table[] = {
    {"neon", AT_HWCAP, 0, 1, 0},      {"fp-armv8", AT_HWCAP, 0, 0, 0}, {"fullfp16", AT_HWCAP, 0, 10, 0},
    {"lse", AT_HWCAP, 0, 8, 0},       {"rdm", AT_HWCAP, 0, 12, 0},     {"dotprod", AT_HWCAP, 0, 20, 0},
    {"sve", AT_HWCAP, 0, 22, 0},      {"sve2", AT_HWCAP2, 0, 1, 0},    {"i8mm", AT_HWCAP2, 0, 13, 0},
    {"bf16", AT_HWCAP2, 0, 14, 0},
};

static bool have(const struct feature *f) { return getauxval(f->a) >> f->c & 1; }

#else
static const struct feature table[] = {{"", 0, 0, 0, 0}};
static bool have(const struct feature *f) { return f != NULL; }
#endif

int32_t rt_check_cpu(const char *const *features) {
  char missing[400] = "";
  size_t length = 0;
  int32_t count = 0;
  for (; features && *features; features++) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
      if (strcmp(table[i].name, *features) || have(&table[i])) continue;
      int n = snprintf(missing + length, sizeof missing - length, "%s%s", count++ ? ", " : "", *features);
      if (n > 0 && (size_t)n < sizeof missing - length) length += (size_t)n;
    }
  }
  if (!count) return AICC_OK;
  return rt_error(AICC_ERROR_CPU, "this CPU lacks %s: the model was compiled for %s", missing, aicc_model.target);
}

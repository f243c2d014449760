/* Does this machine have the CPU features the model was compiled for? Asked before any compiled code runs,
 * because the answer otherwise is SIGILL.
 *
 * CPUID is read here rather than through __builtin_cpu_supports, which knows other names in each compiler and
 * needs support code that not every toolchain links. A feature counts only if the system saves its registers. */
#define _GNU_SOURCE /* syscall */
#include <stdio.h>
#include <string.h>

#include "runtime.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum { EAX, EBX, ECX, EDX };
enum { NONE = 0, YMM = 0x6, ZMM = 0xe6, TILE = 0x60000 }; /* registers' bits in XCR0 */

struct feature {
  const char *name; /* LLVM's */
  uint32_t leaf, subleaf, reg, bit;
  uint32_t state; /* bits of XCR0 that must be set */
};

static const struct feature table[] = {
    {"sse2", 1, 0, EDX, 26, NONE}, {"sse3", 1, 0, ECX, 0, NONE}, {"ssse3", 1, 0, ECX, 9, NONE},
    {"sse4.1", 1, 0, ECX, 19, NONE}, {"sse4.2", 1, 0, ECX, 20, NONE}, {"popcnt", 1, 0, ECX, 23, NONE},
    {"pclmul", 1, 0, ECX, 1, NONE}, {"aes", 1, 0, ECX, 25, NONE}, {"movbe", 1, 0, ECX, 22, NONE},
    {"fma", 1, 0, ECX, 12, YMM}, {"avx", 1, 0, ECX, 28, YMM}, {"f16c", 1, 0, ECX, 29, YMM},
    {"bmi", 7, 0, EBX, 3, NONE}, {"avx2", 7, 0, EBX, 5, YMM}, {"bmi2", 7, 0, EBX, 8, NONE},
    {"avx512f", 7, 0, EBX, 16, ZMM}, {"avx512dq", 7, 0, EBX, 17, ZMM}, {"adx", 7, 0, EBX, 19, NONE},
    {"avx512ifma", 7, 0, EBX, 21, ZMM}, {"avx512cd", 7, 0, EBX, 28, ZMM}, {"avx512bw", 7, 0, EBX, 30, ZMM},
    {"avx512vl", 7, 0, EBX, 31, ZMM}, {"avx512vbmi", 7, 0, ECX, 1, ZMM}, {"avx512vbmi2", 7, 0, ECX, 6, ZMM},
    {"gfni", 7, 0, ECX, 8, NONE}, {"vaes", 7, 0, ECX, 9, YMM}, {"vpclmulqdq", 7, 0, ECX, 10, YMM},
    {"avx512vnni", 7, 0, ECX, 11, ZMM}, {"avx512bitalg", 7, 0, ECX, 12, ZMM},
    {"avx512vpopcntdq", 7, 0, ECX, 14, ZMM}, {"avx512vp2intersect", 7, 0, EDX, 8, ZMM},
    {"amx-bf16", 7, 0, EDX, 22, TILE}, {"avx512fp16", 7, 0, EDX, 23, ZMM}, {"amx-tile", 7, 0, EDX, 24, TILE},
    {"amx-int8", 7, 0, EDX, 25, TILE}, {"avxvnni", 7, 1, EAX, 4, YMM}, {"avx512bf16", 7, 1, EAX, 5, ZMM},
    {"amx-fp16", 7, 1, EAX, 21, TILE}, {"avxifma", 7, 1, EAX, 23, YMM}, {"avxvnniint8", 7, 1, EDX, 4, YMM},
    {"avxneconvert", 7, 1, EDX, 5, YMM}, {"avxvnniint16", 7, 1, EDX, 10, YMM},
    {"lzcnt", 0x80000001, 0, ECX, 5, NONE},
};

static uint32_t saved_state(void) {
  uint32_t r[4] = {0};
  if (!__get_cpuid(1, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) || !(r[ECX] >> 27 & 1)) return 0; /* no OSXSAVE */
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/* Linux saves tile registers only for processes that have asked (Documentation/arch/x86/xstate.rst). It refuses when
 * it is not configured to, in sandboxes, and while a thread has an alternate signal stack too small for them. */
static bool tiles_granted(void) {
#ifdef __linux__
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
  return true;
#endif
}

static bool have(const struct feature *f) {
  uint32_t r[4] = {0};
  if (!__get_cpuid_count(f->leaf, f->subleaf, &r[EAX], &r[EBX], &r[ECX], &r[EDX])) return false;
  return (r[f->reg] >> f->bit & 1) && (saved_state() & f->state) == f->state;
}

static bool saved(const struct feature *f) { return f->state != TILE || tiles_granted(); }

#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

struct feature {
  const char *name; /* LLVM's */
  unsigned long word, bit;
};

static const struct feature table[] = {
    {"fp-armv8", AT_HWCAP, 0}, {"neon", AT_HWCAP, 1},  {"lse", AT_HWCAP, 8},   {"fullfp16", AT_HWCAP, 10},
    {"rdm", AT_HWCAP, 12},     {"dotprod", AT_HWCAP, 20}, {"sve", AT_HWCAP, 22}, {"sve2", AT_HWCAP2, 1},
    {"i8mm", AT_HWCAP2, 13},   {"bf16", AT_HWCAP2, 14},
};

static bool have(const struct feature *f) { return getauxval(f->word) >> f->bit & 1; }
static bool saved(const struct feature *f) { return f != NULL; }

#else
struct feature {
  const char *name;
};
static const struct feature table[] = {{""}};
static bool have(const struct feature *f) { return f != NULL; }
static bool saved(const struct feature *f) { return f != NULL; }
#endif

int32_t rt_check_cpu(const char *const *features) {
  char missing[400] = "";
  size_t length = 0;
  int32_t count = 0;
  const struct feature *refused = NULL;
  for (; features && *features; features++) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
      if (strcmp(table[i].name, *features)) continue;
      if (have(&table[i])) {
        if (!refused && !saved(&table[i])) refused = &table[i];
        continue;
      }
      int n = snprintf(missing + length, sizeof missing - length, "%s%s", count++ ? ", " : "", *features);
      if (n > 0 && (size_t)n < sizeof missing - length) length += (size_t)n;
    }
  }
  if (count)
    return rt_error(AICC_ERROR_CPU, "this CPU lacks %s: the model was compiled for %s", missing, aicc_model.target);
  if (refused)
    return rt_error(AICC_ERROR_CPU,
                    "the system does not let this process use %s (arch_prctl, ARCH_REQ_XCOMP_PERM), for which the model "
                    "was compiled: compile it for an older CPU, such as x86-64-v4",
                    refused->name);
  return AICC_OK;
}

/* How many threads are worth having. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include "runtime.h"

#if defined(__linux__)
#define MAX_CPUS 4096

/* The CPUs this process may run on; false if the kernel does not say. */
static bool affinity(cpu_set_t *set, size_t size) {
  CPU_ZERO_S(size, set);
  return sched_getaffinity(0, size, set) == 0;
}

/* Is `cpu` the first of its core's hardware threads that is in `set`? The file holds a list as "0,32" or "0-1". */
static bool first_of_core(int cpu, const cpu_set_t *set, size_t size) {
  char name[96], text[256];
  snprintf(name, sizeof name, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
  FILE *file = fopen(name, "re");
  if (!file) return true;
  char *at = fgets(text, sizeof text, file);
  fclose(file);
  while (at && *at >= '0' && *at <= '9') {
    long from = strtol(at, &at, 10), to = from;
    if (*at == '-') to = strtol(at + 1, &at, 10);
    for (long i = from; i <= to && i < MAX_CPUS; i++)
      if (CPU_ISSET_S((size_t)i, size, set)) return i == cpu;
    if (*at == ',') at++;
  }
  return true;
}

/* CPUs a container's quota amounts to, rounded up; 0: no quota. More threads than that are throttled. */
static int32_t quota(void) {
  FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
  if (!file) return 0;
  long long limit, period;
  int n = fscanf(file, "%lld %lld", &limit, &period);
  fclose(file);
  return n == 2 && limit > 0 && period > 0 ? (int32_t)((limit + period - 1) / period) : 0;
}

int32_t rt_usable_cpus(void) {
  cpu_set_t set[MAX_CPUS / (8 * sizeof(cpu_set_t))];
  if (affinity(set, sizeof set)) return CPU_COUNT_S(sizeof set, set);
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n > 0 ? (int32_t)n : 1;
}

bool rt_leave_cpu(int32_t cpu) {
  cpu_set_t all[MAX_CPUS / (8 * sizeof(cpu_set_t))], others[MAX_CPUS / (8 * sizeof(cpu_set_t))];
  if (cpu < 0 || cpu >= MAX_CPUS || !affinity(all, sizeof all)) return false;
  memcpy(others, all, sizeof all);
  CPU_CLR_S((size_t)cpu, sizeof others, others);
  if (!CPU_COUNT_S(sizeof others, others) || sched_setaffinity(0, sizeof others, others)) return false;
  sched_setaffinity(0, sizeof all, all);
  return true;
}

static int32_t cores(void) {
  cpu_set_t set[MAX_CPUS / (8 * sizeof(cpu_set_t))];
  if (!affinity(set, sizeof set)) return rt_usable_cpus();
  int32_t count = 0;
  for (int cpu = 0; cpu < MAX_CPUS; cpu++)
    if (CPU_ISSET_S((size_t)cpu, sizeof set, set) && first_of_core(cpu, set, sizeof set)) count++;
  int32_t limit = quota();
  return limit > 0 && limit < count ? limit : count;
}

#else

int32_t rt_usable_cpus(void) {
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n > 0 ? (int32_t)n : 1;
}

bool rt_leave_cpu(int32_t cpu) {
  (void)cpu;
  return false;
}

static int32_t cores(void) { return rt_usable_cpus(); }

#endif

int32_t rt_default_threads(void) {
  const char *text = getenv("AICC_NUM_THREADS");
  long n = text ? strtol(text, NULL, 10) : 0;
  if (n < 1) n = cores();
  return n < 1 ? 1 : n > RT_MAX_THREADS ? RT_MAX_THREADS : (int32_t)n;
}

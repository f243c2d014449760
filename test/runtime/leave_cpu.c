/* A thread leaves a CPU, keeps its affinity, and stays where there is no other CPU. Exit status 0: all right; 77: one CPU. */
#define _GNU_SOURCE
#include <sched.h>

#include "runtime.h"

const struct aicc_model_desc aicc_model = {.magic = AICC_MODEL_MAGIC, .version = AICC_MODEL_VERSION, .name = "leave", .target = ""};

int main(void) {
  cpu_set_t before, after, one;
  if (sched_getaffinity(0, sizeof before, &before) || CPU_COUNT(&before) < 2) return 77;
  int moved = 0;
  for (int i = 0; i < 20; i++) { /* the system may move it back before the next line */
    int cpu = sched_getcpu();
    if (!rt_leave_cpu(cpu)) return 1;
    moved += sched_getcpu() != cpu;
  }
  if (!moved) return 2;
  if (sched_getaffinity(0, sizeof after, &after) || !CPU_EQUAL(&before, &after)) return 3;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  if (sched_setaffinity(0, sizeof one, &one)) return 4;
  if (rt_leave_cpu(sched_getcpu()) || rt_leave_cpu(-1)) return 5;
  return sched_getaffinity(0, sizeof after, &after) || !CPU_EQUAL(&one, &after) ? 6 : 0;
}

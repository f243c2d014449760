/* plans.h: what a library was found to do for a call, kept for all calls like it. */
#ifndef AICC_VENDOR_PLANS_H
#define AICC_VENDOR_PLANS_H

#include <stdint.h>

enum { RT_PLAN_BUCKETS = 64 };

/* The first field of a part's own struct. */
struct rt_plan {
  struct rt_plan *next;
  int64_t *key;
};

/* A context's. All keys are `numbers` long. */
struct rt_plans {
  int32_t numbers;
  void (*destroy)(struct rt_plan *plan); /* all but the key; frees the plan itself */
  int32_t count;
  struct rt_plan *buckets[RT_PLAN_BUCKETS];
};

/* NULL: there is none for that key. */
struct rt_plan *rt_plans_find(const struct rt_plans *plans, const int64_t *key);
/* Takes a new plan over; AICC_ERROR_MEMORY: it is destroyed. Sizes that change from run to run do not pile up: at some
 * number of plans the old ones go. */
int32_t rt_plans_add(struct rt_plans *plans, const int64_t *key, struct rt_plan *plan);
void rt_plans_clear(struct rt_plans *plans);

#endif

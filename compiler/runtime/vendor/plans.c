#include "plans.h"

#include <stdlib.h>
#include <string.h>

#include "../runtime.h"

enum { MOST_PLANS = 1024 };

static struct rt_plan **bucket_of(const struct rt_plans *plans, const int64_t *key) {
  uint64_t hash = 1469598103934665603u;
  for (int32_t i = 0; i < plans->numbers; i++) hash = (hash ^ (uint64_t)key[i]) * 1099511628211u;
  return (struct rt_plan **)&plans->buckets[hash >> 32 & (RT_PLAN_BUCKETS - 1)];
}

struct rt_plan *rt_plans_find(const struct rt_plans *plans, const int64_t *key) {
  for (struct rt_plan *p = *bucket_of(plans, key); p; p = p->next)
    if (!memcmp(p->key, key, (size_t)plans->numbers * sizeof *key)) return p;
  return NULL;
}

int32_t rt_plans_add(struct rt_plans *plans, const int64_t *key, struct rt_plan *plan) {
  const size_t bytes = (size_t)plans->numbers * sizeof *key;
  if (plans->count == MOST_PLANS) rt_plans_clear(plans);
  plan->key = malloc(bytes);
  if (!plan->key) {
    plans->destroy(plan);
    return rt_error(AICC_ERROR_MEMORY, "out of memory");
  }
  memcpy(plan->key, key, bytes);
  struct rt_plan **place = bucket_of(plans, key);
  plan->next = *place;
  *place = plan;
  plans->count++;
  return AICC_OK;
}

void rt_plans_clear(struct rt_plans *plans) {
  for (int i = 0; i < RT_PLAN_BUCKETS; i++)
    for (struct rt_plan *p = plans->buckets[i]; p;) {
      struct rt_plan *next = p->next;
      free(p->key);
      plans->destroy(p);
      p = next;
    }
  memset(plans->buckets, 0, sizeof plans->buckets);
  plans->count = 0;
}

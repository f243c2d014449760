/* Time by kernel: an event before and one after each launch. */
#include <stdlib.h>

#include "state.h"

static int32_t grow(struct cuda_timing *t) {
  int32_t capacity = t->capacity ? 2 * t->capacity : 64;
  CUevent *events = realloc(t->events, 2 * (size_t)capacity * sizeof *events);
  if (events) t->events = events;
  aicc_range_fn *ranges = realloc(t->ranges, (size_t)capacity * sizeof *ranges);
  if (ranges) t->ranges = ranges;
  if (!events || !ranges) return rt_error(AICC_ERROR_MEMORY, "out of memory");
  for (; t->capacity < capacity; t->capacity++) {
    CUevent *pair = &t->events[2 * t->capacity];
    int32_t status = cuda_check(cuda.event_create(&pair[0], CU_EVENT_DEFAULT), "an event cannot be made");
    if (status != AICC_OK) return status;
    status = cuda_check(cuda.event_create(&pair[1], CU_EVENT_DEFAULT), "an event cannot be made");
    if (status != AICC_OK) {
      cuda.event_destroy(pair[0]);
      return status;
    }
  }
  return AICC_OK;
}

int32_t cuda_timing_before(struct rt_device_state *s) {
  struct cuda_timing *t = &s->timing;
  int32_t status = t->count == t->capacity ? grow(t) : AICC_OK;
  if (status != AICC_OK) return status;
  return cuda_check(cuda.event_record(t->events[2 * t->count], s->stream), "a launch cannot be timed");
}

int32_t cuda_timing_after(struct rt_device_state *s, aicc_range_fn range) {
  struct cuda_timing *t = &s->timing;
  t->ranges[t->count] = range;
  return cuda_check(cuda.event_record(t->events[2 * t->count++ + 1], s->stream), "a launch cannot be timed");
}

void cuda_timing_collect(aicc_context *ctx) {
  struct cuda_timing *t = &ctx->device->timing;
  for (int32_t i = 0; i < t->count; i++) {
    float milliseconds = 0;
    cuda.event_elapsed(&milliseconds, t->events[2 * i], t->events[2 * i + 1]);
    if (t->ranges[i]) rt_profile_add(ctx->profile, t->ranges[i], (int64_t)((double)milliseconds * 1e6), 1);
  }
}

void cuda_timing_free(struct cuda_timing *t) {
  for (int32_t i = 0; i < 2 * t->capacity; i++) cuda.event_destroy(t->events[i]);
  free(t->events);
  free(t->ranges);
  *t = (struct cuda_timing){0};
}

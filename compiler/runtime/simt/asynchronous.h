/* asynchronous.h: what the parts of the emulation share (simt.c, asynchronous.c). */
#ifndef AICC_SIMT_ASYNCHRONOUS_H
#define AICC_SIMT_ASYNCHRONOUS_H

#include <stdbool.h>
#include <stdint.h>

/* An `mbarrier`: 8 bytes of shared memory. */
struct phase {
  uint16_t expected, pending; /* arrivals of a phase, and those still to come */
  int32_t bytes_and_parity;   /* bytes still to come, times 2, plus the parity of the phase that goes on */
};

enum { MAX_CLUSTER = 2 };

_Noreturn void simt_die(const char *message);
/* Of the block; and which block of the cluster. */
int simt_thread(void);
int simt_rank(void);
/* The shared memory of a block of the cluster; and whether there is such a block, and threads of it have not ended. */
char *simt_shared_of(int rank);
bool simt_goes_on(int rank);
/* Whoever calls it touches memory of other kernels. */
void simt_check_waited(void);
void simt_wait_warp(void);
void simt_wait_group(void);

bool simt_phase_over(const struct phase *barrier, int parity);
/* Does the oldest copy that was started; false: there is none. */
bool simt_copy_one(void);
/* Nothing of the cluster may be going on. */
void simt_end_cluster(void);

#endif

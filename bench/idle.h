/*
 * idle - connections that say nothing.
 */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

#include <stdbool.h>
#include <stdint.h>

/* Opens n connections, with one request answered on each first if is_used,
 * says on standard output how many are open, and keeps them so until standard
 * input ends; then says how many the server has not closed meanwhile. Returns
 * the exit status. */
int idle_run(const char *to, uint32_t n, bool is_used);

#endif

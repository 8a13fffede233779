/*
 * prints - what llama.cpp prints instead of logging it.
 *
 * Apart from logs.c, because it is for a process of our own: a program that
 * has the engine as a guest (compat/rkllmrt) keeps its standard error.
 */
#ifndef WORKER_LLAMA_PRINTS_H
#define WORKER_LLAMA_PRINTS_H

/* From now on stderr(3) writes lines of the log. */
void prints_take_over(void);

#endif

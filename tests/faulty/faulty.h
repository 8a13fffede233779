/*
 * faulty - the real worker, which dies on purpose.
 *
 * bin/faulty-worker is bulkhead-worker's own objects with three of the
 * engine's functions wrapped. A prompt that has "FAULT:name" or "FAULT:name:n"
 * in it arms a fault, which happens in the n-th decode call from then (the
 * first); a worker that goes on with that prompt is given its token ids, not
 * its text, and so lives. A model whose file ends in "FAULT:name......", 16 bytes
 * in all, has it happen while it loads, each time.
 */
#ifndef FAULTY_H
#define FAULTY_H

/* A C++ exception that nobody catches, and one of operator new. */
void fault_throw(void);
void fault_new(void);

#endif

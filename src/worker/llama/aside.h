/*
 * aside - what is asked of a model's vocabulary and template alone. It takes no
 * sequence: it is answered where it is submitted, between two units.
 */
#ifndef WORKER_LLAMA_ASIDE_H
#define WORKER_LLAMA_ASIDE_H

#include "worker/engine.h"
#include "worker/llama/model.h"

/* s is of a mode that takes no slot. Says all that there is to say. */
void aside_run(const struct model *m, const struct engine_events *to,
    const struct gen_submit *s);

#endif

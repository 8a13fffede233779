/*
 * guard - what C has to know of guard.hh.
 */
#ifndef WORKER_GUARD_H
#define WORKER_GUARD_H

/* Long work within a ceiling calls fn(arg) while it goes on, some thousand
 * times a second. NULL: nobody wants to know. */
void guard_beats(void (*fn)(void *arg), void *arg);

#endif

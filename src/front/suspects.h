/*
 * suspects - tells the keeper whose work a worker had when it went, for the
 * obituary.
 */
#ifndef FRONT_SUSPECTS_H
#define FRONT_SUSPECTS_H

struct model;

/* Before what ran in m goes back to its queue. */
void suspects_tell(const struct model *m);

#endif

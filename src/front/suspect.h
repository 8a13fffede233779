/*
 * suspect - who may have killed a worker, and how that is found out.
 *
 * Whatever was in a worker when it died is a suspect until it has got its next
 * token. A first death may be chance, so its suspects are tried one after the
 * other, each beside those that have passed; one that takes long is not waited
 * for. A second death in a row points at few, most often at one. Those run
 * alone, nobody beside them, however long it takes. The fourth death in a row,
 * the second of those, convicts. So a request that kills workers costs four of
 * them whatever is beside it, and whoever is beside it is killed twice at most.
 *
 * A SIGKILL of somebody else's says little about what the worker did, but it
 * may be a watcher of memory that sends it: every fourth one counts, so nothing
 * is tried for ever.
 *
 * Pure rules; gen.c keeps the lists and model.c asks.
 */
#ifndef FRONT_SUSPECT_H
#define FRONT_SUSPECT_H

#include <stdbool.h>
#include <stdint.h>

/* One suspect is waited for this long before the next is let in beside it. */
#define SUSPECT_GRACE_MS 2000u

struct suspect {
	uint32_t deaths; /* of its workers, with no token in between; 0: none */
	uint32_t kills;	 /* those that were excused */
	bool is_counted; /* the last death: it may be excused yet */
	uint64_t sent_ms; /* to the present worker; clock_ms() */
};

/* Who is in the worker, as far as it matters here. */
struct company {
	uint32_t n_computed; /* all but the parked */
	uint32_t deaths;     /* the most of one of them */
	uint64_t since;	     /* when the last suspect among them was sent */
};

/* Counts one of those in the worker. */
void company_add(struct company *c, const struct suspect *s, bool is_parked);

/* How long s has to wait before it may be sent into that company; 0: not at
 * all, UINT64_MAX: until somebody there has got a token or gone. */
uint64_t suspect_wait(
    const struct suspect *s, const struct company *c, uint64_t now_ms);

/* Its worker died. c: who was in it, s too. */
void suspect_on_death(struct suspect *s, const struct company *c);

/* That death was a SIGKILL from outside. Again is harmless. */
void suspect_on_excuse(struct suspect *s);

bool suspect_is_convicted(const struct suspect *s);

/* It has got a token. */
void suspect_on_token(struct suspect *s);

/* Another was convicted, and nothing else speaks against s. */
void suspect_on_conviction(struct suspect *s);

/* The order in which those of a dead worker are tried: the higher first. The
 * sooner the culprit is found, the fewer are beside it. */
uint32_t suspect_rank(
    const struct suspect *s, bool was_started, bool has_token);

#endif

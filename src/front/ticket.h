/*
 * ticket - what a generation's turn hangs on: whose it is, where it waits, how
 * long it may take, and whether it is suspected of killing workers.
 *
 * Its place is in one of the model's lists: queue (it waits), inside (the
 * worker has it), or none (it is ending).
 */
#ifndef FRONT_TICKET_H
#define FRONT_TICKET_H

#include "front/deadline.h"
#include "front/queue.h"
#include "front/suspect.h"
#include "wire/msg.h"
#include "wire/step.h"

struct client;
struct front;
struct gen;
struct model;
struct tally;

/* Who asks, and how long it may take. */
struct gen_order {
	struct client *client;
	struct party *conn; /* the connection, one of client's */
	struct gen_times times;
	bool is_counted; /* it is part of a request that was: by its rate */
};

struct ticket {
	struct gen *gen;
	struct model *model;
	struct client *client;
	struct tally *tally;  /* of its request; NULL: nobody counts */
	struct queue *queue;  /* one of its model's */
	struct waiter waiter; /* in queue */
	struct list link;     /* in model->inside */
	struct suspect suspect;
	struct gen_times times;
	struct timer *timer; /* of the next deadline; NULL: it has none */
	uint64_t born_ms;    /* clock_ms() of its admission */
	uint64_t slot_ms;    /* when it first had a slot; 0: not yet */
	uint64_t token_ms;   /* when its first token came; 0: not yet */
	uint64_t parked_ms;  /* when it was parked last */
	bool is_parked;
	bool is_leaving;   /* its slot is to go to another: yield.h */
	bool has_left;	   /* and has, and is not back yet */
	bool is_displaced; /* its place in a full queue went to another */
	bool is_cut;	   /* by predict_ms: ended as by max_tokens */
	bool has_newline;  /* in its text */
};

/* What was asked for, as far as the server allows it; it counts from now, if
 * from nothing before. */
struct gen_times ticket_times(
    const struct front *f, const struct gen_times *asked);

/* g waits in t->queue of t->model, if need be in the place of another. t->tally
 * is set already, and a reference is taken. On an error, ticket_done() is not
 * called. 0, ERR_BUSY or ERR_NOMEM with *why. */
int ticket_take(struct ticket *t, struct gen *g, const struct gen_order *order,
    struct fail *why) MUST_CHECK;

/* It is over. */
void ticket_done(struct ticket *t);

/* It waits no more, for it is ending. */
void ticket_leave(struct ticket *t);

/* It was sent to the worker. */
void ticket_enter(struct ticket *t);

/* The next in a queue of m's; NULL: none that waits can be sent. */
struct ticket *ticket_next(const struct model *m, const struct queue *q);

/* How long t has to wait for the sake of those inside, in milliseconds; 0: it
 * may be sent, UINT64_MAX: until something changes. */
uint64_t ticket_wait(const struct ticket *t);

/* Who is in m's worker. */
struct company ticket_company(const struct model *m);

/* The worker that it was in died, with all of c: it waits again. was_started:
 * the worker had begun with it. */
void ticket_on_death(
    struct ticket *t, const struct company *c, bool was_started);

/* It gave its slot to another. */
void ticket_on_yield(struct ticket *t);

/* The worker has begun: so many tokens of prompt. */
void ticket_on_prompt(struct ticket *t, uint32_t n);

/* It has got a token. True: that was enough, it is_cut. */
bool ticket_on_token(struct ticket *t, const struct step *s) MUST_CHECK;

/* It has got rows of its prompt, which were charged already. */
void ticket_on_rows(struct ticket *t);

/* The last worker of m was ended by a SIGKILL from outside: that speaks against
 * hardly anybody. Again is harmless. */
void ticket_excuse(struct model *m);

/* The keeper has told how the last worker of m died: those that wait and are
 * convicted by it are answered, now that the crash has an id. */
void ticket_sentence(struct model *m);

#endif

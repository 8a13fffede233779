/*
 * front - what the whole process shares: the loop, the configuration, the
 * models, the clients, the counts. One instance, made in main.c and passed
 * explicitly; nothing in this process is global but the log.
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "base/list.h"
#include "base/loop.h"
#include "front/journal.h"
#include "front/keys.h"
#include "front/metrics.h"
#include "front/poison.h"
#include "front/refuse.h"
#include "front/saved.h"
#include "wire/chan.h"

struct tls_files;

struct front {
	struct loop *loop;
	struct front_config config;  /* strings in config_mem */
	struct keeper_status keeper; /* strings in keeper_mem */
	void *config_mem;
	void *keeper_mem;
	struct chan *chan;     /* to the keeper */
	struct watch *watch;   /* of chan */
	struct list listeners; /* struct listener */
	struct list conns;     /* struct conn, all of them */
	struct list dirty;     /* struct conn with output not yet tried */
	struct list models;    /* struct model */
	struct list feed;      /* struct feed_ear */
	struct list wants;     /* struct want: MODEL_WANTs without answer */
	struct list reloads;   /* struct reload: RELOAD_WANTs likewise */
	uint32_t n_reloads;
	struct list attaches;	/* struct attach: MODEL_ATTACHs likewise */
	struct list endings;	/* struct gen whose last call is due */
	struct table *gens;	/* struct gen by id */
	struct journal journal; /* of them; empty until the keeper gave it */
	struct saved saved;	/* one of them, while it is sent */
	struct clients *clients;
	struct keys keys;
	struct tls_files *tls;	  /* NULL: all is plain */
	struct refusals refusals; /* connections that are told why */
	struct poison poison;	  /* requests that were convicted */
	struct metrics metrics;
	struct timer *drain_timer;
	struct timer *tidy_timer; /* NULL: no journal yet */
	bool is_tidying;	  /* it is set */
	struct progress *progress;
	uint64_t intake;	 /* bytes counted by intake.h */
	uint64_t arrays;	 /* by array.h */
	uint32_t next_ref;	 /* of the next MODEL_WANT */
	struct room_wanted room; /* the keeper's last word; letgo.h */
	uint32_t n_let_go;	 /* MODEL_LET_GOs */
	uint64_t n_uses;	 /* of models that got idle */
	struct list letting;	 /* struct model to be looked at */
	bool has_held;		 /* one may be held for others */
	bool is_letting;	 /* letgo_turn() has something to look at */
	/* A worker that is done with a run and says nothing of its file is
	 * waited for no longer; nor is a disk. */
	uint32_t save_wait_ms;
	uint32_t n_conns;
	uint32_t n_gens; /* of any state */
	uint32_t n_cut;	 /* streams ended by draining */
	int reserve_fd;	 /* given up to refuse when there are no more */
	bool is_draining;
	bool is_cut;	 /* draining took too long */
	bool is_drained; /* the keeper was told */
};

/* Everything empty, with a loop and no descriptor. 0, or ERR_NOMEM; call
 * front_done() in any case. */
int front_init(struct front *f) MUST_CHECK;

/* Frees what front_init() made. Last: what uses the loop goes before. */
void front_done(struct front *f);

/* Unpacks a frame into ret with a copy of its bytes for the strings, which goes
 * to *mem (what was there is freed). 0, ERR_PROTO or ERR_NOMEM. */
int front_keep(const struct frame *fr, void *ret, void **mem) MUST_CHECK;

/* A message to the keeper. If it cannot be sent the keeper is gone or mad, and
 * the process ends: there is nothing to serve without it. */
void front_tell(struct front *f, enum msg m, const void *st);

/* Sees to it that memory which the journal no longer needs is given back, soon
 * and bit by bit. */
void front_tidy(struct front *f);

/* When draining: ends the process once nothing runs and all output is out.
 * Called whenever a generation or a connection ends. */
void front_check_drained(struct front *f);

#endif

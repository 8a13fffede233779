#include "front/suspects.h"

#include "front/asker.h"
#include "front/conn.h"
#include "front/front.h"
#include "front/life.h"
#include "front/model.h"

#include <stdio.h>

/* Of a message's 64 KiB, with room for the rest of it. */
#define ALL_MAX (48u * 1024)
#define REQUEST_MAX 64

static void
put_one(struct buf *all, const struct gen *g)
{
	struct journal_about about = { .protocol = PROTOCOL_NONE };
	const struct conn *c = NULL;
	char peer[PEER_SIZE] = "gone";
	const char *label = NULL;
	char text[512];
	int n;

	if (g->ops != NULL && g->ops->describe != NULL)
		c = g->ops->describe(g->arg, &about);
	if (c != NULL) {
		conn_peer(c, peer);
		label = conn_asker(c)->label;
	}
	if (about.request.n > REQUEST_MAX)
		about.request.n = REQUEST_MAX;
	n = snprintf(text, sizeof(text), "%llu\t%.*s\t%s%s%s%s",
	    (unsigned long long)g->id, (int)about.request.n,
	    about.request.n > 0 ? about.request.p : "",
	    about.protocol == PROTOCOL_RPC	  ? "JSON-RPC "
		: about.protocol == PROTOCOL_HTTP ? "HTTP "
						  : "",
	    peer, label != NULL ? ", " : "", label != NULL ? label : "");
	/* Too many to be told: the first of them. */
	if (n > 0 && n < (int)sizeof(text) &&
	    buf_len(all) + sizeof(text) <= ALL_MAX)
		strs_put(all, (struct str){ text, (size_t)n });
}

void
suspects_tell(const struct model *m)
{
	struct model_suspects s = {
		.model = m->state.model,
		.pid = m->worker_pid,
	};
	struct buf all;

	buf_init(&all, ALL_MAX);
	for (const struct list *it = m->active.next; it != &m->active;
	     it = it->next)
		put_one(&all, LIST_ENTRY(it, const struct gen, link));
	if (buf_err(&all) != 0)
		buf_reset(&all);
	s.suspects.packed = buf_str(&all);
	front_tell(m->front, MSG_MODEL_SUSPECTS, &s);
	buf_done(&all);
}

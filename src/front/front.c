#include "front/front.h"

#include "front/client.h"
#include "front/table.h"
#include "front/tls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAVE_WAIT_MS (10u * 60 * 1000)

int
front_init(struct front *f)
{
	*f = (struct front){ .reserve_fd = -1, .save_wait_ms = SAVE_WAIT_MS };
	f->journal.slots.fd = -1;
	saved_init(&f->saved);
	refuse_init(&f->refusals);
	list_init(&f->listeners);
	list_init(&f->conns);
	list_init(&f->dirty);
	list_init(&f->models);
	list_init(&f->feed);
	list_init(&f->letting);
	list_init(&f->wants);
	list_init(&f->attaches);
	list_init(&f->reloads);
	list_init(&f->endings);
	f->loop = loop_new();
	f->gens = table_new();
	f->clients = clients_new(CLIENTS_MAX);
	poison_init(&f->poison);
	if (f->loop == NULL || f->gens == NULL || f->clients == NULL)
		return ERR_NOMEM;
	return 0;
}

void
front_done(struct front *f)
{
	refuse_done(&f->refusals);
	table_free(f->gens);
	slots_unmap(&f->journal.slots);
	timer_free(f->tidy_timer);
	saved_done(&f->saved);
	keys_done(&f->keys);
	tls_done(f);
	clients_free(f->clients);
	if (f->reserve_fd >= 0)
		(void)close(f->reserve_fd);
	loop_free(f->loop);
}

int
front_keep(const struct frame *fr, void *ret, void **mem)
{
	const struct layout *l = msg_row(fr->msg)->layout;
	void *copy = malloc(fr->n == 0 ? 1 : fr->n);

	if (copy == NULL)
		return ERR_NOMEM;
	if (fr->n > 0)
		memcpy(copy, fr->payload, fr->n);
	if (layout_unpack(l, ret, copy, fr->n) != 0) {
		free(copy);
		return ERR_PROTO;
	}
	free(*mem);
	*mem = copy;
	return 0;
}

#include "front/turn.h"

#include "front/front.h"
#include "front/life.h"
#include "front/model.h"

bool
turn_read(struct gen *g, struct talk_turn *ret)
{
	struct front *f = g->model->front;
	const struct gen_submit *s = &f->saved.submit;

	if (g->j->prompt == 0 ||
	    saved_read_own(&f->saved, &f->journal, &g->entry) != 0)
		return false;
	ret->prompt = s->tokens;
	ret->turns = s->turns;
	ret->out = s->done;
	ret->embeds = s->embeds;
	ret->row = (s->n_row > 0 ? s->n_row : g->model->state.n_embd_in) *
	    sizeof(float);
	ret->n_ctx = g->model->state.n_ctx;
	ret->n_keep = s->n_keep;
	ret->may_shift = s->may_shift;
	return true;
}

void
turn_done(struct gen *g)
{
	saved_trim(&g->model->front->saved);
}

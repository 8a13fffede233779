/*
 * Theory: what an engine has of a run cannot be cut. So another generation
 * takes its place, whose prompt is what is left, and which nobody notices but
 * by what it says.
 */
#include "cut.h"
#include "wire/i32s.h"

#include "handle.h"

#include "wire/embed.h"

/* Embeddings may only be in a history; so all but its last token is one. */
static int
fill_rest(const struct talk *left, struct gen_submit *g, struct fail *why)
{
	struct i32s all = i32s_in(&left->history);
	uint32_t n_old = 0;

	for (uint32_t i = 0; i < all.n; i++)
		n_old += embed_is(all.p[i]) ? 1 : 0;
	if (n_old > 0 && embed_is(all.p[all.n - 1]))
		return fail_set(why, ERR_UNSUPPORTED, "end_pos",
		    "end_pos: the last that is left must be a token, not an "
		    "embedding");
	g->input = INPUT_TOKENS;
	g->tokens = all;
	g->embeds = buf_str(&left->embeds);
	g->n_old_embeds = n_old;
	g->n_images = g->n_image_embeds = 0;
	g->messages = g->prompt = g->system = g->tools = STR("");
	if (n_old == 0)
		return 0;
	g->history = (struct i32s){ all.p, all.n - 1 };
	g->tokens = (struct i32s){ all.p + all.n - 1, 1 };
	return 0;
}

/* The generation that stands for what is left of a run. */
static int
pack_rest(struct handle *h, const struct talk *left, struct buf *ret,
    struct fail *why)
{
	const struct run *r = &h->run;
	struct gen_submit g = r->asked;
	int err = fill_rest(left, &g, why);

	if (err != 0)
		return err;
	g.gen = ++h->last_gen;
	g.cache = 0;
	if (g.max_tokens > 0)
		g.max_tokens -= (uint32_t)(buf_len(&r->out) / sizeof(int32_t));
	layout_pack(&layout_gen_submit, &g, ret);
	return buf_err(ret);
}

struct cut {
	uint32_t from;
	uint32_t end;
};

static int
cut_here(struct handle *h, const struct cut *c, struct fail *why)
{
	struct talk left;
	struct buf record;
	int err;

	talk_init(&left, 1);
	buf_init(&record, msg_row(MSG_GEN_SUBMIT)->max);
	err = run_context(h, &left);
	if (err == 0)
		err = talk_cut(&left, c->from, c->end, why);
	if (err == 0 && talk_size(&left) == 0)
		err = fail_set(why, ERR_INVALID, "start_pos",
		    "start_pos, end_pos: nothing would be left to go on from");
	if (err == 0)
		err = pack_rest(h, &left, &record, why);
	if (err == 0)
		err = run_replace(h, &record);
	buf_done(&record);
	talk_done(&left);
	return err;
}

/* On the thread. */
static int
do_cut(struct handle *h, void *arg, struct fail *why)
{
	const struct run *r = &h->run;
	int err = 0;

	(void)pthread_mutex_lock(&h->lock);
	if (h->phase != PHASE_OF_PAUSE || r->has_last)
		err = fail_set(why, ERR_BUSY, NULL,
		    "the run is not paused any more, or over");
	else if (r->asked.cache_key != 0 || r->asked.mode != MODE_GENERATE)
		err = fail_set(why, ERR_INVALID, "start_pos",
		    "start_pos, end_pos: the run that is paused must have "
		    "keep_history 0 and mode 0");
	if (err == 0)
		err = cut_here(h, arg, why);
	(void)pthread_mutex_unlock(&h->lock);
	return err;
}

int
cut_run(struct handle *h, uint32_t from, uint32_t end, struct fail *why)
{
	struct cut c = { from, end };

	return handle_call(h, do_cut, &c, why);
}

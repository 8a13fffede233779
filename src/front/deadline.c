#include "front/deadline.h"

static void
limit(uint32_t *asked, uint32_t server)
{
	if (server != 0 && (*asked == 0 || *asked > server))
		*asked = server;
}

void
deadline_limit(struct gen_times *t, const struct gen_times *server)
{
	limit(&t->queue_ms, server->queue_ms);
	limit(&t->first_ms, server->first_ms);
	limit(&t->total_ms, server->total_ms);
}

enum deadline
deadline_next(
    const struct gen_times *t, bool had_slot, bool had_token, uint64_t *ret_ms)
{
	const struct {
		enum deadline d;
		uint32_t ms;
	} ahead[] = {
		{ DEADLINE_QUEUE, had_slot ? 0 : t->queue_ms },
		{ DEADLINE_FIRST, had_token ? 0 : t->first_ms },
		{ DEADLINE_TOTAL, t->total_ms },
	};
	enum deadline next = DEADLINE_NONE;

	*ret_ms = UINT64_MAX;
	for (unsigned i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		if (ahead[i].ms == 0 || ahead[i].ms >= *ret_ms)
			continue;
		*ret_ms = ahead[i].ms;
		next = ahead[i].d;
	}
	return next;
}

int
deadline_fail(enum deadline d, const struct gen_times *t, struct fail *ret)
{
	const struct {
		const char *field;
		const char *text;
		uint32_t ms;
	} rows[DEADLINE_COUNT] = {
		[DEADLINE_QUEUE] = { "queue_timeout_ms",
		    "no slot was free for it; try again when the server is "
		    "less busy, or allow more (--queue-timeout)",
		    t->queue_ms },
		[DEADLINE_LOAD] = { "queue_timeout_ms",
		    "its model was not loaded: that takes longer, or waits "
		    "for others to be unloaded, which are in use; try again, "
		    "or allow more (--queue-timeout)",
		    t->queue_ms },
		[DEADLINE_FIRST] = { "first_token_timeout_ms",
		    "its first token had not come; send a shorter prompt, or "
		    "allow more (--first-token-timeout)",
		    t->first_ms },
		[DEADLINE_TOTAL] = { "timeout_ms",
		    "it was not done, what has come is not complete; ask for "
		    "fewer tokens, or allow more (--total-timeout)",
		    t->total_ms },
	};

	return fail_set(ret, ERR_TIMEOUT, rows[d].field,
	    "%s: after %u.%03u s, which is the limit, %s", rows[d].field,
	    rows[d].ms / 1000, rows[d].ms % 1000, rows[d].text);
}

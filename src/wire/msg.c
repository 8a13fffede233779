#include "wire/msg.h"

LAYOUTS(LAYOUT_DEFINE)

const struct layout layout_steps = { "steps", NULL, 0, 0 };

#define MSG_ROW(name, layout, from, to, max, fds)                              \
	[MSG_##name] = { #name, &layout_##layout, PROC_##from, PROC_##to, max, \
		fds },

static const struct msg_row rows[MSG_COUNT] = { MSG_TABLE(MSG_ROW) };

const struct msg_row *
msg_row(unsigned msg)
{
	if (msg == MSG_NONE || msg >= MSG_COUNT)
		return NULL;
	return &rows[msg];
}

const char *
proc_name(enum proc p)
{
	static const char *const names[] = {
		[PROC_KEEPER] = "keeper",
		[PROC_FRONT] = "front",
		[PROC_WORKER] = "worker",
	};

	return p >= PROC_KEEPER && p <= PROC_WORKER ? names[p] : "?";
}

int
msg_check_length(const char *field, const char *at_least, uint64_t n,
    uint32_t n_ctx, struct fail *why)
{
	if (n_ctx == 0 || n < n_ctx)
		return 0;
	return fail_set(why, ERR_CONTEXT, field,
	    "%s: %s%llu tokens do not fit into the context of %u, which "
	    "must have room for one more",
	    field, at_least, (unsigned long long)n, n_ctx);
}

bool
msg_turns_fit(struct i32s turns, uint32_t n)
{
	int32_t last = 0;

	for (uint32_t i = 0; i < turns.n; i++) {
		if (turns.p[i] < last)
			return false;
		last = turns.p[i];
	}
	return turns.n % 2 == 0 && (uint32_t)last <= n;
}

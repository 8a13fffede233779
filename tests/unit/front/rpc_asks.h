/*
 * rpc_asks - what clients send in a play of chance: any method with parameters
 * of any form, good or bad, alone or in batches, or what is no request at all.
 * For test_rpc_property.c.
 */
#ifndef RPC_ASKS_H
#define RPC_ASKS_H

#include "rpc_oracle.h"

/* How often each method was called in each state. */
static unsigned seen[STATES][METHODS];

static inline const struct variant *
pick(const struct arg_row *arg)
{
	const struct variant *v = arg->variants;
	unsigned n = 0, i;

	while (v[n].text != NULL)
		n++;
	for (unsigned tries = 0; tries < 5; tries++) {
		i = roll(s.p, n);
		if (v[i].verdict == GOOD)
			break;
	}
	return &v[i];
}

static inline void
put_text(struct buf *b, const char *text, unsigned mark)
{
	char room[512];

	(void)snprintf(room, sizeof(room), text, mark);
	buf_puts(b, room);
}

static inline void
put_comma(struct buf *b, bool *is_first)
{
	if (!*is_first)
		buf_puts(b, ",");
	*is_first = false;
}

/* As one object, the fields of the structs among each other. */
static inline void
put_merged(
    struct buf *b, const struct variant *const *v, unsigned n, unsigned mark)
{
	bool is_first = true;

	buf_puts(b, "{");
	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(v[i]->text);
		char inside[512];

		if (len <= 2)
			continue;
		put_comma(b, &is_first);
		(void)snprintf(inside, sizeof(inside), "%.*s", (int)len - 2,
		    v[i]->text + 1);
		put_text(b, inside, mark);
	}
	buf_puts(b, "}");
}

static inline void
put_named(struct buf *b, const struct arg_row *args,
    const struct variant *const *v, unsigned n, unsigned mark)
{
	bool by_alias = one_in(s.p, 2), is_first = true;

	buf_puts(b, "{");
	for (unsigned i = 0; i < n; i++) {
		put_comma(b, &is_first);
		buf_puts(b, "\"");
		buf_puts(b, by_alias ? args[i].alias : args[i].name);
		buf_puts(b, "\":");
		put_text(b, v[i]->text, mark);
	}
	buf_puts(b, "}");
}

static inline void
put_positional(
    struct buf *b, const struct variant *const *v, unsigned n, unsigned mark)
{
	bool is_first = true;
	unsigned nulls = roll(s.p, 3); /* none, the handle's, both */

	buf_puts(b, "[");
	if (nulls > 0) {
		put_comma(b, &is_first);
		buf_puts(b, "null");
	}
	for (unsigned i = 0; i < n; i++) {
		put_comma(b, &is_first);
		put_text(b, v[i]->text, mark);
	}
	if (nulls > 1)
		buf_puts(b, ",null");
	buf_puts(b, "]");
}

static inline unsigned
n_args(const struct method_row *row)
{
	unsigned n = 0;

	while (n < ARGS_MAX && row->args[n].name != NULL)
		n++;
	return n;
}

/* Parameters that are none at all. */
static inline bool
put_nonsense(struct buf *b, struct asked *c)
{
	static const char *const texts_of[] = { "5", "\"x\"", "true",
		"[null,{},{},{},{},{}]" };

	if (!one_in(s.p, 20))
		return false;
	buf_puts(b, ",\"params\":");
	buf_puts(b, texts_of[roll(s.p, 4)]);
	c->verdict = BAD;
	return true;
}

static inline void
put_params(struct buf *b, struct asked *c, unsigned mark)
{
	const struct method_row *row = c->row;
	const struct variant *v[ARGS_MAX];
	unsigned n = n_args(row), form = roll(s.p, 6);
	size_t from = buf_len(b);
	bool may_merge = true;

	if (put_nonsense(b, c))
		return;
	for (unsigned i = 0; i < n; i++) {
		/* One that is left out leaves out those behind it. */
		if (one_in(s.p, 12)) {
			for (unsigned k = i; k < n; k++)
				c->verdict |= row->args[k].missing;
			n = i;
			break;
		}
		v[i] = pick(&row->args[i]);
		c->verdict |= v[i]->verdict;
		may_merge &= row->args[i].is_struct && v[i]->text[0] == '{';
	}
	if (n == 0 && one_in(s.p, 3)) {
		buf_puts(b, one_in(s.p, 2) ? "" : ",\"params\":null");
		return;
	}
	buf_puts(b, ",\"params\":");
	if (form == 0 && may_merge)
		put_merged(b, v, n, mark);
	else if (form <= 2)
		put_named(b, row->args, v, n, mark);
	else
		put_positional(b, v, n, mark);
	if (c->kind != INIT)
		return;
	buf_put_u8(b, '\0');
	c->model = strstr((const char *)buf_data(b) + from, "other") != NULL;
	buf_truncate(b, buf_len(b) - 1);
}

static inline void
make_id(struct asked *c, unsigned mark)
{
	static const char *const forms[] = { "1%05u", "\"s%u\"", "-1%05u",
		"90071992547%05u", "1%05u.0", "1%05ue3", "\"\\u00e9%u\"" };
	/* In an array ids are looked for by value. */
	unsigned i = roll(s.p, c->batch != 0 ? 4 : 7);

	(void)snprintf(c->id, sizeof(c->id), forms[i], mark);
}

static inline enum kind
kind_of(const struct method_row *row)
{
	static const struct {
		const char *name;
		enum kind kind;
	} kinds[] = { { "rkllm.init", INIT }, { "rkllm.run", RUN },
		{ "rkllm.run_async", RUN }, { "rkllm.abort", ABORT },
		{ "rkllm.is_running", RUNNING }, { "rkllm.destroy", DESTROY },
		{ "rkllm.load_lora", ATTACH },
		{ "rkllm.load_prompt_cache", ATTACH } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(row->name, kinds[i].name) == 0)
			return kinds[i].kind;
	return OTHER;
}

/* Any method; what brings a client on oftener. */
static inline const struct method_row *
any_method(unsigned client)
{
	static const char *const often[] = { "rkllm.run", "rkllm.run_async",
		"rkllm.abort" };
	bool is_busy = owes(client, RUN, s.n_calls, false);
	const char *name = "rkllm.init";
	unsigned i = roll(s.p, METHODS);

	if (has_model(&s.peers[client]))
		name = often[roll(s.p, is_busy ? 3 : 2)];
	if (one_in(s.p, 2))
		for (i = 0; strcmp(method_rows[i].name, name) != 0;)
			i++;
	return &method_rows[i];
}

static inline struct asked *
call_new(unsigned client, unsigned batch)
{
	struct asked *c = &s.calls[s.n_calls];

	memset(c, 0, sizeof(*c));
	c->client = client;
	c->batch = batch;
	c->may_be_lost = s.peers[client].is_unsure || owes_change(client);
	return c;
}

/* Nobody is told of a notification, and nobody can be sure afterwards. */
static inline void
put_member_id(struct buf *b, struct asked *c)
{
	if (one_in(s.p, 30)) {
		s.peers[c->client].is_unsure |= c->kind != OTHER;
		return;
	}
	make_id(c, s.n_calls);
	buf_puts(b, ",\"id\":");
	buf_puts(b, c->id);
	c->owes_answer =
	    c->kind != RUN || c->batch != 0 || (c->row->flags & FIRST) != 0;
	c->owes_stream = c->kind == RUN;
}

/* What its worker will say is known by a number in the prompt; not of rows. */
static inline bool
is_marked_text(struct buf *b, size_t from)
{
	const char *text;

	buf_put_u8(b, '\0');
	text = (const char *)buf_data(b) + from;
	buf_truncate(b, buf_len(b) - 1);
	return strchr(text, '#') != NULL &&
	    strstr(text, "\"mode\":1") == NULL &&
	    strstr(text, "\"mode\":2") == NULL;
}

/* A request; what it is owed is noted. */
static inline void
put_call(struct buf *b, unsigned client, unsigned batch)
{
	struct asked *c = call_new(client, batch);
	size_t from = buf_len(b);

	c->row = any_method(client);
	c->kind = kind_of(c->row);
	if (!s.peers[client].is_unsure)
		seen[state_of(client)][c->row - method_rows]++;
	buf_puts(b, "{\"jsonrpc\":\"2.0\",\"method\":\"");
	buf_puts(b, c->row->name);
	buf_puts(b, "\"");
	put_params(b, c, s.n_calls);
	put_member_id(b, c);
	buf_puts(b, "}");
	if (c->verdict & NO_FILE)
		c->model = -1;
	c->is_marked = c->kind == RUN && is_marked_text(b, from);
	s.n_calls++;
}

static inline void
put_broken(struct buf *b, unsigned client)
{
	const struct broken_row *row = &broken_rows[roll(s.p, BROKEN)];
	struct asked *c = call_new(client, 0);
	struct peer *peer = &s.peers[client];
	char text[256];

	make_id(c, s.n_calls);
	(void)snprintf(text, sizeof(text), row->text, c->id);
	buf_puts(b, text);
	if (row->is_null) {
		peer->nulls[peer->n_nulls++] = row->code;
		return;
	}
	c->code = row->code;
	c->kind = OTHER;
	c->owes_answer = true;
	s.n_calls++;
}

static inline void
put_batch(struct buf *b, unsigned client)
{
	unsigned n = 1 + roll(s.p, 4);

	s.n_batches++;
	buf_puts(b, "[");
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			buf_puts(b, ",");
		put_call(b, client, s.n_batches);
	}
	buf_puts(b, "]");
}

#endif

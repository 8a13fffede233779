/*
 * rpc_oracle - what the clients of a play of chance are owed, and whether what
 * they hear is that. For test_rpc_property.c, which has the theory.
 */
#ifndef RPC_ORACLE_H
#define RPC_ORACLE_H

#include "rpc_calls.h"
#include "rpc_play.h"

#define CLIENTS 3

enum kind { INIT, RUN, ABORT, RUNNING, DESTROY, ATTACH, OTHER };

struct asked {
	const struct method_row *row; /* NULL: a broken request */
	enum kind kind;
	char id[48];	  /* as sent; empty: a notification */
	unsigned verdict; /* of its parameters */
	int code;	  /* a broken request's */
	unsigned client;
	unsigned batch;	  /* its number; 0: none */
	bool is_marked;	  /* what its worker says is known */
	int model;	  /* INIT: of the play's; -1: another */
	bool may_be_lost; /* sent where no more is read for now */
	bool owes_answer; /* the first or only reply */
	bool owes_stream;
	bool is_aborted;
	struct said heard;
};

/* What a client may know: of a call as it was sent. */
enum state {
	NONE,
	LOADING,
	IDLE,
	BUSY,
	ABORTED,
	DESTROYING,
	DESTROYED,
	OTHERS,
	DEAD,
	DRAINING,
	STATES
};

static const char *const state_names[STATES] = { "no model", "loading",
	"loaded", "running", "aborted", "destroying", "destroyed",
	"another client's", "worker dead", "draining" };

struct peer {
	int fd; /* -1: gone */
	bool has_finished;
	bool is_unsure; /* a notification may have changed its state */
	bool was_destroyed;
	int model; /* of the play's; -1: none */
	uint32_t model_id;
	int nulls[CALLS_MAX]; /* codes of errors without an id, as owed */
	unsigned n_nulls, nulls_owed;
	struct buf in;
};

static struct scene {
	struct play *p;
	struct peer peers[CLIENTS];
	struct asked calls[CALLS_MAX];
	unsigned n_calls;
	unsigned n_batches;
	bool is_in_array; /* what is being looked at */
	uint64_t number;
	struct buf log;
} s;

static unsigned replies, errors;

#define CHECK(cond, ...)                                    \
	do {                                                \
		if (!(cond)) {                              \
			(void)fprintf(stderr, __VA_ARGS__); \
			fail_msg("%s", " <- " #cond);       \
		}                                           \
	} while (0)

static inline void
note(const char *what, const char *text)
{
	buf_puts(&s.log, what);
	buf_puts(&s.log, text);
	buf_puts(&s.log, "\n");
}

/* What a client knows. */

static inline bool
has_model(const struct peer *c)
{
	return c->model >= 0 && s.p->models[c->model].id == c->model_id;
}

/* A call of this client, before `upto`, is not all answered. */
static inline bool
owes(unsigned client, enum kind kind, unsigned upto, bool in_batch)
{
	for (unsigned i = 1; i < upto; i++) {
		const struct asked *c = &s.calls[i];

		if (c->client == client && c->kind == kind &&
		    (c->owes_answer || c->owes_stream) &&
		    (!in_batch || c->batch != 0))
			return true;
	}
	return false;
}

/* One of this client's is not done that those behind it may wait for. */
static inline bool
owes_change(unsigned client)
{
	for (unsigned i = 1; i < s.n_calls; i++) {
		const struct asked *c = &s.calls[i];
		bool may_change = c->kind == INIT || c->kind == DESTROY ||
		    c->kind == ATTACH ||
		    (c->kind == RUN && (c->verdict & MAYBE));

		if (c->client == client && may_change &&
		    (c->owes_answer || c->owes_stream))
			return true;
	}
	return false;
}

/* Replies of a batch come when all are there: what was done meanwhile is not
 * known. */
static inline bool
is_sure(unsigned client)
{
	return !s.peers[client].is_unsure &&
	    !owes(client, INIT, s.n_calls, true) &&
	    !owes(client, DESTROY, s.n_calls, true) &&
	    !owes(client, ATTACH, s.n_calls, true) &&
	    !owes(client, RUN, s.n_calls, true);
}

static inline bool
any_aborted(unsigned client)
{
	for (unsigned i = 1; i < s.n_calls; i++)
		if (s.calls[i].client == client && s.calls[i].is_aborted &&
		    s.calls[i].owes_stream)
			return true;
	return false;
}

static inline enum state
state_of(unsigned client)
{
	const struct peer *c = &s.peers[client];

	if (s.p->is_draining)
		return DRAINING;
	if (owes(client, DESTROY, s.n_calls, false))
		return DESTROYING;
	if (owes(client, INIT, s.n_calls, false))
		return LOADING;
	if (has_model(c) && s.p->models[c->model].worker == NULL)
		return DEAD;
	if (any_aborted(client))
		return ABORTED;
	if (has_model(c))
		return owes(client, RUN, s.n_calls, false) ? BUSY : IDLE;
	if (c->was_destroyed)
		return DESTROYED;
	for (unsigned i = 0; i < CLIENTS; i++)
		if (i != client && has_model(&s.peers[i]))
			return OTHERS;
	return NONE;
}

/* Replies. */

static inline bool
is_of_type(const struct json_value *v, char type)
{
	bool yes = false;
	int64_t whole;

	switch (type) {
	case 's':
		return json_type(v) == JSON_STRING;
	case 'n':
		return json_type(v) == JSON_NUMBER;
	case 'i':
		return json_i64(v, &whole);
	case 'b':
		return json_type(v) == JSON_BOOL;
	case 'a':
		return json_type(v) == JSON_ARRAY;
	case 'o':
		return json_type(v) == JSON_OBJECT;
	case 'T':
		return json_bool(v, &yes) && yes;
	default:
		return v != NULL;
	}
}

static inline void
check_shape(const struct json_value *v, const char *shape)
{
	bool may_have_more = false;
	char key[40], type;
	size_t n = 0;
	int used;

	CHECK(json_type(v) == JSON_OBJECT, "%s: no object", shape);
	for (; sscanf(shape, " %39[^: ]%n", key, &used) == 1; n++) {
		shape += used;
		may_have_more = strcmp(key, "+") == 0;
		if (may_have_more)
			break;
		type = shape[1];
		shape += 2;
		CHECK(is_of_type(json_get(v, key), type), "%s: not %c", key,
		    type);
	}
	CHECK(may_have_more || json_count(v) == n, "%zu members, not %zu",
	    json_count(v), n);
}

#define STREAM_SHAPE                                             \
	"text:? token_id:i last_hidden_layer:o logits:o perf:o " \
	"_callback_state:i"
#define PERF_SHAPE                                               \
	"prefill_time_ms:n prefill_tokens:i generate_time_ms:n " \
	"generate_tokens:i memory_usage_mb:n"

/* The run is over, and nothing of it was lost or said twice. */
static inline void
check_last(struct asked *c, const struct said *said)
{
	const struct said *heard = &c->heard;

	CHECK(heard->n <= said->n &&
		memcmp(heard->text, said->text, heard->n) == 0,
	    "%s: heard %.*s", c->id, (int)heard->n, heard->text);
	if (said->is_over)
		CHECK(heard->n == said->n && heard->n_tokens == said->n_tokens,
		    "%s: %u tokens of %u", c->id, heard->n_tokens,
		    said->n_tokens);
}

static inline void
check_stream(struct asked *c, const struct json_value *result)
{
	struct said *said = &s.p->said[c - s.calls];
	struct str text = STR("");
	bool has_text = json_str(json_get(result, "text"), &text);
	int64_t state;

	CHECK(c->owes_stream, "%s: one after the last", c->id);
	check_shape(result, STREAM_SHAPE);
	check_shape(json_get(result, "perf"), PERF_SHAPE);
	(void)json_i64(json_get(result, "_callback_state"), &state);
	CHECK(state >= 0 && state <= 2, "%s: state %d", c->id, (int)state);
	CHECK(has_text == (state == 0) || (c->verdict & MAYBE),
	    "%s: text in state %d", c->id, (int)state);
	if (state == 2) {
		c->owes_stream = false;
		if (c->is_marked)
			check_last(c, said);
		return;
	}
	c->heard.n_tokens++;
	CHECK(c->heard.n + text.n < SAID_MAX, "too much text");
	memcpy(c->heard.text + c->heard.n, text.p, text.n);
	c->heard.n += text.n;
}

static inline bool
is_served(const struct method_row *row)
{
	return method_find(str_of(row->name)) != NULL;
}

/* Whether a call may be answered by that error. */
static inline bool
may_fail(const struct asked *c, int64_t code)
{
	const struct peer *peer = &s.peers[c->client];
	/* The worker may have: which one said so is not known of all. */
	bool is_failed = c->kind == RUN &&
	    (!c->is_marked || s.p->said[c - s.calls].is_failed);
	unsigned flags;

	if (c->row == NULL)
		return code == c->code;
	flags = c->row->flags;
	if (!is_served(c->row))
		return code == -32601;
	switch (code) {
	case -32602:
		return (c->verdict & (BAD | MAYBE)) || is_failed;
	case -32000:
		return (flags & MODEL) &&
		    (!is_sure(c->client) || !has_model(peer) || s.p->is_rough ||
			c->batch != 0);
	case -32001:
		return c->kind == INIT;
	case -32002:
		return flags & (WORK | BUSIES);
	case -32003:
		return c->is_aborted;
	case -32004:
		return (flags & FILES) || (c->verdict & MAYBE);
	case -32005:
		return (c->verdict & MAYBE) || is_failed;
	case -32006:
		return flags & STREAM;
	case -32603: /* the keeper had no memory */
		return c->kind == INIT;
	default:
		return false;
	}
}

static inline void
check_error(struct asked *c, const struct json_value *error)
{
	const struct json_value *data = json_get(error, "data"), *v;
	struct json_iter it = json_iter(data);
	struct str key, message;
	int64_t code = 0;

	errors++;
	CHECK(json_i64(json_get(error, "code"), &code), "%s: no code", c->id);
	CHECK(json_str(json_get(error, "message"), &message) && message.n > 0,
	    "%s: no message", c->id);
	CHECK(json_count(error) == (data == NULL ? 2 : 3), "more in an error");
	CHECK(data == NULL || json_count(data) > 0, "empty data");
	while (json_next(&it, &key, &v))
		CHECK(((str_is(key, "field") || str_is(key, "crash_id")) &&
			  is_of_type(v, 's')) ||
			(str_is(key, "retry_after_ms") && is_of_type(v, 'i')),
		    "data.%.*s", (int)key.n, key.p);
	CHECK(may_fail(c, code), "%s %s: error %d: %.*s",
	    c->row == NULL ? "broken" : c->row->name, c->id, (int)code,
	    (int)message.n, message.p);
	/* A run of a batch may fail before the array is whole that says it was
	 * begun. */
	c->owes_answer &= c->batch != 0 && !s.is_in_array;
	c->owes_stream = false;
}

/* What the result says of the client's state; i: the call's number. */
static inline void
check_state(struct asked *c, unsigned i, const struct json_value *result)
{
	struct peer *peer = &s.peers[c->client];
	bool runs = owes(c->client, RUN, i, false), said = false;

	if (!is_sure(c->client) || c->batch != 0)
		return;
	CHECK(!(c->row->flags & MODEL) || has_model(peer) ||
		(c->kind == DESTROY && s.p->is_rough),
	    "%s works without a model", c->row->name);
	CHECK(!(c->row->flags & WORK) || c->kind == RUN || !s.p->is_draining,
	    "%s works while the server stops", c->row->name);
	CHECK((c->kind != INIT && c->kind != DESTROY) || !runs,
	    "%s is done while something runs", c->row->name);
	if (c->kind == RUNNING || c->kind == ABORT) {
		(void)json_bool(
		    json_get(
			result, c->kind == ABORT ? "success" : "is_running"),
		    &said);
		CHECK(said == runs, "%s: %d, but %d", c->row->name, said, runs);
	}
}

static inline void
change_state(struct asked *c, unsigned i)
{
	struct peer *peer = &s.peers[c->client];

	if (c->kind == INIT) {
		CHECK(c->model >= 0, "%s: loaded what is not there", c->id);
		peer->model = c->model;
		peer->model_id = s.p->models[c->model].id;
	} else if (c->kind == DESTROY) {
		peer->model = -1;
		peer->was_destroyed = true;
	} else if (c->kind == ABORT) {
		for (unsigned n = 1; n < i; n++)
			if (s.calls[n].client == c->client &&
			    s.calls[n].owes_stream)
				s.calls[n].is_aborted = true;
	}
}

static inline void
check_result(struct asked *c, const struct json_value *result)
{
	unsigned i = (unsigned)(c - s.calls);
	bool is_first =
	    c->owes_answer && json_get(result, "_callback_state") == NULL;

	CHECK(c->row != NULL && !(c->verdict & (BAD | NO_FILE)), "%s: no error",
	    c->id);
	CHECK(!!is_served(c->row), "%s", c->row->name);
	if (c->kind == RUN && !is_first) {
		check_stream(c, result);
		return;
	}
	CHECK(c->owes_answer, "%s: answered twice", c->id);
	c->owes_answer = false;
	check_shape(
	    result, c->kind == RUN ? "success:T message:s" : c->row->shape);
	check_state(c, i, result);
	change_state(c, i);
}

static inline struct asked *
call_of(unsigned client, struct str id)
{
	for (unsigned i = 1; i < s.n_calls; i++)
		if (s.calls[i].client == client && id.n > 0 &&
		    str_is(id, s.calls[i].id))
			return &s.calls[i];
	return NULL;
}

/* An error without an id: those come in the order of what was wrong. */
static inline void
check_null(struct peer *c, const struct json_value *error)
{
	int64_t code = 0;

	CHECK(c->nulls_owed < c->n_nulls, "one null too many");
	CHECK(json_i64(json_get(error, "code"), &code) &&
		code == c->nulls[c->nulls_owed],
	    "null: %d", (int)code);
	c->nulls_owed++;
}

/* One response; id: as it stands in the text. */
static inline void
check_response(unsigned client, struct str id, const struct json_value *v)
{
	const struct json_value *result = json_get(v, "result");
	const struct json_value *error = json_get(v, "error");
	struct asked *c = call_of(client, id);
	struct str version;

	replies++;
	if (c != NULL)
		c->may_be_lost = false;
	CHECK(json_type(v) == JSON_OBJECT && json_count(v) == 3 &&
		json_str(json_get(v, "jsonrpc"), &version) &&
		str_is(version, "2.0") && (result == NULL) != (error == NULL),
	    "no response");
	if (c == NULL) {
		CHECK(str_is(id, "null") && error != NULL,
		    "a reply to nobody: %.*s", (int)id.n, id.p);
		check_null(&s.peers[client], error);
		return;
	}
	CHECK(c->owes_answer || c->owes_stream, "%s: one too many", c->id);
	if (error != NULL)
		check_error(c, error);
	else
		check_result(c, result);
}

/* The replies of a batch: all of them, and nothing else. */
static inline void
check_array(unsigned client, const struct json_value *v)
{
	struct json_iter it = json_iter(v);
	const struct json_value *one;
	unsigned batch = 0;
	struct buf id;

	CHECK(json_count(v) > 0, "an empty array");
	buf_init(&id, 64);
	s.is_in_array = true;
	while (json_next(&it, NULL, &one)) {
		struct asked *c;

		buf_reset(&id);
		json_put_value(&id, json_get(one, "id"));
		c = call_of(client, buf_str(&id));
		CHECK(c != NULL && c->batch != 0 &&
			(batch == 0 || batch == c->batch),
		    "not of this batch: %.*s", (int)buf_len(&id),
		    (const char *)buf_data(&id));
		batch = c->batch;
		check_response(client, buf_str(&id), one);
	}
	s.is_in_array = false;
	for (unsigned i = 1; i < s.n_calls; i++)
		CHECK(s.calls[i].batch != batch || !s.calls[i].owes_answer,
		    "not in its array: %s", s.calls[i].id);
	buf_done(&id);
}

/* A line of a client's. */
static inline void
check_line(unsigned client, struct str line)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":";
	const struct json_value *v;
	struct json_doc *doc;
	const char *end, *error;

	CHECK(json_parse(line.p, line.n, &json_limits_request, &doc, NULL) == 0,
	    "no JSON: %.*s", (int)line.n, line.p);
	v = json_root(doc);
	if (json_type(v) == JSON_ARRAY) {
		check_array(client, v);
	} else {
		CHECK(strncmp(line.p, head, strlen(head)) == 0, "%.*s",
		    (int)line.n, line.p);
		line.p += strlen(head);
		end = strstr(line.p, ",\"result\":");
		error = strstr(line.p, ",\"error\":");
		if (end == NULL || (error != NULL && error < end))
			end = error;
		CHECK(end != NULL, "no result and no error");
		check_response(
		    client, (struct str){ line.p, (size_t)(end - line.p) }, v);
	}
	json_free(doc);
}

#endif

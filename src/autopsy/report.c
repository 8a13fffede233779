/*
 * Everything in the page is a stranger's: counts are cut to what there is
 * room for, texts go through the JSON writer's escapes.
 */
#include "autopsy/report.h"

#include "autopsy/signals.h"
#include "json/write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
key_hex(struct json_out *o, const char *key, uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "0x%" PRIx64, v);
	json_key_cstr(o, key, text);
}

static struct str
bounded(const char *text, size_t max)
{
	return (struct str){ text, strnlen(text, max) };
}

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void
put_head(struct json_out *o, const struct obituary *w)
{
	time_t t = (time_t)w->died_unix;
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_key_str(o, "id", w->id);
	json_key_cstr(o, "time", text);
	json_key_str(o, "version", w->version);
	json_key_str(o, "process", w->process);
	json_key_u64(o, "pid", w->pid);
	json_key_text(o, "model", w->model);
	json_key_text(o, "path", w->path);
	json_key_text(o, "arch", w->arch);
	json_key_str(o, "what", w->what);
	json_key_text(o, "cause", w->cause);
}

/* Of the keeper's knowledge first; what the page says, where it agrees. */
static void
put_signal(struct json_out *o, const struct report *r)
{
	const struct obituary *w = r->what;
	const struct lastwords *l = r->words;
	bool is_told = l != NULL && l->state != LASTWORDS_NONE &&
	    w->by_signal && l->signo == w->number;

	json_key_cstr(
	    o, "signal", w->by_signal ? signals_name(w->number) : NULL);
	json_key_cstr(
	    o, "code", is_told ? signals_code(l->signo, l->code) : NULL);
	if (is_told && l->code > 0 && w->number != SIGSYS)
		key_hex(o, "address", l->address);
	else
		json_key_null(o, "address");
	if (is_told && l->code <= 0)
		json_key_u64(o, "sender", (uint64_t)(uint32_t)l->sender);
	else
		json_key_null(o, "sender");
	if (is_told && w->number == SIGSYS)
		json_key_i64(o, "system_call", l->call);
	if (!w->by_signal && w->number >= 0)
		json_key_i64(o, "exit_status", w->number);
	else
		json_key_null(o, "exit_status");
	json_key_bool(o, "core", w->core);
}

static void
put_figures(struct json_out *o, const struct report *r)
{
	const struct obituary *w = r->what;

	json_key_u64(o, "age_ms", w->age_ms);
	json_key_u64(o, "deaths", w->deaths);
	json_key_u64(o, "rss_kib", r->words != NULL ? r->words->rss_kib : 0);
	json_key_u64(o, "peak_kib", w->peak_kib);
	json_key_u64(o, "cpu_ms", w->cpu_ms);
	json_key_u64(o, "units_done", w->n_done);
	json_key_u64(o, "tokens", w->n_tokens);
	json_key_u64(o, "prompt_tokens", w->n_prompt);
	json_key_u64(o, "running", w->running);
}

static void
put_doing(struct json_out *o, const struct report *r)
{
	const struct lastwords *l = r->words;
	uint32_t step = l == NULL ? STEP_NONE : atomic_load(&l->step);
	bool is_batch = step == STEP_CHUNK || step == STEP_TOKENS;
	uint32_t n = is_batch ? least(l->n_batch, LASTWORDS_BATCH) : 0;

	json_key_str(o, "phase", r->what->phase);
	if (str_is(r->what->phase, "load"))
		json_key_u64(o, "load_percent", r->what->percent);
	json_key_cstr(o, "doing", lastwords_step_name(step));
	json_key_u64(o, "batch_tokens", is_batch ? l->n_tokens : 0);
	json_key(o, "batch_sequences");
	json_open(o, '[');
	for (uint32_t i = 0; i < n; i++) {
		json_item(o);
		json_put_i64(o->b, l->batch[i]);
	}
	json_close(o, ']');
	if (l != NULL && l->gen != 0)
		json_key_u64(o, "generation", l->gen);
	else
		json_key_null(o, "generation");
}

/* The sequence that a generation had; -1. */
static int32_t
seat_of(const struct lastwords *l, uint64_t gen)
{
	for (uint32_t i = 0; l != NULL && i < LASTWORDS_SEQS; i++)
		if (atomic_load(&l->seats[i]) == gen)
			return (int32_t)i;
	return -1;
}

static bool
was_computed(const struct lastwords *l, int32_t seq, uint64_t gen)
{
	uint32_t step = l == NULL ? STEP_NONE : atomic_load(&l->step);

	if (step == STEP_SUBMIT || step == STEP_SAMPLE)
		return atomic_load(&l->gen) == gen;
	if (seq < 0 || (step != STEP_CHUNK && step != STEP_TOKENS))
		return false;
	for (uint32_t i = 0; i < least(l->n_batch, LASTWORDS_BATCH); i++)
		if (l->batch[i] == seq)
			return true;
	return false;
}

/* The part of s before the next tab; s goes on after it. */
static struct str
cut(struct str *s)
{
	const char *tab = memchr(s->p, '\t', s->n);
	struct str head = { s->p, tab == NULL ? s->n : (size_t)(tab - s->p) };
	size_t used = tab == NULL ? s->n : head.n + 1;

	s->p += used;
	s->n -= used;
	return head;
}

static void
put_request(
    struct json_out *o, const struct lastwords *l, uint64_t gen, struct str s)
{
	int32_t seq = seat_of(l, gen);

	json_item(o);
	json_open(o, '{');
	json_key_u64(o, "generation", gen);
	json_key(o, "sequence");
	if (seq >= 0)
		json_put_i64(o->b, seq);
	else
		json_put_cstr(o->b, NULL);
	json_key_bool(o, "computed", was_computed(l, seq, gen));
	json_key_text(o, "request", cut(&s));
	json_key_text(o, "client", cut(&s));
	json_close(o, '}');
}

/* The front's list; without one (it died too), the worker's own. */
static void
put_requests(struct json_out *o, const struct report *r)
{
	struct cursor c = strs_walk(r->what->suspects);
	const struct lastwords *l = r->words;
	bool is_told = false;
	char number[24];
	struct str s;

	json_key(o, "requests");
	json_open(o, '[');
	while (strs_next(&c, &s)) {
		struct str head = cut(&s);

		(void)snprintf(
		    number, sizeof(number), "%.*s", (int)head.n, head.p);
		put_request(o, l, strtoull(number, NULL, 10), s);
		is_told = true;
	}
	for (uint32_t i = 0; !is_told && l != NULL && i < LASTWORDS_SEQS; i++)
		if (l->seats[i] != 0)
			put_request(o, l, l->seats[i], STR(""));
	json_close(o, ']');
}

static void
put_log(struct json_out *o, const struct lastwords *l)
{
	uint32_t n = l == NULL ? 0 : atomic_load(&l->n_lines);
	uint32_t from = n > LASTWORDS_LINES ? n - LASTWORDS_LINES : 0;

	json_key(o, "log");
	json_open(o, '[');
	for (uint32_t i = from; i < n; i++) {
		const char *line = l->lines[i % LASTWORDS_LINES];
		struct str s = bounded(line, LASTWORDS_LINE);

		while (s.n > 0 && s.p[s.n - 1] == '\n')
			s.n--;
		json_item(o);
		json_put_str(o->b, s);
	}
	json_close(o, ']');
}

static void
put_frame(struct json_out *o, const struct frame *f)
{
	json_item(o);
	json_open(o, '{');
	key_hex(o, "pc", f->pc);
	json_key_text(o, "function", str_of(f->function));
	if (f->file[0] != '\0') {
		json_key_cstr(o, "file", f->file);
		json_key_i64(o, "line", f->line);
	}
	json_key_text(o, "module", str_of(f->module));
	key_hex(o, "offset", f->offset);
	if (f->is_guess)
		json_key_bool(o, "guess", true);
	json_close(o, '}');
}

static void
put_frames(struct json_out *o, struct frames *f, uint32_t i)
{
	static struct frame v[FRAMES_MAX];
	size_t n = f == NULL ? 0 : frames_of(f, i, v);

	json_key(o, "frames");
	json_open(o, '[');
	for (size_t k = 0; k < n; k++)
		put_frame(o, &v[k]);
	json_close(o, ']');
}

static void
put_registers(struct json_out *o, const struct lastwords_thread *t)
{
	uint32_t n = least(t->n_regs, LASTWORDS_REGS);

	json_key(o, "registers");
	json_open(o, '{');
	for (uint32_t i = 0; i < n; i++)
		key_hex(o, signals_register(i), t->regs[i]);
	json_close(o, '}');
}

/* Only while nobody has unwound it: clients' words may be in it. */
static void
put_stack(struct json_out *o, struct lastwords *l, uint32_t i)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t max;
	const uint8_t *p = lastwords_stack(l, i, &max);
	uint32_t n = least(l->threads[i].n_stack, max);

	key_hex(o, "stack_at", l->threads[i].stack_at);
	json_key(o, "stack");
	buf_puts(o->b, "\"");
	for (uint32_t k = 0; k < n; k++) {
		buf_put_u8(o->b, (uint8_t)hex[p[k] >> 4]);
		buf_put_u8(o->b, (uint8_t)hex[p[k] & 15]);
	}
	buf_puts(o->b, "\"");
}

static void
put_thread(struct json_out *o, const struct report *r, uint32_t i)
{
	static const char *const states[] = {
		[THREAD_FREE] = "unknown",
		[THREAD_ASKED] = "did not answer",
		[THREAD_CAUGHT] = "no stack",
		[THREAD_WHOLE] = "whole",
	};
	const struct lastwords_thread *t = &r->words->threads[i];
	uint32_t state = atomic_load(&t->state);

	json_item(o);
	json_open(o, '{');
	json_key_i64(o, "tid", t->tid);
	json_key_bool(o, "died", i == 0);
	json_key_cstr(o, "state", state <= THREAD_WHOLE ? states[state] : "?");
	put_frames(o, r->frames, i);
	put_registers(o, t);
	if (r->frames == NULL)
		put_stack(o, r->words, i);
	json_close(o, '}');
}

static void
put_threads(struct json_out *o, const struct report *r)
{
	const struct lastwords *l = r->words;
	uint32_t n = l == NULL || l->state == LASTWORDS_NONE
	    ? 0
	    : least(l->n_threads, LASTWORDS_THREADS);

	json_key(o, "threads");
	json_open(o, '[');
	for (uint32_t i = 0; i < n; i++)
		put_thread(o, r, i);
	json_close(o, ']');
	if (r->frames == NULL && n > 0)
		json_key_str(o, "maps",
		    bounded(l->maps, least(l->n_maps, LASTWORDS_MAPS)));
}

/* A signal from outside hits any thread; what counts is the main one. */
static uint32_t
main_thread(const struct report *r)
{
	const struct lastwords *l = r->words;
	uint32_t n = least(l->n_threads, LASTWORDS_THREADS);

	if (l->signo == 0 || l->code > 0 || l->sender == (int32_t)r->what->pid)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		if (l->threads[i].tid == (int32_t)r->what->pid)
			return i;
	return 0;
}

static void
put_where(struct json_out *o, const struct report *r)
{
	static struct frame v[FRAMES_MAX];
	const struct frame *f = NULL;
	char text[512];

	if (r->frames != NULL && r->words->n_threads > 0)
		f = frames_top(v, frames_of(r->frames, main_thread(r), v));
	if (f == NULL) {
		json_key_null(o, "where");
		return;
	}
	if (f->function[0] != '\0' && f->file[0] != '\0')
		(void)snprintf(text, sizeof(text), "%s (%s:%d)", f->function,
		    f->file, f->line);
	else if (f->function[0] != '\0')
		(void)snprintf(
		    text, sizeof(text), "%s (%s)", f->function, f->module);
	else
		(void)snprintf(text, sizeof(text), "%s+0x%" PRIx64,
		    f->module[0] != '\0' ? f->module : "?", f->offset);
	json_key_cstr(o, "where", text);
}

void
report_put(struct buf *b, const struct report *r)
{
	struct json_out o = json_out(b);
	const struct lastwords *l = r->words;

	json_open(&o, '{');
	put_head(&o, r->what);
	put_signal(&o, r);
	put_where(&o, r);
	put_doing(&o, r);
	put_requests(&o, r);
	put_figures(&o, r);
	json_key_text(&o, "abort",
	    l == NULL ? STR("")
		      : bounded(l->abort_text, sizeof(l->abort_text)));
	put_log(&o, l);
	json_key_cstr(&o, "autopsy", r->autopsy);
	put_threads(&o, r);
	json_close(&o, '}');
	buf_puts(b, "\n");
}

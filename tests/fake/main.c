#include "fake.h"

#include "base/clock.h"
#include "base/log.h"

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_MS 5 /* how often the file that ends a hold is looked for */
#define UNREAD_MAX (256u * KIB)

static struct worker worker;

static void
set_phase(struct worker *w, enum progress_phase phase)
{
	if (atomic_load(&w->progress->phase) == phase)
		return;
	progress_begin(w->progress, phase, 0);
	progress_bump(w->progress);
}

static void
on_term(int signo)
{
	(void)signo;
	_exit(0);
}

static void
must(int e, const char *what)
{
	if (e != 0 && e != ERR_EOF && e != ERR_IO)
		errx(2, "%s: %s", what, err_text(e));
}

void
gen_step(struct worker *w, const struct gen *g, struct buf *out)
{
	static char text[65536];
	struct step s = { .gen = g->id,
		.token = TOKEN_BASE + (int32_t)g->n_out };
	size_t n = (size_t)snprintf(text, sizeof(text), "%llu:%u",
	    (unsigned long long)g->seed, g->n_out);
	struct buf tops, parts;

	while (n + 1 < w->script.size && n + 1 < sizeof(text))
		text[n++] = '.';
	text[n++] = ' ';
	s.text = s.piece = (struct str){ text, n };
	buf_init(&tops, 64 * KIB);
	if (g->mirostat != 0) {
		s.flags |= STEP_MU;
		s.mu = (float)(g->n_out + 1);
	}
	if (g->want_logprobs) {
		struct step_top t = { .token = s.token,
			.logprob = -1.0f,
			.piece = { text, n > 100 ? 100 : n } };

		for (uint8_t i = 0; i < g->n_tops; i++)
			step_top_put(&tops, &t);
		s.flags |= STEP_LOGPROBS;
		s.logprob = -1.0f;
		s.piece.n = t.piece.n;
		s.n_tops = g->n_tops;
		s.tops = buf_str(&tops);
	}
	buf_init(&parts, 128 * KIB);
	if (g->has_parts) {
		parts_of(&w->script, g, s.text, &parts);
		s.flags |= STEP_PARTS;
		s.text = buf_str(&parts);
	}
	step_put(out, &s);
	buf_done(&parts);
	buf_done(&tops);
}

/* Sends the next rows of g; how many. */
static uint32_t
send_rows(struct worker *w, const struct gen *g)
{
	uint32_t cols =
	    g->mode == MODE_HIDDEN ? w->script.embd : w->script.vocab;
	uint32_t left = g->n_prompt - g->n_out;
	uint32_t n = left < w->script.rows ? left : w->script.rows;
	struct gen_rows r = { .gen = g->id,
		.mode = g->mode,
		.n_cols = cols,
		.n_rows = g->n_prompt,
		.first = g->n_out };
	struct buf b;

	buf_init(&b, 16 * MIB);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < cols; j++)
			buf_put_f32(
			    &b, (float)(g->n_out + i) + (float)j / 1024);
	r.data = buf_str(&b);
	must(chan_send(w->front, MSG_GEN_ROWS, &r, -1), "GEN_ROWS");
	buf_done(&b);
	return n;
}

static void
end(struct worker *w, struct gen *g, uint8_t reason)
{
	struct gen_done d = { .gen = g->id,
		.reason = reason,
		.text = STR(""),
		.stop = STR(""),
		.n_prompt = g->n_prompt,
		.n_out = g->mode == MODE_GENERATE ? g->n_out : 0,
		.prefill_us = 1000,
		.decode_us = 1000,
		.peak_kib = 1000 };
	struct gen copy = *g;

	if (reason != REASON_CANCEL)
		(void)fault_at(w, AT_LAST, g, 0, STR(""));
	must(chan_send(w->front, MSG_GEN_DONE, &d, -1), "GEN_DONE");
	*g = w->gens[--w->n_gens];
	(void)fault_at(w, AT_DONE, &copy, 0, STR(""));
}

/* A reason why the record cannot be a resume of what we sent; or NULL. */
static const char *
check_resume(const struct gen_submit *s, struct str prompt)
{
	if (s->input != INPUT_TOKENS && s->tokens.n != prompt.n)
		return "another number of prompt tokens";
	for (uint32_t i = 0; s->input != INPUT_TOKENS && i < prompt.n; i++)
		if (s->tokens.p[i] != (uint8_t)prompt.p[i])
			return "another prompt token";
	for (uint32_t i = 0; i < s->done.n; i++)
		if (s->done.p[i] != TOKEN_BASE + (int32_t)i)
			return "another token done";
	if (s->mirostat != 0 && s->done.n > 0 && s->mu != (float)s->done.n)
		return "another mu";
	return NULL;
}

static void
refuse(struct worker *w, uint64_t id, int code, const char *field,
    const char *text)
{
	struct gen_failed f = { .gen = id,
		.err = code,
		.field = str_of(field),
		.text = str_of(text) };

	must(chan_send(w->front, MSG_GEN_FAILED, &f, -1), "GEN_FAILED");
}

static void
say_started(struct worker *w, const struct gen *g, const struct gen_submit *s,
    struct str prompt)
{
	struct gen_started st = { .gen = g->id };
	int32_t *ids = calloc(prompt.n + 1, sizeof(*ids));

	if (ids == NULL)
		err(2, "prompt");
	for (size_t i = 0; i < prompt.n; i++)
		ids[i] = (uint8_t)prompt.p[i];
	if (!s->resume && s->input == INPUT_TOKENS)
		st.prompt = s->tokens;
	else if (!s->resume)
		st.prompt = (struct i32s){ ids, (uint32_t)prompt.n };
	must(chan_send(w->front, MSG_GEN_STARTED, &st, -1), "GEN_STARTED");
	free(ids);
}

/* What it leaves of a prompt is no prompt cache, but a file. */
static void
save(struct worker *w, uint32_t id)
{
	struct worker_saved s = { .id = id, .size = 5 };

	for (unsigned i = 0; id != 0 && i < MAX_SAVES; i++) {
		if (w->saves[i].id != id)
			continue;
		/* Where there is no jail. */
		if (pwrite(w->saves[i].fd, "saved", s.size, 0) < 0)
			err(2, "what is to be saved");
		(void)close(w->saves[i].fd);
		w->saves[i].id = 0;
		must(chan_send(w->keeper, MSG_WORKER_SAVED, &s, -1),
		    "WORKER_SAVED");
	}
}

static void
keep_save(struct worker *w, const struct worker_attach *a, struct frame *f)
{
	for (unsigned i = 0; i < MAX_SAVES; i++)
		if (w->saves[i].id == 0) {
			w->saves[i].id = a->id;
			w->saves[i].fd = f->fds[0];
			f->fds[0] = -1;
			return;
		}
	errx(2, "too many saves");
}

static void
on_submit(struct worker *w, const struct frame *f)
{
	struct gen_submit s;
	struct str prompt;
	struct gen *g;
	const char *wrong;

	if (frame_unpack(f, &s) != 0)
		errx(2, "GEN_SUBMIT cannot be unpacked");
	prompt = s.input == INPUT_CHAT ? s.messages : s.prompt;
	if (w->n_gens == MAX_GENS) {
		refuse(w, s.gen, ERR_BUSY, "", "no slot");
		return;
	}
	g = &w->gens[w->n_gens];
	*g = (struct gen){ .id = s.gen,
		.seed = s.seed,
		.n_prompt =
		    s.input == INPUT_TOKENS ? s.tokens.n : (uint32_t)prompt.n,
		.n_out = s.resume ? s.done.n + s.rows_done : 0,
		.n_max = s.max_tokens,
		.want_logprobs = s.want_logprobs,
		.n_tops = s.n_top_logprobs,
		.mirostat = s.mirostat,
		.mode = s.mode,
		.has_parts = (s.apart || s.tools.n > 0) &&
		    (w->script.think > 0 || w->script.call > 0) };
	set_phase(w, PHASE_SUBMIT);
	if (fault_at(w, AT_SUBMIT, g, 0, prompt) ||
	    fault_at(w, AT_PROMPT, g, 0, prompt))
		return;
	wrong = s.resume ? check_resume(&s, prompt) : NULL;
	if (wrong != NULL || g->n_prompt + g->n_out > w->script.context) {
		refuse(w, s.gen, wrong != NULL ? ERR_INTERNAL : ERR_CONTEXT,
		    "prompt", wrong != NULL ? wrong : "longer than n_ctx");
		return;
	}
	w->n_gens++;
	say_started(w, g, &s, prompt);
	(void)fault_at(w, AT_STARTED, g, 0, STR(""));
	save(w, s.save);
}

static struct gen *
find(struct worker *w, const struct frame *f)
{
	struct gen_cancel id;

	if (frame_unpack(f, &id) != 0)
		errx(2, "a frame cannot be unpacked");
	for (uint32_t i = 0; i < w->n_gens; i++)
		if (w->gens[i].id == id.gen)
			return &w->gens[i];
	return NULL;
}

static void
on_front_frame(struct worker *w, const struct frame *f)
{
	struct gen *g;

	if (f->msg == MSG_GEN_SUBMIT) {
		on_submit(w, f);
		return;
	}
	g = find(w, f);
	log_info("%s", msg_row(f->msg)->name);
	if (g == NULL)
		return;
	if (f->msg == MSG_GEN_CANCEL && !w->script.deaf_cancel)
		end(w, g, REASON_CANCEL);
	else if (f->msg != MSG_GEN_CANCEL && !w->script.deaf_park)
		g->is_parked = f->msg == MSG_GEN_PARK;
}

static void
say_ready(struct worker *w)
{
	struct worker_ready r = { .arch = STR("fake"),
		.desc = STR("a fake worker's"),
		.n_ctx = w->script.context,
		.n_ctx_train = w->script.context,
		.n_vocab = w->script.vocab,
		.n_embd = w->script.embd,
		.n_embd_out = w->script.embd,
		.n_threads = 1,
		.n_threads_batch = 1,
		.exact = 1,
		.has_template = 1,
		.n_params = 1,
		.size = 1 };

	r.n_seq = w->script.slots != 0 ? w->script.slots : w->load.n_seq;
	if (r.n_seq == 0)
		r.n_seq = SLOTS;
	r.chunk = w->load.chunk;
	w->ready_at = 0;
	(void)fault_at(w, AT_LOAD, NULL, 0, STR(""));
	if (w->is_stalled)
		return;
	atomic_store(&w->progress->percent, 100);
	must(chan_send(w->keeper, MSG_WORKER_READY, &r, -1), "WORKER_READY");
	w->is_ready = true;
	(void)fault_at(w, AT_READY, NULL, 0, STR(""));
}

static void
on_load(struct worker *w, struct frame *f)
{
	if (frame_unpack(f, &w->load) != 0 || f->fds[0] < 0)
		errx(2, "WORKER_LOAD is wrong");
	(void)snprintf(w->path, sizeof(w->path), "%.*s", (int)w->load.path.n,
	    w->load.path.p);
	script_read(&w->script, f->fds[0], script_life(w->path));
	(void)signal(SIGTERM, w->script.deaf_term ? SIG_IGN : on_term);
	(void)signal(SIGABRT, w->script.deaf_abort ? SIG_IGN : SIG_DFL);
	atomic_store(&w->progress->p99_step_us, 1000 * w->script.p99);
	set_phase(w, PHASE_LOAD);
	w->ready_at = clock_ms() + w->script.load;
}

static void
on_attach(struct worker *w, struct frame *f)
{
	struct worker_attached r = { .err = 0 };
	struct worker_attach a;
	char text[WORD_MAX] = "";

	if (frame_unpack(f, &a) != 0 || f->fds[0] < 0)
		errx(2, "WORKER_ATTACH is wrong");
	set_phase(w, PHASE_ATTACH);
	log_info("attach %u", a.id);
	if (a.kind != ATTACH_SAVE &&
	    fault_of_file(w, f->fds[0], text, sizeof(text)))
		r.err = ERR_FILE;
	if (a.kind == ATTACH_SAVE)
		keep_save(w, &a, f);
	r.id = a.id;
	r.text = str_of(text);
	if (w->is_stalled)
		return;
	must(chan_send(w->keeper, MSG_WORKER_ATTACHED, &r, -1),
	    "WORKER_ATTACHED");
	set_phase(w, PHASE_IDLE);
}

static void
on_detach(struct worker *w, struct frame *f)
{
	struct worker_detach d;

	if (frame_unpack(f, &d) != 0)
		errx(2, "WORKER_DETACH is wrong");
	for (unsigned i = 0; i < MAX_SAVES; i++)
		if (w->saves[i].id == d.id) {
			(void)close(w->saves[i].fd);
			w->saves[i].id = 0;
		}
	log_info("detach %u", d.id);
}

static void
on_keeper_frame(struct worker *w, struct frame *f)
{
	if (f->msg == MSG_WORKER_LOAD) {
		on_load(w, f);
	} else if (f->msg == MSG_WORKER_ATTACH) {
		on_attach(w, f);
	} else if (f->msg == MSG_WORKER_DETACH) {
		on_detach(w, f);
	} else {
		chan_free(w->front);
		w->n_gens = 0;
		w->front =
		    chan_new(f->fds[0], PROC_WORKER, PROC_FRONT, 64 * MIB);
		f->fds[0] = -1;
	}
}

/* Takes every frame that is whole; false when the channel has ended. */
static bool
take(struct worker *w, struct chan *c,
    void (*fn)(struct worker *w, struct frame *f))
{
	struct frame f;
	int e = 0;

	while (!w->is_stalled && (e = chan_recv(c, &f)) == 0) {
		fn(w, &f);
		frame_close(&f);
	}
	if (e == ERR_PROTO)
		errx(2, "a peer broke the protocol");
	return e == 0 || e == ERR_AGAIN;
}

static void
on_front(struct worker *w, struct frame *f)
{
	on_front_frame(w, f);
}

/* Whether g has a token to give now. */
static bool
may_step(struct worker *w, struct gen *g)
{
	char go[sizeof(w->path) + 4];

	if (g->is_held) {
		(void)snprintf(go, sizeof(go), "%s.go", w->path);
		g->is_held = access(go, F_OK) != 0;
		progress_bump(w->progress); /* as if it got on */
	}
	return !g->is_held && !g->is_parked;
}

static uint32_t
most_of(const struct worker *w, const struct gen *g)
{
	return g->mode == MODE_GENERATE ? w->script.tokens : UINT32_MAX;
}

static uint32_t
budget_of(const struct gen *g)
{
	if (g->mode != MODE_GENERATE)
		return g->n_prompt;
	return g->n_max != 0 ? g->n_max : UINT32_MAX;
}

static void
end_those_done(struct worker *w)
{
	for (uint32_t i = w->n_gens; i-- > 0;) {
		struct gen *g = &w->gens[i];

		if (!may_step(w, g))
			continue;
		if (g->n_out >= most_of(w, g))
			end(w, g, REASON_EOS);
		else if (g->n_out >= budget_of(g))
			end(w, g, REASON_LENGTH);
	}
}

/* One token of each generation that may have one, in one frame. */
static void
step(struct worker *w)
{
	struct buf out;

	buf_init(&out, 16 * MIB);
	for (uint32_t i = 0; i < w->n_gens; i++) {
		struct gen *g = &w->gens[i];

		g->in_step = false;
		if (!may_step(w, g))
			continue;
		(void)fault_at(w, AT_FRAME, g, g->n_out + 1, STR(""));
		if (g->is_held || w->is_stalled)
			continue;
		if (g->mode != MODE_GENERATE) {
			g->n_out += send_rows(w, g);
		} else {
			gen_step(w, g, &out);
			g->n_out++;
		}
		g->in_step = true;
		atomic_fetch_add(&w->progress->count, 1);
		atomic_fetch_add(&w->progress->tokens, 1);
	}
	if (buf_len(&out) > 0)
		must(chan_send_packed(w->front, MSG_GEN_STEP, buf_data(&out),
			 buf_len(&out), -1),
		    "GEN_STEP");
	buf_done(&out);
	for (uint32_t i = 0; i < w->n_gens; i++)
		if (w->gens[i].in_step)
			(void)fault_at(w, AT_TOKEN, &w->gens[i],
			    w->gens[i].n_out, STR(""));
}

static void
work(struct worker *w)
{
	uint64_t now = clock_ms();

	if (w->is_stalled)
		return;
	if (w->ready_at != 0 && now < w->ready_at)
		atomic_store(&w->progress->percent,
		    100 -
			(uint32_t)((w->ready_at - now) * 100 / w->script.load));
	else if (w->ready_at != 0)
		say_ready(w);
	if (w->front == NULL || w->n_gens == 0 || now < w->step_at ||
	    chan_waiting(w->front) > UNREAD_MAX)
		return;
	set_phase(w, PHASE_DECODE);
	w->step_at = now + w->script.pause;
	end_those_done(w);
	step(w);
	end_those_done(w);
}

static bool
is_blocked(const struct worker *w)
{
	return w->front != NULL && chan_waiting(w->front) > UNREAD_MAX;
}

/* How long nothing can happen but what poll(2) tells. */
static int
idle_ms(struct worker *w)
{
	if (w->is_stalled)
		return -1;
	if (w->ready_at != 0)
		return TURN_MS;
	for (uint32_t i = 0; i < w->n_gens; i++)
		if (!w->gens[i].is_parked)
			return w->script.pause != 0 || w->gens[i].is_held ||
				is_blocked(w)
			    ? TURN_MS
			    : 0;
	return -1;
}

static void
turn(struct worker *w)
{
	struct pollfd p[2] = { { chan_fd(w->keeper), POLLIN, 0 },
		{ w->front == NULL ? -1 : chan_fd(w->front), POLLIN, 0 } };

	if (w->is_stalled)
		p[0].events = p[1].events = 0;
	if (w->front != NULL && chan_waiting(w->front) > 0)
		p[1].events |= POLLOUT;
	if (w->is_ready && (idle_ms(w) < 0 || is_blocked(w)) && !w->is_stalled)
		set_phase(w, PHASE_IDLE);
	(void)poll(p, 2, idle_ms(w));
	if (!take(w, w->keeper, on_keeper_frame) ||
	    (w->is_stalled && (p[0].revents & POLLHUP)))
		_exit(0);
	if (w->front != NULL && chan_flush(w->front) == 0 &&
	    take(w, w->front, on_front)) {
		work(w);
		return;
	}
	if (w->front != NULL) {
		log_info("the front is gone");
		chan_free(w->front);
		w->front = NULL;
		w->n_gens = 0;
	}
	work(w);
}

int
main(void)
{
	struct worker *w = &worker;

	log_init("fake-worker", LOG_INFO);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGTERM, on_term);
	w->keeper = chan_new(CHANNEL_FD, PROC_WORKER, PROC_KEEPER, MIB);
	w->progress = progress_map(PROGRESS_FD);
	if (w->keeper == NULL || w->progress == NULL)
		errx(2, "not started by the keeper");
	for (;;)
		turn(w);
}

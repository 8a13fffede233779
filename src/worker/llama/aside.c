#include "worker/llama/aside.h"
#include "worker/say.h"

#include "worker/knobs.h"
#include "worker/llama/decode.h"
#include "worker/llama/prompt.h"

#include <stdlib.h>

#define PIECE_ROOM 4096u
#define ANSWER_MAX (15u << 20) /* bytes; of a GEN_DONE */

struct aside {
	const struct model *m;
	const struct gen_submit *s;
	struct prompt prompt;
	struct buf answer;
	struct fail *why;
};

static void
put_pieces(struct aside *a)
{
	char room[PIECE_ROOM];

	for (uint32_t i = 0; i < a->prompt.n; i++)
		strs_put(&a->answer,
		    model_piece(
			a->m, a->prompt.room[i], true, room, sizeof(room)));
}

static int
make_tokens(struct aside *a)
{
	int err;

	a->prompt.n_room = ASIDE_TOKENS_MAX;
	a->prompt.may_be_empty = true;
	a->prompt.room = calloc(ASIDE_TOKENS_MAX, sizeof(*a->prompt.room));
	if (a->prompt.room == NULL)
		return ERR_NOMEM;
	err = prompt_tokens(a->m, a->s, &a->prompt, a->why);
	if (err == 0 && a->s->want_pieces)
		put_pieces(a);
	return err;
}

/* Of tokens, as they are; of a conversation, as its template makes it. */
static int
make_text(struct aside *a)
{
	struct i32s t = a->s->tokens;
	char room[PIECE_ROOM];
	int err;

	if (a->s->input == INPUT_CHAT)
		return prompt_text(a->m, a->s, &a->answer, a->why);
	err = knobs_check_tokens(t, a->m->n_vocab, "tokens", a->why);
	for (uint32_t i = 0; err == 0 && i < t.n; i++)
		buf_put_str(&a->answer,
		    model_piece(a->m, t.p[i], true, room, sizeof(room)));
	return err;
}

static int
make(struct aside *a)
{
	const struct gen_submit *s = a->s;
	int err;

	if (s->input == 0 || s->input >= INPUT_END ||
	    s->input == INPUT_EMBEDS || s->history.n > 0)
		return fail_set(a->why, ERR_INVALID, "input",
		    "input: %u, of which there are no tokens", s->input);
	if (s->prompt.n > ASIDE_TEXT_MAX || s->parts.packed.n > ASIDE_TEXT_MAX)
		return fail_set(a->why, ERR_TOO_BIG, "content",
		    "content: a text may have %u bytes here", ASIDE_TEXT_MAX);
	err = s->mode == MODE_TEXT ? make_text(a) : make_tokens(a);
	if (err == 0)
		err = buf_err(&a->answer);
	if (err == ERR_TOO_BIG && a->why->code == 0)
		return fail_set(a->why, err, NULL,
		    "the answer would have more than %u bytes", ANSWER_MAX);
	if (err != 0 && a->why->code == 0)
		return fail_set(a->why, err, NULL, "%s", err_text(err));
	return err;
}

static void
say(const struct aside *a, const struct engine_events *to)
{
	struct gen_started started = { .gen = a->s->gen,
		.prompt = { a->prompt.room, a->prompt.n } };
	struct gen_done done = { .gen = a->s->gen,
		.reason = REASON_LENGTH,
		.text = buf_str(&a->answer),
		.n_prompt = a->prompt.n };

	to->on_started(to->arg, &started);
	to->on_done(to->arg, &done);
}

void
aside_run(const struct model *m, const struct engine_events *to,
    const struct gen_submit *s)
{
	struct fail why = { 0 };
	struct aside a = { .m = m, .s = s, .why = &why };

	buf_init(&a.answer, ANSWER_MAX);
	if (make(&a) == 0)
		say(&a, to);
	else
		engine_say_failed(to, s->gen, &why);
	chat_form_free(a.prompt.form);
	free(a.prompt.room);
	buf_done(&a.answer);
}

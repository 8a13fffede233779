#include "worker/rkllm/setup.h"

#include <stdlib.h>
#include <string.h>

void
setup_done(struct setup *s)
{
	for (int i = 0; i < SETUP_TEXTS; i++)
		free(s->text[i]);
	*s = (struct setup){ .kind = SETUP_MODEL };
}

bool
setup_copy(struct setup *to, const struct setup *from)
{
	struct setup s = *from;
	bool is_whole = true;

	for (int i = 0; i < SETUP_TEXTS; i++) {
		s.text[i] =
		    from->text[i] != NULL ? strdup(from->text[i]) : NULL;
		is_whole =
		    is_whole && (s.text[i] == NULL) == (from->text[i] == NULL);
	}
	if (!is_whole) {
		setup_done(&s);
		return false;
	}
	setup_done(to);
	*to = s;
	return true;
}

static bool
is_same(const struct setup *a, const struct setup *b, enum setup_text first,
    enum setup_text last)
{
	for (int i = (int)first; i <= (int)last; i++) {
		const char *one = a->text[i] != NULL ? a->text[i] : "";
		const char *other = b->text[i] != NULL ? b->text[i] : "";

		if (strcmp(one, other) != 0)
			return false;
	}
	return true;
}

/* Of one kind to another there is no way either: nobody says that tools undo a
 * template. */
bool
setup_must_reload(
    const struct setup *now, const struct setup *want, bool reads_text)
{
	if (reads_text && now->kind != SETUP_MODEL && now->kind != want->kind)
		return true;
	if (want->has_marks && !is_same(now, want, SETUP_START, SETUP_CONTENT))
		return true;
	return now->has_cross != want->has_cross;
}

static int
tell(struct lib *l, const struct setup *s, struct fail *why)
{
	if (s->kind == SETUP_OWN)
		return lib_set_chat_template(
		    l, s->text[SETUP_SYSTEM], "", "", why);
	return lib_set_function_tools(l, s->text[SETUP_SYSTEM],
	    s->text[SETUP_FUNCTIONS], s->text[SETUP_RESPONSE], why);
}

int
setup_tell(struct lib *l, struct setup *now, const struct setup *want,
    struct fail *why)
{
	struct setup next = *want;
	int err;

	if (want->kind == SETUP_MODEL ||
	    (want->kind == now->kind &&
		is_same(now, want, SETUP_SYSTEM, SETUP_RESPONSE)))
		return 0;
	/* What init was told stays. */
	next.has_cross = now->has_cross;
	for (int i = SETUP_START; i < SETUP_TEXTS; i++)
		next.text[i] = now->text[i];
	err = tell(l, want, why);
	if (err == 0 && !setup_copy(now, &next))
		err = fail_set(why, ERR_NOMEM, NULL, "out of memory");
	return err;
}

void
setup_param(const struct setup *s, struct lib_param *ret)
{
	ret->use_cross_attn = s->has_cross;
	ret->img_start = s->text[SETUP_START];
	ret->img_end = s->text[SETUP_END];
	ret->img_content = s->text[SETUP_CONTENT];
}

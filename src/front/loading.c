#include "front/loading.h"

#include "front/front.h"
#include "front/model.h"
#include "front/want.h"

bool
loading_is_on(const struct model *m)
{
	switch (m->state.status) {
	case MODEL_STARTING:
	case MODEL_UP:
	case MODEL_RESTARTING:
		/* What was let go is told as it was until the keeper knows. */
		return m->stay.state != STAY_GOING;
	default:
		return stay_is_wanted(&m->stay) || want_is_for(m);
	}
}

/* It stays loaded without a user, like one that a request has had loaded. */
static void
on_want(void *arg, struct model *m, const struct fail *why)
{
	(void)arg;
	(void)why; /* the keeper has logged it, and the model's state says it */
	if (m != NULL)
		model_drop(m);
}

int
loading_begin(struct model *m, struct fail *why)
{
	struct front *f = m->front;

	if (f->is_draining)
		return fail_set(why, ERR_STOPPING, NULL,
		    "the server is stopping; it takes no new work");
	if (loading_is_on(m))
		return fail_set(
		    why, ERR_INVALID, "model", "model: is already running");
	if (model_is_out(m))
		return model_failure(m, why);
	if (model_want(f, m->state.name, 0, on_want, NULL) == NULL)
		return fail_set(why, ERR_NOMEM, NULL, "out of memory");
	return 0;
}

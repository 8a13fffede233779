/* The part of model.h that has to do with those who want a model. */
#include "keeper/model.h"
#include "keeper/modelattach.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define REFS_MAX 4096u /* users who wait for one model to load */

static bool
add_ref(struct model *m, uint32_t ref)
{
	uint32_t *refs;

	if (m->n_refs == REFS_MAX)
		return false;
	refs = realloc(m->refs, (m->n_refs + 1) * sizeof(*refs));
	if (refs == NULL)
		return false;
	m->refs = refs;
	m->refs[m->n_refs++] = ref;
	m->users++;
	return true;
}

bool
model_unjoin(struct model *m, uint32_t ref)
{
	for (uint32_t i = 0; i < m->n_refs; i++) {
		if (m->refs[i] != ref)
			continue;
		m->n_refs--;
		m->users--;
		memmove(m->refs + i, m->refs + i + 1,
		    (m->n_refs - i) * sizeof(*m->refs));
		return true;
	}
	return false;
}

void
model_refuse(struct model *m, const struct fail *why)
{
	char when[FAIL_WHEN];

	log_warn("%s%s", why->text, fail_when(why->retry_ms, when));
	m->fail = *why;
	m->is_refused = true;
	modelattach_fail(m);
	model_tell(m);
	m->is_refused = false;
	m->fail.code = 0;
	if (model_may_rest(m))
		model_tell(m);
	else if (m->users == 0)
		model_leave(m, false);
}

void
model_wake(struct model *m)
{
	struct fail why = { .code = 0 };

	if (modelroom_want(m, &why) != 0)
		model_refuse(m, &why);
}

void
model_join(struct model *m, uint32_t ref)
{
	if (!add_ref(m, ref)) {
		struct model_state st = {
			.ref = ref,
			.status = MODEL_FAILED,
			.err = ERR_BUSY,
			.text = STR("too many wait for this model to load"),
		};

		(void)m->in->ops->to_front(m->in->arg, &st, -1);
		return;
	}
	if (m->place.state != PLACE_IN)
		model_wake(m);
	else if (super_state(m->super) == CHILD_DOWN &&
	    (m->fail.code == 0 || model_pause(m) == 0))
		model_start(m);
	else
		model_tell(m);
}

void
model_leave(struct model *m, bool hurry)
{
	bool is_down = super_state(m->super) == CHILD_DOWN;

	if (!m->is_leaving) {
		m->is_leaving = true;
		modelroom_unwant(m);
		(void)modelroom_let_go(m);
		modelattach_fail(m);
		model_tell(m);
		if (super_state(m->super) == CHILD_UP)
			log_info("model %s: unloading", m->name);
	}
	/* Nothing below may touch m afterwards: the event may free it. */
	if (is_down)
		model_free(m);
	else
		super_event(m->super, hurry ? CHILD_EV_HURRY : CHILD_EV_STOP);
}

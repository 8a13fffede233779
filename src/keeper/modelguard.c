/*
 * Who opens a guarded file for writing waits until its worker is dead. Mostly
 * it is changed then, and the streams of the old one end. But it may have been
 * opened only: so the next worker, whom the streams wait for, is not given the
 * file before it is closed again, and only if it is what it was.
 */
#include "keeper/modelguard.h"

#include "base/clock.h"
#include "base/log.h"
#include "keeper/model.h"

#define LENT_MAX_MS 1000u /* open for longer: it is being changed */

static int
fail_wanted(struct model *m)
{
	return fail_set(&m->fail, ERR_FILE, "model",
	    "model %.240s: is being changed while it is served; the next "
	    "request loads it anew",
	    m->path);
}

static void
lend(struct model *m, struct process *p)
{
	log_warn("model %s: somebody opens %s for writing; its worker (pid %d) "
		 "has to go, its streams wait whether it is changed",
	    m->name, m->path, (int)process_pid(p));
	process_blame(p, "its file was opened for writing");
	m->is_lent = true;
}

/* True if its worker has to go. What was never served has no streams. */
static bool
is_lost(struct model *m, struct process *p)
{
	enum modelfile_news news =
	    m->is_guarded ? modelfile_look(&m->file) : MODELFILE_UNKNOWN;

	switch (news) {
	case MODELFILE_SAME:
		return false;
	case MODELFILE_SOON:
		timer_set(m->in->look, MODELFILE_SOON_MS);
		return false;
	case MODELFILE_WANTED:
		if (m->file.is_local && m->up_ms != 0)
			lend(m, p);
		else
			(void)fail_wanted(m);
		return true;
	default:
		return modelfile_check(&m->file, m->path, &m->fail) != 0 ||
		    modelparts_check(&m->parts, m->path, &m->fail) != 0;
	}
}

void
modelguard_look(struct model *m)
{
	struct process *p = super_process(m->super);

	if (p == NULL || m->fail.code != 0)
		return;
	if (!m->is_lent && is_lost(m, p))
		process_kill(p);
	else if (m->is_lent && super_state(m->super) == CHILD_STARTING)
		model_give_file(m);
}

int
modelguard_claim(struct model *m)
{
	bool was_lent = m->is_lent;
	int err = 0;

	/* Several files are looked at instead. */
	err = modelparts_claim(&m->parts, m->path, &m->fail);
	if (err != 0)
		return err;
	m->is_guarded = m->parts.n == 0 && modelfile_guard(&m->file);
	/* Whatever is different now may be a change. */
	if (was_lent && !modelfile_is_untouched(&m->file))
		err = fail_wanted(m);
	else if (!was_lent)
		err = modelfile_check(&m->file, m->path, &m->fail);
	else if (!m->is_guarded && clock_ms() - m->lent_ms >= LENT_MAX_MS)
		err = fail_wanted(m);
	else if (!m->is_guarded)
		err = ERR_AGAIN;
	if (err == 0)
		err = adapters_check(&m->adapters, &m->fail);
	m->is_lent = err == ERR_AGAIN;
	if (!m->is_guarded)
		timer_set(m->in->look,
		    err == ERR_AGAIN ? MODELFILE_SOON_MS : LOOK_MS);
	return err;
}

#include "front/admit.h"

#include "base/clock.h"
#include "front/client.h"
#include "front/front.h"
#include "front/model.h"
#include "front/poison.h"
#include "front/ticket.h"

#include <stdio.h>

#define WAIT_MIN_MS 1000u
#define WAIT_MAX_MS (3600u * 1000)
#define MEAN_OF 8u /* the last few count most in the running mean */

static int
refuse(struct fail *why, uint64_t wait_ms, const char *text)
{
	(void)fail_set(why, ERR_BUSY, NULL, "%s; try again in %llu s", text,
	    (unsigned long long)(wait_ms + 999) / 1000);
	why->retry_ms = wait_ms < WAIT_MAX_MS ? (uint32_t)wait_ms : WAIT_MAX_MS;
	return ERR_BUSY;
}

static int
check_client(struct front *f, struct client *c, struct fail *why)
{
	uint32_t rate = client_rate(c, &f->config);
	uint32_t tokens = client_tokens(c, &f->config);
	uint64_t now = clock_ms(), ms;
	char text[128];

	ms = client_penalty(c, now);
	if (ms > 0) {
		f->metrics.refused_poison_total++;
		return refuse(why, ms,
		    "requests of this client have killed workers again and "
		    "again");
	}
	ms = bucket_wait(&c->requests, rate, 1, now);
	if (ms > 0) {
		f->metrics.refused_rate_total++;
		(void)snprintf(text, sizeof(text),
		    "this client may start %u generations a minute", rate);
		return refuse(why, ms, text);
	}
	ms = bucket_wait(&c->tokens, tokens, 1, now);
	if (ms > 0) {
		f->metrics.refused_rate_total++;
		(void)snprintf(text, sizeof(text),
		    "this client may use %u tokens a minute", tokens);
		return refuse(why, ms, text);
	}
	return 0;
}

uint32_t
admit_context(const struct model *m)
{
	return m == NULL || m->chan == NULL ? 0 : m->state.n_ctx;
}

static int
check_request(struct model *m, const struct gen_submit *req, struct fail *why)
{
	const struct poison_row *row =
	    poison_find(&m->front->poison, m->state.model, req, clock_ms());

	if (row == NULL)
		return 0;
	m->front->metrics.refused_poison_total++;
	(void)fail_set(why, ERR_POISON, NULL,
	    "this very request killed its workers a short while ago (%s%s); "
	    "it is not tried again now",
	    row->crash[0] != '\0' ? "crash " : "see the server's log",
	    row->crash);
	(void)snprintf(why->crash, sizeof(why->crash), "%s", row->crash);
	return ERR_POISON;
}

int
admit_model(const struct model *m, const struct client *c, struct fail *why)
{
	struct cursor in = strs_walk(m->state.aliases);
	struct str alias;

	if (client_may_use(c, m->state.name))
		return 0;
	while (strs_next(&in, &alias))
		if (client_may_use(c, alias))
			return 0;
	return fail_set(why, ERR_DENIED, "model",
	    "model: the API key \"%s\" is not for \"%.*s\"", c->name,
	    (int)(m->state.name.n < 200 ? m->state.name.n : 200),
	    m->state.name.p);
}

int
admit_check(struct model *m, const struct gen_order *order,
    const struct gen_submit *req, struct fail *why)
{
	struct front *f = m->front;
	struct client *c = order->client;
	int err;

	if (f->is_draining)
		return fail_set(why, ERR_STOPPING, NULL,
		    "the server is stopping; it takes no new work");
	err = admit_model(m, c, why);
	if (err != 0)
		return err;
	if (model_is_out(m))
		return model_failure(m, why);
	if (!journal_has_room(&f->journal))
		return fail_set(why, ERR_BUSY, NULL,
		    "what runs and waits fills --journal-max; try again later");
	err = check_request(m, req, why);
	if (err == 0 && !order->is_counted)
		err = check_client(f, c, why);
	if (err == 0 && !order->is_counted)
		bucket_take(
		    &c->requests, client_rate(c, &f->config), 1, clock_ms());
	return err;
}

uint32_t
admit_wait(const struct model *m)
{
	uint64_t slots = m->state.n_seq > 0 ? m->state.n_seq : 1;
	uint64_t ms = m->service_ms * (queue_len(&m->queue) + 1) / slots;

	if (ms < WAIT_MIN_MS)
		return WAIT_MIN_MS;
	return ms < WAIT_MAX_MS ? (uint32_t)ms : WAIT_MAX_MS;
}

int
admit_full(const struct model *m, const struct queue *q, struct fail *why)
{
	uint32_t ms = admit_wait(m);

	m->front->metrics.refused_full_total++;
	(void)fail_set(why, ERR_BUSY, NULL,
	    "%u requests wait for this model already, the limit is %u; try "
	    "again in %u s",
	    q->n_new, m->front->config.queue_max, (ms + 999) / 1000);
	why->retry_ms = ms;
	return ERR_BUSY;
}

void
admit_note(struct model *m, uint64_t ms)
{
	if (m->service_ms == 0)
		m->service_ms = ms;
	else
		m->service_ms = (m->service_ms * (MEAN_OF - 1) + ms) / MEAN_OF;
}

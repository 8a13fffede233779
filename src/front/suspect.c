#include "front/suspect.h"

#define ALONE_AT 2u	 /* deaths from which on it runs alone */
#define CONVICT_AT 4u	 /* deaths */
#define KILLS_A_DEATH 4u /* from outside, that count as one */

void
company_add(struct company *c, const struct suspect *s, bool is_parked)
{
	/* What is not computed kills nobody, and gets no token to wait for. */
	if (is_parked)
		return;
	c->n_computed++;
	if (s->deaths > c->deaths)
		c->deaths = s->deaths;
	if (s->deaths > 0 && s->sent_ms > c->since)
		c->since = s->sent_ms;
}

uint64_t
suspect_wait(const struct suspect *s, const struct company *c, uint64_t now_ms)
{
	if (c->deaths >= ALONE_AT)
		return UINT64_MAX;
	if (s->deaths >= ALONE_AT && c->n_computed > 0)
		return UINT64_MAX;
	if (c->deaths == 0 || now_ms - c->since >= SUSPECT_GRACE_MS)
		return 0;
	return SUSPECT_GRACE_MS - (now_ms - c->since);
}

void
suspect_on_death(struct suspect *s, const struct company *c)
{
	/* Only a parked one that has just gone on can have company here, and
	 * that death proves nothing. */
	s->is_counted = s->deaths < ALONE_AT || c->n_computed <= 1;
	s->deaths += s->is_counted;
}

void
suspect_on_excuse(struct suspect *s)
{
	if (!s->is_counted)
		return;
	s->is_counted = false;
	if (++s->kills % KILLS_A_DEATH != 0)
		s->deaths--;
}

bool
suspect_is_convicted(const struct suspect *s)
{
	return s->deaths >= CONVICT_AT;
}

void
suspect_on_token(struct suspect *s)
{
	s->deaths = 0;
	s->kills = 0;
}

void
suspect_on_conviction(struct suspect *s)
{
	if (s->deaths < ALONE_AT)
		s->deaths = 0;
}

uint32_t
suspect_rank(const struct suspect *s, bool was_started, bool has_token)
{
	/* Most deaths; then what the worker was just reading, then prompts. */
	return s->deaths * 4 + (was_started ? 0 : 2) + (has_token ? 0 : 1);
}

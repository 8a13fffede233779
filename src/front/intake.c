#include "front/intake.h"

#include "front/client.h"
#include "front/front.h"

static void
count(struct front *f, struct client *c, size_t *share, size_t n)
{
	f->intake = f->intake - *share + n;
	c->intake = c->intake - *share + n;
	*share = n;
}

static double
mib(uint64_t bytes)
{
	return (double)bytes / (double)MIB;
}

static int
refuse(const struct front *f, const struct client *c, struct fail *why)
{
	(void)fail_set(why, ERR_BUSY, NULL,
	    "no memory for this request: requests that are being received and "
	    "conversations have %.1f MiB, %.1f MiB of them this client's; all "
	    "together may have %.1f MiB (--input-max), a client at most half "
	    "and no more than is left free; try again, or send fewer large "
	    "ones at once",
	    mib(f->intake), mib(c->intake), mib(f->config.input_max));
	why->retry_ms = INTAKE_RETRY_MS;
	return ERR_BUSY;
}

int
intake_hold(struct front *f, struct client *c, size_t *share, size_t n,
    struct fail *why)
{
	size_t counted = n > INTAKE_FREE ? n - INTAKE_FREE : 0;
	uint64_t more = counted > *share ? counted - *share : 0;

	/* c's and everybody's, with this. */
	if (more > 0 &&
	    c->intake + more + f->intake + more > f->config.input_max)
		return refuse(f, c, why);
	count(f, c, share, counted);
	return 0;
}

void
intake_drop(struct front *f, struct client *c, size_t *share)
{
	count(f, c, share, 0);
}

/*
 * bulkhead-probe - reads the head of one model's file, so that nobody else has
 * to before somebody wants it served.
 *
 * The keeper starts it with the file as descriptor 3 and memory for the answer
 * as descriptor 4 (wire/probe.h). It opens nothing, so it locks itself in first
 * of all; the keeper ends it when it takes too long. What it reads may be made
 * to deceive: all that it can do then is to answer wrongly.
 *
 * Exits 0 when there is an answer.
 */
#include "probe/answer.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/stray.h"
#include "jail/jail.h"
#include "wire/probe.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static bool
is_told(enum jail_mode *ret_mode)
{
	uint8_t mode;

	if (fd_get(PROBE_ANSWER_FD, &mode, 1) != 1 || mode > JAIL_REQUIRE)
		return false;
	*ret_mode = (enum jail_mode)mode;
	return true;
}

static bool
put_answer(const struct buf *b)
{
	uint32_t n = (uint32_t)buf_len(b);

	return buf_err(b) == 0 && fd_put(PROBE_ANSWER_FD, &n, sizeof(n)) &&
	    fd_put(PROBE_ANSWER_FD, buf_data(b), n);
}

int
main(void)
{
	struct jail_report r = { .landlock_abi = 0 };
	struct str said = { (const char *)&r, sizeof(r) };
	enum jail_mode mode;
	struct buf b;
	bool is_put;

	(void)setpriority(PRIO_PROCESS, 0, 19);
	stray_ignore(NULL);
	log_init("bulkhead-probe", LOG_INFO);
	if (!is_told(&mode)) {
		log_error("not started by the keeper: descriptor %d says "
			  "nothing",
		    PROBE_ANSWER_FD);
		return EXIT_FAILURE;
	}
	jail_lock(JAIL_PROBE, mode, NULL, &r);
	if (mode == JAIL_REQUIRE && report_has_gap(&r)) {
		log_error("--jail require: not all of it is to be had; nothing "
			  "is read");
		return EXIT_FAILURE;
	}
	buf_init(&b, PROBE_MAX - sizeof(uint32_t));
	answer_make(PROBE_FILE_FD, mode != JAIL_OFF ? said : STR(""), &b);
	is_put = put_answer(&b);
	buf_done(&b);
	return is_put ? EXIT_SUCCESS : EXIT_FAILURE;
}

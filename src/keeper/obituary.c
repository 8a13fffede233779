#include "keeper/obituary.h"

#include <stdio.h>
#include <time.h>

const char *
obituary_id(uint64_t unix_s, pid_t pid, char ret[CRASH_ID_SIZE])
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	size_t n;

	if (gmtime_r(&t, &tm) == NULL)
		tm = (struct tm){ .tm_mday = 1, .tm_year = 70 };
	n = strftime(ret, CRASH_ID_SIZE, "%Y%m%d-%H%M%S", &tm);
	(void)snprintf(ret + n, CRASH_ID_SIZE - n, "-%04x", pid & 0xffff);
	return ret;
}

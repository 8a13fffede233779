#include "script.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT_MAX 65536u
#define LIFE_MAX 100000u

struct setting {
	const char *name;
	size_t off;
};

static const struct setting settings[] = {
	{ "tokens", offsetof(struct script, tokens) },
	{ "pause", offsetof(struct script, pause) },
	{ "size", offsetof(struct script, size) },
	{ "embd", offsetof(struct script, embd) },
	{ "vocab", offsetof(struct script, vocab) },
	{ "rows", offsetof(struct script, rows) },
	{ "context", offsetof(struct script, context) },
	{ "slots", offsetof(struct script, slots) },
	{ "think", offsetof(struct script, think) },
	{ "call", offsetof(struct script, call) },
	{ "load", offsetof(struct script, load) },
	{ "p99", offsetof(struct script, p99) },
};

static const char *const places[N_PLACES] = {
	[AT_LOAD] = "load",
	[AT_READY] = "ready",
	[AT_SUBMIT] = "submit",
	[AT_PROMPT] = "prompt",
	[AT_STARTED] = "started",
	[AT_FRAME] = "frame",
	[AT_TOKEN] = "token",
	[AT_LAST] = "last",
	[AT_DONE] = "done",
};

static void
read_place(struct fault *f, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t n = colon == NULL ? strlen(text) : (size_t)(colon - text);

	f->place = N_PLACES;
	for (enum place p = AT_LOAD; p < N_PLACES; p++)
		if (strlen(places[p]) == n && memcmp(places[p], text, n) == 0)
			f->place = p;
	if (f->place == N_PLACES)
		errx(2, "script: no place is called %s", text);
	if (colon == NULL)
		return;
	f->k = (uint32_t)strtoul(colon + 1, NULL, 10);
	(void)snprintf(f->word, sizeof(f->word), "%s", colon + 1);
}

static void
read_fault(struct script *s, const char *line)
{
	struct fault *f = &s->faults[s->n_faults];
	char place[WORD_MAX];

	if (s->n_faults == MAX_FAULTS)
		errx(2, "script: more than %u faults", MAX_FAULTS);
	if (sscanf(line, "at %127s %15s %127[^\n]", place, f->action, f->arg) <
	    2)
		errx(2, "script: %s", line);
	read_place(f, place);
	s->n_faults++;
}

static void
read_deaf(struct script *s, const char *what)
{
	s->deaf_cancel |= strcmp(what, "cancel") == 0;
	s->deaf_park |= strcmp(what, "park") == 0;
	s->deaf_term |= strcmp(what, "term") == 0;
	s->deaf_abort |= strcmp(what, "abort") == 0;
}

static void
read_setting(struct script *s, const char *line)
{
	char name[WORD_MAX], value[WORD_MAX];

	if (sscanf(line, "%127s %127s", name, value) != 2)
		errx(2, "script: %s", line);
	if (strcmp(name, "deaf") == 0) {
		read_deaf(s, value);
		return;
	}
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		uint32_t *at = (void *)((char *)s + settings[i].off);

		if (strcmp(settings[i].name, name) != 0)
			continue;
		*at = (uint32_t)strtoul(value, NULL, 10);
		return;
	}
	errx(2, "script: no setting is called %s", name);
}

/* Takes "life A-B" off the line; whether this life is meant. */
static bool
is_for(const char **line, uint32_t life)
{
	char *p;
	unsigned long first, last;

	if (strncmp(*line, "life ", 5) != 0)
		return true;
	first = last = strtoul(*line + 5, &p, 10);
	if (*p == '-') {
		last = strtoul(p + 1, &p, 10);
		if (last == 0)
			last = ULONG_MAX;
	}
	*line = p + strspn(p, " ");
	return life >= first && life <= last;
}

static void
read_line(struct script *s, const char *line, uint32_t life)
{
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#' || !is_for(&line, life))
		return;
	if (strncmp(line, "at ", 3) == 0)
		read_fault(s, line);
	else
		read_setting(s, line);
}

void
script_read(struct script *s, int fd, uint32_t life)
{
	static char text[SCRIPT_MAX + 1];
	ssize_t n = pread(fd, text, SCRIPT_MAX, 0);
	char *save = NULL;

	*s = (struct script){ .tokens = 8,
		.context = 4096,
		.p99 = 1,
		.embd = 4,
		.vocab = 100000,
		.rows = 1 };
	if (n < 0)
		err(2, "script");
	text[n] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		if (strcmp(line, "GGUF") != 0)
			read_line(s, line, life);
}

uint32_t
script_life(const char *path)
{
	for (uint32_t life = 1; life < LIFE_MAX; life++) {
		char mark[4096];
		int fd;

		(void)snprintf(mark, sizeof(mark), "%s.life%u", path, life);
		fd = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0) {
			(void)close(fd);
			return life;
		}
		if (errno != EEXIST)
			err(2, "%s", mark);
	}
	errx(2, "%s: lived too often", path);
}

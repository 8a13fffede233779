#include "keeper/modelspec.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A template rides in WORKER_LOAD, beside names and paths. */
#define TEMPLATE_MAX (52u * 1024)
#define LIST_MAX (4u * 1024) /* bytes of aliases, or of tags */

static int
read_template(struct modelspec *s, const char *path, struct fail *f)
{
	const char *why = NULL;
	int fd = fd_open_file(AT_FDCWD, path, 0, &why);
	ssize_t n = 0;
	uint8_t *p;

	if (fd < 0)
		return fail_set(f, ERR_FILE, "chat-template-file",
		    "--chat-template-file: %.240s: %s", path, why);
	p = buf_reserve(&s->chat_template, TEMPLATE_MAX);
	if (p == NULL)
		why = "out of memory";
	else if ((n = read(fd, p, TEMPLATE_MAX)) < 0)
		why = strerror(errno);
	else if (n == 0)
		why = "is empty";
	else if (n == (ssize_t)TEMPLATE_MAX)
		why = "is larger than a chat template may be (52K)";
	(void)close(fd);
	if (why != NULL)
		return fail_set(f, ERR_FILE, "chat-template-file",
		    "--chat-template-file: %.240s: %s", path, why);
	buf_commit(&s->chat_template, (size_t)n);
	buf_fit(&s->chat_template);
	return 0;
}

/* The words of a list with commas that are not there yet. */
static void
put_words(struct modelspec *s, const char *list, struct buf *to, bool is_names)
{
	const char *word;
	size_t n;

	for (size_t i = 0; modelconf_word(list, i, &word, &n); i++) {
		struct cursor c = cursor_of(buf_data(to), buf_len(to));
		struct str one, text = { word, n };
		bool is_there = is_names && str_is(text, s->name);

		while (!is_there && strs_next(&c, &one))
			is_there = str_eq(one, text);
		if (!is_there)
			strs_put(to, text);
	}
}

static int
fill(struct modelspec *s, const struct conf *base, const struct preset *preset,
    const char *aliases, struct fail *f)
{
	int err = modelconf_init(&s->conf, base, f);

	/* The command line's are for its own models: on others they do not
	 * fit. */
	if (err == 0 && s->source != SOURCE_OPTION)
		modelconf_forget_adapters(&s->conf);
	if (err == 0)
		err = preset_apply(preset, s->name, &s->conf, f);
	if (err == 0 && s->conf.template_file != NULL)
		err = read_template(s, s->conf.template_file, f);
	if (err != 0)
		return err;
	put_words(s, aliases, &s->aliases, true);
	put_words(s, s->conf.alias, &s->aliases, true);
	put_words(s, s->conf.tags, &s->tags, false);
	if (s->conf.mmproj != NULL)
		s->mmproj = strdup(s->conf.mmproj);
	if (buf_err(&s->aliases) != 0 || buf_err(&s->tags) != 0 ||
	    (s->conf.mmproj != NULL && s->mmproj == NULL))
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	return 0;
}

static struct modelspec *
empty(enum model_source source, const char *path, const char *name)
{
	struct modelspec *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	list_init(&s->link);
	s->source = source;
	buf_init(&s->chat_template, TEMPLATE_MAX);
	buf_init(&s->aliases, LIST_MAX);
	buf_init(&s->tags, LIST_MAX);
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	s->path = strdup(path);
	if (s->path != NULL)
		return s;
	modelspec_free(s);
	return NULL;
}

static int
give(struct modelspec *s, int err, struct modelspec **ret)
{
	if (err == 0)
		*ret = s;
	else
		modelspec_free(s);
	return err;
}

int
modelspec_new(const struct conf *base, const struct preset *preset,
    enum model_source source, const char *path, const char *name,
    const char *aliases, struct modelspec **ret, struct fail *f)
{
	struct modelspec *s = empty(source, path, name);

	if (s == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	return give(s, fill(s, base, preset, aliases, f), ret);
}

int
modelspec_tag(struct modelspec *s, const char *tags, struct fail *f)
{
	put_words(s, tags, &s->tags, false);
	return buf_err(&s->tags) == 0
	    ? 0
	    : fail_set(f, ERR_NOMEM, "", "out of memory");
}

int
modelspec_like(const struct modelspec *of, const char *name,
    struct modelspec **ret, struct fail *f)
{
	struct modelspec *s = empty(SOURCE_CLIENT, of->path, name);
	int err;

	if (s == NULL)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	err = modelconf_copy(&s->conf, &of->conf, f);
	buf_put_str(&s->chat_template, buf_str(&of->chat_template));
	if (err == 0 && buf_err(&s->chat_template) != 0)
		err = fail_set(f, ERR_NOMEM, "", "out of memory");
	return give(s, err, ret);
}

void
modelspec_free(struct modelspec *s)
{
	if (s == NULL)
		return;
	list_remove(&s->link);
	modelconf_done(&s->conf);
	buf_done(&s->chat_template);
	buf_done(&s->aliases);
	buf_done(&s->tags);
	free(s->mmproj);
	free(s->path);
	free(s);
}

bool
modelspec_answers(const struct modelspec *s, const char *name)
{
	struct cursor c =
	    cursor_of(buf_data(&s->aliases), buf_len(&s->aliases));
	struct str one;

	if (strcmp(s->name, name) == 0)
		return true;
	while (strs_next(&c, &one))
		if (str_is(one, name))
			return true;
	return false;
}

bool
modelspec_is_same(const struct modelspec *a, const struct modelspec *b)
{
	return a->source == b->source && strcmp(a->path, b->path) == 0 &&
	    modelconf_is_same(&a->conf, &b->conf) &&
	    str_eq(buf_str(&a->chat_template), buf_str(&b->chat_template));
}

bool
modelspec_is_listed_same(const struct modelspec *a, const struct modelspec *b)
{
	struct str x = str_of(a->mmproj), y = str_of(b->mmproj);

	return str_eq(buf_str(&a->aliases), buf_str(&b->aliases)) &&
	    str_eq(buf_str(&a->tags), buf_str(&b->tags)) && str_eq(x, y) &&
	    a->conf.hidden == b->conf.hidden && strcmp(a->flaw, b->flaw) == 0;
}

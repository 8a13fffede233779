#include "keeper/attach.h"

#include "base/clock.h"
#include "base/log.h"
#include "keeper/cachedir.h"
#include "keeper/quarantine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A death from outside says nothing about the file, but it may be a watcher of
 * memory: the third such try is the last. */
#define TRIES_MAX 3u

enum state {
	WAITING, /* for a worker */
	ASKED,	 /* the present worker was; it has not answered */
	HELD,	 /* the present worker has it */
	WRITTEN, /* ATTACH_SAVE: no worker has more to do with it */
};

struct attachment {
	struct list link;
	uint32_t id;
	uint8_t kind;
	enum state state;
	char *path;
	struct modelfile file;	/* or memory to be written to a file ... */
	struct cachesave *save; /* ... which is this; else NULL */
	struct attachments *in;
	uint32_t users;			/* who were told that it is there */
	uint32_t n_tries;		/* workers that died meanwhile */
	uint32_t refs[ATTACH_REFS_MAX]; /* who wait to be told */
	uint32_t n_refs;
};

void
attach_init(struct attachments *a, const struct attach_ops *ops, void *arg,
    uint32_t model, struct quarantine *bad_files, struct cachedir *dir)
{
	*a = (struct attachments){ .ops = ops,
		.arg = arg,
		.model = model,
		.bad_files = bad_files,
		.dir = dir,
		.last_id = ATTACH_FIRST - 1 };
	list_init(&a->all);
}

static void
attachment_free(struct attachments *a, struct attachment *one)
{
	list_remove(&one->link);
	a->n--;
	cachesave_free(one->save);
	modelfile_close(&one->file);
	free(one->path);
	free(one);
}

void
attach_done(struct attachments *a)
{
	struct list *it, *next;

	LIST_EACH (it, next, &a->all)
		attachment_free(a, LIST_ENTRY(it, struct attachment, link));
}

static void
answer(struct attachments *a, uint32_t ref, uint32_t id, const struct fail *why)
{
	struct model_attached m = { .ref = ref, .model = a->model, .id = id };

	if (why != NULL) {
		m.err = why->code;
		m.text = str_of(why->text);
		m.crash_id = str_of(why->crash);
		m.retry_ms = why->retry_ms;
	}
	a->ops->to_front(a->arg, &m);
}

/* It is there: who waited has it now. */
static void
welcome(struct attachments *a, struct attachment *one)
{
	for (uint32_t i = 0; i < one->n_refs; i++)
		answer(a, one->refs[i], one->id, NULL);
	one->users += one->n_refs;
	one->n_refs = 0;
	one->n_tries = 0;
}

/* It cannot be had: who waited hears why, and who had it that it is lost. */
static void
part(struct attachments *a, struct attachment *one, const struct fail *why)
{
	log_warn("%s", why->text);
	for (uint32_t i = 0; i < one->n_refs; i++)
		answer(a, one->refs[i], one->id, why);
	if (one->users > 0)
		answer(a, 0, one->id, why);
	attachment_free(a, one);
}

static const char *const names[ATTACH_KINDS] = {
	[ATTACH_LORA] = "adapter",
	[ATTACH_CACHE] = "prompt cache",
	[ATTACH_SAVE] = "prompt cache",
};

/* Of a path that a client named. */
static int
as_path(uint8_t kind, const char *text, struct fail *f)
{
	static const char model[] = "model ";
	size_t n = strncmp(text, model, strlen(model)) == 0 ? strlen(model) : 0;

	return fail_set(f, ERR_FILE, "", "%s %s", names[kind], text + n);
}

static int
open_lora(struct attachments *a, const char *path, struct attachment *ret,
    struct fail *f)
{
	struct fail why = { .code = 0 };

	(void)a;
	return modelfile_open(path, &ret->file, &why) == 0
	    ? 0
	    : as_path(ATTACH_LORA, why.text, f);
}

static int
say_of_cache(const char *path, int err, const char *what, struct fail *f)
{
	return fail_set(f, err, "", "prompt cache %.200s: %s", path, what);
}

static int
open_cache(struct attachments *a, const char *path, struct attachment *ret,
    struct fail *f)
{
	struct fail why = { .code = 0 };
	int err = cachedir_open(a->dir, path, &ret->file, &why);

	return err == 0 ? 0 : say_of_cache(path, err, why.text, f);
}

static int
open_save(struct attachments *a, const char *path, struct attachment *ret,
    struct fail *f)
{
	struct fail why = { .code = 0 };
	int err = cachesave_new(a->dir, path, &ret->save, &ret->file.fd, &why);

	return err == 0 ? 0 : say_of_cache(path, err, why.text, f);
}

static int
check_quarantine(const struct attachments *a, uint8_t kind, const char *path,
    const struct modelfile *file, struct fail *f)
{
	struct fail why = { .code = 0 };

	if (quarantine_check(a->bad_files, file, path, clock_ms(), &why) == 0)
		return 0;
	(void)as_path(kind, why.text, f);
	f->retry_ms = why.retry_ms;
	return f->code;
}

/* What is in ret is the caller's, also when it fails. */
static int
open_file(struct attachments *a, uint8_t kind, const char *path,
    struct attachment *ret, struct fail *f)
{
	static int (*const openers[ATTACH_KINDS])(struct attachments *,
	    const char *, struct attachment *, struct fail *) = {
		[ATTACH_LORA] = open_lora,
		[ATTACH_CACHE] = open_cache,
		[ATTACH_SAVE] = open_save,
	};
	int err;

	*ret = (struct attachment){ .kind = kind, .file.fd = -1, .in = a };
	if (kind >= ATTACH_KINDS || openers[kind] == NULL)
		return fail_set(f, ERR_INVALID, "", "no such kind of file");
	err = openers[kind](a, path, ret, f);
	if (err == 0 && kind != ATTACH_SAVE)
		err = check_quarantine(a, kind, path, &ret->file, f);
	return err;
}

static struct attachment *
by_id(const struct attachments *a, uint32_t id)
{
	struct list *it, *next;

	LIST_EACH (it, next, &a->all) {
		struct attachment *one =
		    LIST_ENTRY(it, struct attachment, link);

		if (one->id == id)
			return one;
	}
	return NULL;
}

/* The same file, and its content, as far as can be told. */
static struct attachment *
by_file(const struct attachments *a, uint8_t kind, const struct modelfile *file)
{
	struct list *it, *next;

	LIST_EACH (it, next, &a->all) {
		struct attachment *one =
		    LIST_ENTRY(it, struct attachment, link);

		if (one->kind == kind &&
		    modelfile_is_same(&one->file, &file->st) &&
		    modelfile_is_untouched(&one->file))
			return one;
	}
	return NULL;
}

static uint32_t
count(const struct attachments *a, uint8_t kind)
{
	struct list *it, *next;
	uint32_t n = 0;

	LIST_EACH (it, next, &a->all)
		n += LIST_ENTRY(it, struct attachment, link)->kind == kind;
	return n;
}

static int
check_room(const struct attachments *a, uint8_t kind, struct fail *f)
{
	if (a->n >= ATTACH_MAX)
		return fail_set(f, ERR_BUSY, "",
		    "clients have %u files attached to this model, the limit",
		    a->n);
	if (kind != ATTACH_LORA && count(a, kind) >= ATTACH_CACHES_MAX)
		return fail_set(f, ERR_BUSY, "",
		    "clients have %u prompt caches of this model %s, the limit",
		    ATTACH_CACHES_MAX,
		    kind == ATTACH_CACHE ? "loaded" : "being saved");
	if (kind == ATTACH_LORA &&
	    count(a, kind) + a->n_others >= WORKER_ADAPTERS_MAX)
		return fail_set(f, ERR_BUSY, "",
		    "the model has %u LoRA adapters, the limit; others are "
		    "loaded when clients have gone that use these",
		    WORKER_ADAPTERS_MAX);
	return 0;
}

static void
ask(struct attachments *a, struct attachment *one)
{
	struct worker_attach w = {
		.id = one->id, .kind = one->kind, .path = str_of(one->path)
	};

	one->state = ASKED;
	/* The position is shared with the worker before. */
	(void)lseek(one->file.fd, 0, SEEK_SET);
	a->ops->to_worker(a->arg, MSG_WORKER_ATTACH, &w, one->file.fd);
}

/* What is in opened goes into the one that is made. */
static int
add(struct attachments *a, const char *path, struct attachment *opened,
    struct attachment **ret, struct fail *f)
{
	int err = check_room(a, opened->kind, f);
	struct attachment *one = err == 0 ? malloc(sizeof(*one)) : NULL;
	char *copy = one != NULL ? strdup(path) : NULL;

	if (copy == NULL) {
		free(one);
		return err != 0 ? err : fail_set(f, ERR_NOMEM, "", "no memory");
	}
	*one = *opened;
	*opened = (struct attachment){ .file.fd = -1 };
	one->id = ++a->last_id;
	one->path = copy;
	list_append(&a->all, &one->link);
	a->n++;
	if (a->has_worker)
		ask(a, one);
	*ret = one;
	return 0;
}

static int
find(struct attachments *a, uint8_t kind, const char *path,
    struct attachment **ret, struct fail *f)
{
	struct attachment opened = { .file.fd = -1 };
	int err = kind == ATTACH_SAVE ? check_room(a, kind, f) : 0;

	/* Its place is looked for, and made, only where it may have one. */
	if (err == 0)
		err = open_file(a, kind, path, &opened, f);
	if (err == 0)
		*ret =
		    kind == ATTACH_SAVE ? NULL : by_file(a, kind, &opened.file);
	if (err == 0 && *ret == NULL)
		err = add(a, path, &opened, ret, f);
	cachesave_free(opened.save);
	modelfile_close(&opened.file);
	return err;
}

void
attach_want(struct attachments *a, uint32_t ref, uint8_t kind, const char *path)
{
	struct attachment *one = NULL;
	struct fail why = { .code = 0 };
	int err = find(a, kind, path, &one, &why);

	if (err == 0 && one == NULL)
		err = fail_set(&why, ERR_NOMEM, "", "out of memory");
	else if (err == 0 && one->n_refs == ATTACH_REFS_MAX)
		err = fail_set(&why, ERR_BUSY, "",
		    "too many wait for this file to be loaded");
	if (err != 0 || one == NULL) {
		answer(a, ref, 0, &why);
		return;
	}
	one->refs[one->n_refs++] = ref;
	if (one->state == HELD)
		welcome(a, one);
}

static void
detach(struct attachments *a, const struct attachment *one)
{
	struct worker_detach d = { .id = one->id };

	a->ops->to_worker(a->arg, MSG_WORKER_DETACH, &d, -1);
}

/* Nobody has it any more, or waits for it. */
static void
let_go(struct attachments *a, struct attachment *one)
{
	if (one->state == ASKED || one->state == HELD)
		detach(a, one);
	attachment_free(a, one);
}

void
attach_drop(struct attachments *a, uint32_t id)
{
	struct attachment *one = by_id(a, id);

	if (one == NULL || one->users == 0)
		return;
	if (--one->users == 0 && one->n_refs == 0)
		let_go(a, one);
}

/* Whether the file is still what it was. */
static int
check_file(const struct attachment *one, struct fail *f)
{
	struct fail why;

	if (one->kind == ATTACH_SAVE ||
	    modelfile_check(&one->file, one->path, &why) == 0)
		return 0;
	return fail_set(f, ERR_FILE, "",
	    "%s %s: was changed while it was used; load it again",
	    names[one->kind], one->path);
}

/* What a worker had was read then; the next reads it anew. */
void
attach_give(struct attachments *a)
{
	struct list *it, *next;
	struct fail why;

	a->has_worker = true;
	LIST_EACH (it, next, &a->all) {
		struct attachment *one =
		    LIST_ENTRY(it, struct attachment, link);

		if (one->state == WRITTEN)
			continue;
		if (check_file(one, &why) == 0)
			ask(a, one);
		else
			part(a, one, &why);
	}
}

/* A worker's answer to one that was let go meanwhile is no longer for any. */
static int
check_gone(const struct attachments *a, uint32_t id)
{
	return id >= ATTACH_FIRST && id <= a->last_id ? 0 : ERR_PROTO;
}

static void
as_said(int32_t err, struct str text, struct fail *ret)
{
	(void)fail_set(ret, err < 0 ? err : ERR_FILE, "", "%.*s", (int)text.n,
	    text.n > 0 ? text.p : "");
}

int
attach_on_reply(struct attachments *a, const struct worker_attached *w)
{
	struct attachment *one = by_id(a, w->id);
	struct fail why = { .code = 0 };

	if (one == NULL)
		return check_gone(a, w->id);
	if (one->state != ASKED)
		return ERR_PROTO;
	one->state = HELD;
	if (w->err != 0)
		as_said(w->err, w->text, &why);
	else if (check_file(one, &why) != 0)
		detach(a, one);
	if (why.code == 0)
		welcome(a, one);
	else
		part(a, one, &why);
	return 0;
}

static void
tell_saved(const struct attachment *one, const struct fail *why)
{
	struct attachments *a = one->in;
	struct fail said = { .code = 0 };
	struct model_saved m = { .model = a->model, .id = one->id };

	if (why->code != 0) {
		m.err = say_of_cache(one->path, why->code, why->text, &said);
		log_warn("%s", said.text);
	}
	m.text = str_of(said.text);
	a->ops->saved(a->arg, &m);
}

static void
on_written(void *arg, const struct fail *why)
{
	tell_saved(arg, why);
}

int
attach_on_saved(struct attachments *a, const struct worker_saved *w)
{
	struct attachment *one = by_id(a, w->id);
	struct fail why;

	if (one == NULL)
		return check_gone(a, w->id);
	if (one->kind != ATTACH_SAVE || one->state != HELD)
		return ERR_PROTO;
	one->state = WRITTEN;
	if (w->err == 0) {
		/* A size that the memory has not ends the writing. */
		cachesave_write(
		    one->save, one->file.fd, w->size, on_written, one);
		return 0;
	}
	as_said(w->err, w->text, &why);
	tell_saved(one, &why);
	return 0;
}

static struct attachment *
first_asked(const struct attachments *a)
{
	struct list *it, *next;

	LIST_EACH (it, next, &a->all) {
		struct attachment *one =
		    LIST_ENTRY(it, struct attachment, link);

		if (one->state == ASKED)
			return one;
	}
	return NULL;
}

static void
convict(
    struct attachments *a, struct attachment *one, const struct attach_death *d)
{
	char how[QUARANTINE_HOW];
	struct fail why;

	(void)snprintf(how, sizeof(how), "%.100s, crash %s", d->what, d->crash);
	if (one->kind != ATTACH_SAVE)
		quarantine_add(a->bad_files, &one->file, how, clock_ms());
	(void)fail_set(&why, ERR_FILE, "",
	    "%s %.240s: the worker died while it read it: %.120s",
	    names[one->kind], one->path, d->what);
	(void)snprintf(why.crash, sizeof(why.crash), "%s", d->crash);
	part(a, one, &why);
}

bool
attach_on_death(struct attachments *a, const struct attach_death *d)
{
	struct attachment *culprit = d->was_reading ? first_asked(a) : NULL;
	struct list *it, *next;

	a->has_worker = false;
	if (culprit != NULL &&
	    (!d->was_outside || ++culprit->n_tries == TRIES_MAX))
		convict(a, culprit, d);
	LIST_EACH (it, next, &a->all) {
		struct attachment *one =
		    LIST_ENTRY(it, struct attachment, link);

		if (one->state != WRITTEN)
			one->state = WAITING;
	}
	return culprit != NULL;
}

void
attach_fail(struct attachments *a, const struct fail *why)
{
	struct list *it, *next;

	LIST_EACH (it, next, &a->all) {
		struct attachment *one =
		    LIST_ENTRY(it, struct attachment, link);

		for (uint32_t i = 0; i < one->n_refs; i++)
			answer(a, one->refs[i], one->id, why);
		one->n_refs = 0;
		if (one->users == 0)
			attachment_free(a, one);
	}
}

void
attach_forget(struct attachments *a)
{
	struct list *it, *next;

	LIST_EACH (it, next, &a->all)
		let_go(a, LIST_ENTRY(it, struct attachment, link));
}

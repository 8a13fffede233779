/*
 * bulkhead crashes - the obituaries of processes that died: all in a line
 * each, or one of them whole. It reads their folder; no server has to run.
 */
#include "base/fd.h"
#include "base/status.h"
#include "cli/command.h"
#include "cli/crashes.h"
#include "conf/crashdir.h"
#include "conf/help.h"
#include "json/write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (8u << 20)
#define ID_LEN 20u /* 20261122-140233-1a2b */

#define CRASHES_TABLE(O)                                                       \
	O("Options", true, json, FLAG, "json", NULL, NULL, "off", 0, 1, NULL,  \
	    "as JSON")                                                         \
	O(NULL, true, crash_dir, STR, "crash-dir", NULL, "BULKHEAD_CRASH_DIR", \
	    NULL, 1, 4095, "DIR",                                              \
	    "where they are (the user's state, a service's)")                  \
	O(NULL, true, help, FLAG, "help", "h", NULL, "off", 0, 1, NULL,        \
	    "this")                                                            \
	O(NULL, false, words, STRS, "", NULL, NULL, NULL, 0, 64, "ID",         \
	    "one of them")

#define CRASHES_MEMBER(group, common, member, kind, ...) setting_##kind member;
struct crashes_options {
	CRASHES_TABLE(CRASHES_MEMBER)
};
#undef CRASHES_MEMBER

#define CRASHES_ROW(...) SETTING_ROW(crashes_options, __VA_ARGS__),
static const struct setting rows[] = { CRASHES_TABLE(CRASHES_ROW) };
#undef CRASHES_ROW
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

struct folder {
	char path[PATH_MAX];
	int fd;
	char (*ids)[ID_LEN + 1]; /* the oldest first */
	size_t n;
};

static void
help(void)
{
	(void)puts(
	    "usage: bulkhead crashes [options] [ID]\n"
	    "Lists the processes that died, the latest last; with an ID, or "
	    "its end: all that is\nknown of that death. \"last\" is the "
	    "latest.");
	settings_help(rows, N_ROWS, false, stdout);
	(void)puts("example:\n"
		   "  bulkhead crashes last");
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool
take_name(struct folder *d, const char *name)
{
	void *more;

	if (strlen(name) != ID_LEN + 5 || name[8] != '-' || name[15] != '-' ||
	    name[0] == '.' || strcmp(name + ID_LEN, ".json") != 0)
		return true;
	more = realloc(d->ids, (d->n + 1) * sizeof(*d->ids));
	if (more == NULL)
		return false;
	d->ids = more;
	(void)memcpy(d->ids[d->n], name, ID_LEN);
	d->ids[d->n++][ID_LEN] = '\0';
	return true;
}

static int
read_folder(struct folder *d, struct fail *f)
{
	int copy = dup(d->fd);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	bool is_good = dir != NULL;

	while (is_good && (e = readdir(dir)) != NULL)
		is_good = take_name(d, e->d_name);
	if (dir != NULL)
		(void)closedir(dir);
	if (!is_good)
		return fail_set(f, ERR_NOMEM, "", "out of memory");
	if (d->n > 0)
		qsort(d->ids, d->n, sizeof(*d->ids), by_id);
	return 0;
}

/* One that was named must be there; of the others, the first that is. None at
 * all is no error: nothing has died yet. */
static int
open_folder(
    struct folder *d, const char *wish, char *const envp[], struct fail *f)
{
	if (!crashdir_find(wish, envp, d->path))
		return fail_set(f, ERR_INVALID, "crash-dir",
		    "--crash-dir %s: not a folder", wish != NULL ? wish : "");
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0 && wish == NULL && errno == ENOENT) {
		(void)snprintf(
		    d->path, sizeof(d->path), "%s", CRASHDIR_SERVICE);
		d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (d->fd < 0 && errno == ENOENT)
			return 0;
	}
	if (d->fd < 0)
		return fail_set(f, ERR_FILE, "crash-dir", "%.240s: %s%s",
		    d->path, strerror(errno),
		    errno == EACCES ? "; try as the server's user"
				    : "; --crash-dir DIR says where they are");
	return read_folder(d, f);
}

/* The obituary of that id; its text's memory is the document's. */
static int
read_one(const struct folder *d, const char *id, struct json_doc **ret,
    struct fail *f)
{
	static const struct json_limits limits = {
		.bytes = FILE_MAX, .values = 1u << 20, .depth = 16, .nul = true
	};
	struct fail bad = { .text = "" };
	const char *why = "is larger than an obituary may be";
	char name[ID_LEN + 6];
	struct stat st;
	char *text = NULL;
	size_t n = 0;
	int err = ERR_FILE;
	int fd;

	(void)snprintf(name, sizeof(name), "%s.json", id);
	fd = fd_open_file(d->fd, name, O_NOFOLLOW, &why);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= (off_t)FILE_MAX) {
		text = malloc((size_t)st.st_size + 1);
		if (text != NULL)
			n = fd_get(fd, text, (size_t)st.st_size);
		err = text == NULL ? ERR_NOMEM
				   : json_parse(text, n, &limits, ret, &bad);
		why = text == NULL ? err_text(err) : bad.text;
	}
	if (err != 0)
		(void)fail_set(
		    f, err, "", "%.200s/%s: %.200s", d->path, name, why);
	if (fd >= 0)
		(void)close(fd);
	free(text);
	return err;
}

/* "last", an id, or an end of one that is nobody else's. */
static const char *
find_id(const struct folder *d, const char *word, struct fail *f)
{
	const char *found = NULL;
	size_t len = strlen(word);

	if (strcmp(word, "last") == 0 && d->n > 0)
		return d->ids[d->n - 1];
	for (size_t i = 0; i < d->n; i++) {
		if (len > ID_LEN || len == 0 ||
		    strcmp(d->ids[i] + ID_LEN - len, word) != 0)
			continue;
		if (found != NULL) {
			(void)fail_set(f, ERR_INVALID, "",
			    "\"%s\" ends more than one; give all of it", word);
			return NULL;
		}
		found = d->ids[i];
	}
	if (found == NULL)
		(void)fail_set(f, ERR_NOT_FOUND, "",
		    "there is no crash \"%.64s\" in %.240s; bulkhead crashes "
		    "lists them",
		    word, d->path[0] != '\0' ? d->path : "(nowhere)");
	return found;
}

/* The list as JSON is that of the whole obituaries but for their stacks. */
static const char *const listed[] = { "id", "time", "process", "pid", "model",
	"what", "cause", "signal", "exit_status", "where", "phase", "core",
	"autopsy" };

static void
put_listed(struct json_out *o, const struct json_value *c)
{
	json_item(o);
	json_open(o, '{');
	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
		const struct json_value *v = json_get(c, listed[i]);

		json_key(o, listed[i]);
		if (v == NULL)
			json_put_cstr(o->b, NULL);
		else
			json_put_value(o->b, v);
	}
	json_close(o, '}');
}

static int
list(const struct folder *d, bool json, struct fail *f)
{
	struct crashes_list rows_of = { .n = 0 };
	struct json_out o;
	struct buf b;

	buf_init(&b, 64u << 20);
	o = json_out(&b);
	json_open(&o, '[');
	for (size_t i = 0; i < d->n; i++) {
		struct json_doc *doc = NULL;
		struct fail why = { .text = "" };

		/* The ring goes on while we read, and a file may be bad. */
		if (read_one(d, d->ids[i], &doc, &why) != 0)
			continue;
		if (json)
			put_listed(&o, json_root(doc));
		else
			crashes_add(&rows_of, json_root(doc));
		json_free(doc);
	}
	json_close(&o, ']');
	if (json)
		(void)printf("%.*s\n", (int)buf_len(&b), buf_str(&b).p);
	else if (rows_of.n == 0)
		(void)puts("nothing has died");
	else
		crashes_print(&rows_of);
	free(rows_of.v);
	if (buf_err(&b) != 0)
		(void)fail_set(f, buf_err(&b), "", "out of memory");
	buf_done(&b);
	return f->code;
}

static int
show(const struct folder *d, const char *word, bool json, struct fail *f)
{
	const char *id = find_id(d, word, f);
	struct json_doc *doc = NULL;
	struct buf b;
	int err = id == NULL ? f->code : read_one(d, id, &doc, f);

	if (err != 0)
		return err;
	if (json) {
		buf_init(&b, 4 * FILE_MAX);
		json_put_value(&b, json_root(doc));
		(void)printf("%.*s\n", (int)buf_len(&b), buf_str(&b).p);
		buf_done(&b);
	} else {
		crashes_show(json_root(doc));
	}
	json_free(doc);
	return 0;
}

static int
answer(const struct crashes_options *o, char *const envp[], struct fail *f)
{
	struct folder d = { .fd = -1 };
	int err = open_folder(&d, o->crash_dir, envp, f);

	if (err == 0)
		err = o->words.n == 0 ? list(&d, o->json, f)
				      : show(&d, o->words.v[0], o->json, f);
	if (d.fd >= 0)
		(void)close(d.fd);
	free(d.ids);
	return err;
}

int
crashes_main(int argc, char *const argv[], char *const envp[])
{
	struct crashes_options o = { .json = false };
	struct settings s;
	struct fail f = { .text = "" };
	int err = settings_init(&s, rows, N_ROWS, &o, &f);
	int status = STATUS_DONE;

	if (err == 0)
		err = command_read(&s, argc, argv, envp, &o.help, &f);
	if (err == 0 && o.words.n > 1)
		err = fail_set(&f, ERR_INVALID, "", "one ID at a time");
	if (err != 0)
		status = complain("crashes", f.text, STATUS_USAGE);
	else if (o.help)
		help();
	else if (answer(&o, envp, &f) != 0)
		status = complain("crashes", f.text, STATUS_FAILED);
	settings_done(&s);
	return status;
}

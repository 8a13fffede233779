/*
 * setting - options as rows of a table: one row is what the command line, the
 * environment and the INI file accept, what is checked, and what the help and
 * the manual say.
 *
 * A table of rows and a struct of values make a struct settings. Each source
 * is read into it in any order; a value is kept when its source is at least as
 * strong as that of the one before: command line, environment, file, default.
 */
#ifndef CONF_SETTING_H
#define CONF_SETTING_H

#include "base/err.h"
#include "conf/kinds.h"

struct setting {
	const char *group; /* heading in the help; NULL: as the row before */
	bool common;	   /* on the one screen of --help */
	const char *name;  /* --name and the INI key; "": words without -- */
	const char *brief; /* -brief, or NULL */
	const char *env;   /* names, a space between them, or NULL */
	enum setting_kind kind;
	const char *init; /* the default, as a user would write it, or NULL */
	double min;	  /* numbers: least and greatest, TIME in ms; */
	double max;	  /* texts: of their length in bytes */
	const char *arg;  /* what the help calls its value; NULL: none */
	const char *help;
	size_t off; /* of the value in the struct */
};

/* A row for a table of the values in struct S. */
#define SETTING_ROW(S, group, common, member, kind, name, brief, env, init, \
    min, max, arg, help)                                                    \
	{                                                                   \
		group, common, name, brief, env, SETTING_##kind, init, min, \
		    max, arg, help, offsetof(struct S, member)              \
	}

enum setting_from {
	FROM_NOBODY,
	FROM_DEFAULT,
	FROM_FILE,
	FROM_ENV,
	FROM_ALL,     /* a preset's section [*] */
	FROM_SECTION, /* a preset's section of its own */
	FROM_ARGV
};

/* Most rows that a table may have. */
#define SETTINGS_MAX 128u

struct settings {
	const struct setting *rows;
	size_t n;
	void *values;		    /* the struct that the rows point into */
	uint8_t from[SETTINGS_MAX]; /* enum setting_from of each row */
};

/* Sets the defaults. 0, ERR_NOMEM, or ERR_INVALID: a row refuses its own. */
int settings_init(struct settings *s, const struct setting *rows, size_t n,
    void *values, struct fail *f) MUST_CHECK;

/* Frees texts and lists. */
void settings_done(struct settings *s);

/* Reads words after argv[0]. NULL entries are passed over. 0, or ERR_INVALID
 * with the option and what is wrong with it in f. */
int settings_argv(struct settings *s, int argc, char *const argv[],
    struct fail *f) MUST_CHECK;

/* Reads the variables that the rows name. envp may be NULL. */
int settings_env(struct settings *s, char *const envp[], struct fail *f)
    MUST_CHECK;

/* Sets one row from text. where names the source in messages ("--port",
 * "LLAMA_ARG_PORT", "x.ini:3: port"). */
int settings_set(struct settings *s, const struct setting *row,
    enum setting_from from, const char *where, const char *text, struct fail *f)
    MUST_CHECK;

/* Sets the row that name selects, as "name", or as "no-name" where it is a
 * flag. 0, ERR_NOT_FOUND (f untouched), ERR_INVALID or ERR_NOMEM. */
int settings_set_named(struct settings *s, enum setting_from from,
    const char *where, const char *name, const char *text, struct fail *f)
    MUST_CHECK;

/* The same for a key as presets have them: "name", "no-name", "brief" or the
 * name of a variable. */
int settings_set_key(struct settings *s, enum setting_from from,
    const char *where, const char *key, const char *text, struct fail *f)
    MUST_CHECK;

/* Whether there is a row that such a key selects. */
bool settings_has_key(const struct setting *rows, size_t n, const char *key);

/* Who set the value at offset off of the struct. */
enum setting_from settings_from(const struct settings *s, size_t off);

#endif

/*
 * write - JSON written directly into a buf; check buf_err() once at the end.
 *
 * Nothing here allocates but the buf. Text that is not valid UTF-8 becomes
 * valid: each broken part is written as U+FFFD.
 */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include "base/buf.h"

/* "text" with its quotes, escaped. */
void json_put_str(struct buf *b, struct str s);
void json_put_cstr(struct buf *b, const char *s); /* NULL: null */

/* The same without quotes, for a template that has them. */
void json_put_escaped(struct buf *b, struct str s);

void json_put_bool(struct buf *b, bool v);
void json_put_i64(struct buf *b, int64_t v);
void json_put_u64(struct buf *b, uint64_t v);

/* The shortest text that reads back as the same float; NaN and the
 * infinities, which JSON has not, as null. */
void json_put_f32(struct buf *b, float v);
void json_put_f64(struct buf *b, double v);

/* [v,v,...]; about 25 ns each. The same without brackets. */
void json_put_f32s(struct buf *b, const float *v, size_t n);
void json_put_f32_list(struct buf *b, const float *v, size_t n);

/*
 * An object or array with its commas:
 *
 *	struct json_out o = json_out(b);
 *	json_open(&o, '{');
 *	json_key(&o, "id");       json_put_u64(b, 7);
 *	json_key(&o, "names");    json_open(&o, '[');
 *	json_item(&o);            json_put_cstr(b, "a");
 *	json_close(&o, ']');
 *	json_close(&o, '}');
 */
struct json_out {
	struct buf *b;
	bool comma; /* before the next key or item */
};

struct json_out json_out(struct buf *b);
void json_open(struct json_out *o, char bracket);  /* { or [ */
void json_close(struct json_out *o, char bracket); /* } or ] */

/* Writes ,"key": - the comma where it is due. key needs no escapes. */
void json_key(struct json_out *o, const char *key);

/* Before an element of an array. */
void json_item(struct json_out *o);

/* A key and its value. */
void json_key_str(struct json_out *o, const char *key, struct str v);
void json_key_cstr(struct json_out *o, const char *key, const char *v);
void json_key_bool(struct json_out *o, const char *key, bool v);
void json_key_i64(struct json_out *o, const char *key, int64_t v);
void json_key_u64(struct json_out *o, const char *key, uint64_t v);
void json_key_f32(struct json_out *o, const char *key, float v);
void json_key_f64(struct json_out *o, const char *key, double v);
void json_key_null(struct json_out *o, const char *key);
/* Null for a text that is empty. */
void json_key_text(struct json_out *o, const char *key, struct str v);
void json_key_raw(struct json_out *o, const char *key, struct str json);

#endif

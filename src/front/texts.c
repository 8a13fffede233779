#include "front/texts.h"

void
texts_put(struct json_out *o, const char *key, struct strs texts)
{
	struct cursor c = strs_walk(texts);
	struct str one;

	json_key(o, key);
	json_open(o, '[');
	while (strs_next(&c, &one)) {
		json_item(o);
		json_put_str(o->b, one);
	}
	json_close(o, ']');
}

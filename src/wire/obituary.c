#include "wire/obituary.h"

static const struct field fields[] = { OBITUARY_FIELDS(
    LAYOUT_FIELD, obituary) };

const struct layout layout_obituary = {
	"obituary",
	fields,
	sizeof(fields) / sizeof(fields[0]),
	sizeof(struct obituary),
};

#include "wire/obituary.h"

LAYOUT_DEFINE(obituary, OBITUARY_FIELDS)

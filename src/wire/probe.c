#include "wire/probe.h"

LAYOUT_DEFINE(probe, PROBE_FIELDS)

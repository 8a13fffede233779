#!/bin/sh
# A member of struct gen that is neither kept in the journal nor in the list of
# what a front may lose does not compile, wherever in the struct it stands and
# however small it is; nor does a journal whose layout has moved.
set -eu
cd "$BULKHEAD_SOURCE"
cc=$(command -v cc || command -v gcc || command -v clang) || exit 77
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# compiles FILE SED: FILE after SED, among the headers as they are.
compiles() {
	mkdir -p "$tmp/front" "$tmp/wire"
	sed "$2" "src/$1" >"$tmp/$1"
	cmp -s "src/$1" "$tmp/$1" && [ -n "$2" ] && {
		echo "$1: nothing to change for: $2"
		exit 1
	}
	printf '#include "front/life.h"\n#include "%s"\n' wire/journal.c >"$tmp/all.c"
	ok=0
	"$cc" -std=gnu17 -D_GNU_SOURCE -DBULKHEAD_VERSION='"0"' -fsyntax-only \
	    -I"$tmp" -Isrc -Iinclude "$tmp/all.c" 2>"$tmp/said" || ok=1
	rm "$tmp/$1"
	return $ok
}

refused() {
	if compiles "$1" "$2"; then
		echo "$1: this should not compile: $2"
		exit 1
	fi
	grep -q "$3" "$tmp/said" || {
		cat "$tmp/said"
		exit 1
	}
}

compiles front/life.h ''
for member in 'bool is_new;' 'uint64_t new;' 'char new[3];'; do
	refused front/life.h "/^struct gen {/a $member" 'in no list'
	refused front/life.h "/^struct gen {/,/^};/s/char end\[\];/$member char end[];/" \
	    'in no list'
done
# The words of the journal: moved, or one more without its place.
refused wire/journal.h 's/F(4, deaths,/F(8, deaths,/' 'layout is fixed'
refused wire/journal.h 's/reserved\[[0-9]\]; /reserved[9]; /' 'layout is fixed'
refused wire/journal.h 's/^	uint32_t seq;/	uint64_t seq;/' 'layout is fixed'

#!/bin/bash
# curl, as people use it: plain, streamed, over a Unix socket, slowly, broken off.
set -euo pipefail
command -v curl >/dev/null || { echo "no curl: skipped"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
BULKHEAD_BIN=${BULKHEAD_BIN:-$here/../../build/bin}
BULKHEAD_MODEL=${BULKHEAD_MODEL:-$here/../../models/demo/demo.gguf}
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT

fail() { echo "curl.sh: $*" >&2; cat "$dir/log" >&2; exit 1; }
set -E
trap 'fail "line $LINENO ended with $?: $BASH_COMMAND"' ERR

"$BULKHEAD_BIN/bulkhead" serve --port 0 --rpc-socket "$dir/rpc.sock" \
    --http-socket "$dir/http.sock" --threads 1 -m "$BULKHEAD_MODEL" \
    >"$dir/out" 2>"$dir/log" &
pid=$!
for _ in $(seq 2000); do
	! grep -q 'Server started successfully' "$dir/out" || break
	kill -0 "$pid" 2>/dev/null || fail "no server"
	sleep 0.1
done
url=$(cat "$dir/out" "$dir/log" | grep -o 'http://[^ /]*:[0-9]*' | head -n 1)
[ -n "$url" ] || fail "no port"

ask='{"prompt":"Once upon a time","max_tokens":60,"seed":1,"ignore_eos":true'
json='Content-Type: application/json'
get() { curl -sS --fail --max-time 240 "$@"; }
# The text of a stream's events, as the plain answer has it.
text_of() {
	python3 -c 'import json, sys
print("".join(json.loads(l[6:])["choices"][0]["text"] for l in sys.stdin
    if l.startswith("data: {")))'
}

plain=$(get "$url/v1/completions" -H "$json" -d "$ask}" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["choices"][0]["text"])')
[ -n "$plain" ] || fail "no text"

same() { [ "$(text_of <"$dir/events")" = "$plain" ] || fail "$1: another text"; }
get -N "$url/v1/completions" -H "$json" -d "$ask,\"stream\":true}" >"$dir/events"
grep -q '^data: \[DONE\]$' "$dir/events" || fail "no [DONE]"
same "streamed"
get -N --unix-socket "$dir/http.sock" http://x/v1/completions -H "$json" \
    -d "$ask,\"stream\":true}" >"$dir/events"
same "over a Unix socket"
get -N --limit-rate 20K "$url/v1/completions" -H "$json" \
    -d "$ask,\"stream\":true}" >"$dir/events"
same "slowly"
get -N --http1.0 "$url/v1/completions" -H "$json" -d "$ask,\"stream\":true}" \
    >"$dir/events"
same "over HTTP/1.0"

# A body of over 1 MB makes curl send Expect: 100-continue.
{ printf '%s,"user":"' "$ask"; head -c 1500000 /dev/zero | tr '\0' x; printf '"}'; } \
    >"$dir/large"
get "$url/v1/completions" -H "$json" -d "@$dir/large" >"$dir/reply"
grep -q '"text"' "$dir/reply" || fail "a large body was not taken"

# Broken off after a second, or when the disk is full: the server goes on.
# A slow reader's stream lasts longer than that, however fast the machine is.
curl -sS -N --limit-rate 20K --max-time 1 "$url/v1/completions" -H "$json" \
    -d '{"prompt":"x","max_tokens":1000,"ignore_eos":true,"stream":true}' \
    >/dev/null 2>&1 && fail "the stream was too short for this test"
curl -sS -N --max-time 60 "$url/v1/completions" -H "$json" \
    -d "$ask,\"stream\":true}" >/dev/full 2>/dev/null && fail "no disk is full"
status=$(curl -sS -o "$dir/reply" -w '%{http_code}' "$url/v1/completions" \
    -H "$json" -d '{"prompt":7}')
[ "$status" = 400 ] && grep -q '"prompt' "$dir/reply" || fail "no clear error"
get "$url/health" >/dev/null

kill -TERM "$pid"
wait "$pid" || fail "exit status $?"
pid=
[ ! -e "$dir/rpc.sock" ] && [ ! -e "$dir/http.sock" ] || fail "a socket is left"

# shellcheck shell=bash
# For tests of exact resume: unit tests of the worker, on models of any kind.
# At the end: exit $failed.
BULKHEAD_SOURCE=${BULKHEAD_SOURCE:-$(dirname "$0")/../..}
BULKHEAD_BIN=${BULKHEAD_BIN:-$BULKHEAD_SOURCE/build/bin}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unit=$BULKHEAD_BIN/../unit/unit.worker
[ -x "$unit.company" ] || exit 77
failed=0

# passes test rule mkmodel-option...
# rule: what the self-test must say of the model.
passes() {
	local test=$1 rule=$2 model=$dir/model.gguf
	shift 2
	"$BULKHEAD_BIN/mkmodel" "$@" --out "$model" >/dev/null 2>&1
	if BULKHEAD_MODEL=$model "$unit.$test" >"$dir/out" 2>&1 &&
	    grep -q "exact resume: $rule" "$dir/out"; then
		echo "ok: $test, $*"
	else
		echo "FAILED: $test, $*"
		tail -n 20 "$dir/out"
		failed=1
	fi
}

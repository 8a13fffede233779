#!/bin/bash
# The rule by shapes, which no machine of ours would choose, is exact too: the
# self-test finds it so, and streams alone, in company and resumed say the
# same. It is forced upon models of each kind: floats, because quantized
# weights hide small differences by luck.
set -euo pipefail
. "${BULKHEAD_SOURCE:-$(dirname "$0")/../..}/tests/lib/exact.sh"
export BULKHEAD_RULE=shapes

kinds=("llama --type f32" "gemma3 --window 24" mamba lfm2 "lfm2 --window 24"
    granitehybrid qwen35)
[ -z "${BULKHEAD_SANITIZE:-}" ] || kinds=("lfm2 --window 24")
for options in "${kinds[@]}"; do
	for test in selftest company resume talk; do
		# shellcheck disable=SC2086
		passes $test 'by rows' --preset tiny-$options --ctx 1024
	done
done
exit $failed

#!/bin/bash
# Streams are exact in company and when they are resumed, for every kind of
# model and weights that mkmodel makes; and the self-test finds it so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
test=$BULKHEAD_BIN/../unit/unit.worker.company
[ -x "$test" ] || exit 77
failed=0

try() {
	local model=$dir/model.gguf
	"$BULKHEAD_BIN/mkmodel" "$@" --out "$model" >/dev/null 2>&1
	if BULKHEAD_MODEL=$model "$test" >"$dir/out" 2>&1 &&
	    grep -q 'exact resume: by rows' "$dir/out"; then
		echo "ok: $*"
	else
		echo "FAILED: $*"
		tail -n 20 "$dir/out"
		failed=1
	fi
}

# Floats first: quantized weights hide small differences by luck.
for arch in llama qwen2 gemma gemma2 gemma3 qwen3moe mamba; do
	try --preset tiny-$arch --type f16
	try --preset tiny-$arch --type f32
done
# Longer than their sliding windows.
for arch in gemma2 gemma3; do
	try --preset tiny-$arch --ctx 256 --type f16
done
for type in q8_0 q4_0 q3_k q4_k q5_k q6_k; do
	try --preset tiny-llama --embd 256 --ffn 512 --type $type
done
try --preset tiny-qwen3moe --embd 256 --ffn 256 --type q4_k
exit $failed

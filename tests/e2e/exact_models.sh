#!/bin/bash
# Streams are exact in company and when they are resumed, for every kind of
# model and weights that mkmodel makes; and the self-test finds it so.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unit=$BULKHEAD_BIN/../unit/unit.worker
[ -x "$unit.company" ] || exit 77
failed=0

# passes test mkmodel-option...
passes() {
	local test=$1 model=$dir/model.gguf
	shift
	"$BULKHEAD_BIN/mkmodel" "$@" --out "$model" >/dev/null 2>&1
	if BULKHEAD_MODEL=$model "$unit.$test" >"$dir/out" 2>&1 &&
	    grep -q 'exact resume: by rows' "$dir/out"; then
		echo "ok: $test, $*"
	else
		echo "FAILED: $test, $*"
		tail -n 20 "$dir/out"
		failed=1
	fi
}

try() { passes company "$@"; }

# Floats first: quantized weights hide small differences by luck.
for arch in llama qwen2 gemma gemma2 gemma3 qwen3moe mamba lfm2 \
    granitehybrid qwen35; do
	try --preset tiny-$arch --type f16
	try --preset tiny-$arch --type f32
done
# Prompts longer than their sliding windows, one of them in a hybrid.
for arch in gemma2 gemma3 lfm2; do
	try --preset tiny-$arch --window 24 --type f16
done
for type in q8_0 q4_0 q3_k q4_k q5_k q6_k; do
	try --preset tiny-llama --embd 256 --ffn 512 --type $type
done
try --preset tiny-qwen3moe --embd 256 --ffn 256 --type q4_k
for arch in mamba lfm2 granitehybrid qwen35; do
	try --preset tiny-$arch --type q8_0
done
try --preset tiny-granitehybrid --embd 256 --ffn 512 --type q4_k
# A state cannot go back: alone, at every token.
for arch in mamba lfm2 granitehybrid qwen35; do
	passes resume --preset tiny-$arch --type f16
done
exit $failed

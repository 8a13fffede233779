#!/bin/bash
# Streams are exact in company and when they are resumed, for every kind of
# model and weights that mkmodel makes; and the self-test finds it so.
set -euo pipefail
. "${BULKHEAD_SOURCE:-$(dirname "$0")/../..}/tests/lib/exact.sh"

try() { passes company 'by rows' "$@"; }

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
# A state cannot go back: alone, at every token. And what it takes is known.
for arch in mamba lfm2 granitehybrid qwen35; do
	passes room 'by rows' --preset tiny-$arch
	passes resume 'by rows' --preset tiny-$arch --type f16 --ctx 1024
done
exit $failed

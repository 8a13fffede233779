#!/bin/bash
# Streams are exact however weights are stored, in prompts longer than a sliding
# window, and with a state that cannot go back; the self-test finds it so.
set -euo pipefail
. "${BULKHEAD_SOURCE:-$(dirname "$0")/../..}/tests/lib/exact.sh"

# Sanitizers have seen the code once this has run.
if [ -n "${BULKHEAD_SANITIZE:-}" ]; then
	passes resume 'by rows' --preset tiny-granitehybrid --ctx 1024
	exit $failed
fi

for type in q8_0 q4_0 q3_k q4_k q5_k q6_k; do
	passes company 'by rows' --preset tiny-llama --embd 256 --ffn 512 \
	    --type $type
done
passes company 'by rows' --preset tiny-qwen3moe --embd 256 --ffn 256 --type q4_k
passes company 'by rows' --preset tiny-granitehybrid --embd 256 --ffn 512 \
    --type q4_k
for arch in gemma2 gemma3 lfm2; do
	passes company 'by rows' --preset tiny-$arch --window 24 --type f16
done
# Alone, at every token. And what the state takes is known.
for arch in mamba lfm2 granitehybrid qwen35; do
	passes room 'by rows' --preset tiny-$arch
	passes resume 'by rows' --preset tiny-$arch --type q8_0 --ctx 1024
done
exit $failed

#!/bin/bash
# Streams are exact in company and when they are resumed, and rows of a prompt
# are those of libllama, for every kind of model that mkmodel makes; and the self-test finds it so. In floats: quantized
# weights hide small differences by luck.
set -euo pipefail
. "${BULKHEAD_SOURCE:-$(dirname "$0")/../..}/tests/lib/exact.sh"

kinds=(llama qwen2 gemma gemma2 gemma3 qwen3moe mamba lfm2 granitehybrid qwen35)
floats=(llama qwen3moe mamba lfm2)
# Sanitizers have seen the code once these have run.
[ -z "${BULKHEAD_SANITIZE:-}" ] || kinds=(llama lfm2) floats=()

for arch in "${kinds[@]}"; do
	passes company 'by rows' --preset tiny-$arch --type f16
	passes talk 'by rows' --preset tiny-$arch --type f16
	passes rows 'by rows' --preset tiny-$arch --type f16
done
# Embeddings of these models are what their tables say, unscaled.
for arch in llama qwen3moe lfm2 qwen35; do
	passes embeds 'by rows' --preset tiny-$arch --type f16
done
for arch in "${floats[@]}"; do
	passes company 'by rows' --preset tiny-$arch --type f32
done
exit $failed

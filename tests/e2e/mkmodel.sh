#!/bin/bash
# mkmodel: every architecture loads and decodes, an adapter changes what it
# says, the same options give the same bytes, and nonsense is refused.
set -euo pipefail
mkmodel=$BULKHEAD_BIN/mkmodel
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

die() { echo "FAILED: $*" >&2; exit 1; }
same() { cmp -s "$1" "$2"; }
tokens() { "$mkmodel" --check "$@" | sed -n 's/.*; tokens \([^;]*\);.*/\1/p'; }

for arch in llama qwen2 gemma gemma2 gemma3 bert qwen3moe mamba lfm2 \
    granitehybrid qwen35; do
	"$mkmodel" --preset tiny-$arch --type f32 --out $arch.gguf
	"$mkmodel" --lora 4 --base $arch.gguf --out $arch.lora
	"$mkmodel" --check $arch.gguf | tee alone.txt
	"$mkmodel" --check $arch.gguf --adapter $arch.lora | tee with.txt
	same alone.txt with.txt && die "$arch: the adapter changes nothing"
	[ $arch = bert ] || [ "$(tokens $arch.gguf | wc -w)" = 16 ] ||
	    die "$arch: did not decode 16 tokens"
done

for type in f16 q8_0 q4_0 q4_k q6_k; do
	"$mkmodel" --embd 256 --type $type --out one.gguf
	"$mkmodel" --type $type --out two.gguf --embd 256 --preset tiny-llama
	same one.gguf two.gguf || die "$type: two runs differ"
	"$mkmodel" --check one.gguf
done
"$mkmodel" --embd 256 --type q6_k --seed 2 --out two.gguf
same one.gguf two.gguf && die "another seed gives the same model"
"$mkmodel" --lora 4 --base llama.gguf --out two.lora
same llama.lora two.lora || die "adapters of two runs differ"

for bad in "--heads 3" "--embd 33" "--vocab 1" "--arch gpt" "--type q9" \
    "--layers -1" "--preset none" "--lora 4" "--kv-heads 3"; do
	# shellcheck disable=SC2086
	if "$mkmodel" $bad --out bad.gguf 2>err.txt; then
		die "accepted: $bad"
	fi
	[ -s err.txt ] || die "no word about: $bad"
	[ ! -e bad.gguf ] || die "a file in spite of: $bad"
done
if "$mkmodel" --check llama.lora 2>/dev/null; then die "checked an adapter"; fi
if "$mkmodel" --out /nonexistent/x.gguf 2>/dev/null; then die "wrote"; fi
echo "ok"

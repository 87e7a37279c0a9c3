#!/bin/sh
# Copies the TARA files that the paper's authors released into the layout that Themis reads (docs/data.md):
# `sh scripts/tara_from_release.sh CLONE/data "$THEMIS_DATA"`. The released .json files hold one JSON object a line.
#
# Every released test question becomes a dev question, so holdout.sha256 names no further ones.
set -eu

[ $# = 2 ] || { echo "usage: sh scripts/tara_from_release.sh RELEASED_DATA THEMIS_DATA" >&2; exit 2; }
from=$1
tara=$2/tara

copy() {
    to=$tara/$1
    shift
    mkdir -p "$(dirname "$to")"
    (cd "$from" && cat "$@") > "$to"
}

for task in calculator calendar code hh_rlhf multi_tools translator weather webgpt wikisearch; do
    for file in "$from/$task"/*train*.json; do [ -f "$file" ] && copy "$task/train.jsonl" "$task/$(basename "$file")"; done
    for file in "$from/$task"/*test*.json; do [ -f "$file" ] && copy "$task/dev.jsonl" "$task/$(basename "$file")"; done
done
copy retarded_bar/dev.jsonl retarded_bar/agent_retarde_bar_test.json
copy truthful_qa/dev.jsonl truthful_qa/agent_truthful_qa_test_0-500.json truthful_qa/agent_truthful_qa_test_500-1500.json \
    truthful_qa/agent_truthful_qa_test_1500-3000.json truthful_qa/agent_truthful_qa_test_3000-4114.json
copy recordings/weather_history.json weather/weather_history.json
copy recordings/translate_history.json translator/translate_history.json
[ -f "$tara/holdout.sha256" ] || : > "$tara/holdout.sha256"
wc -l "$tara"/*/*.jsonl

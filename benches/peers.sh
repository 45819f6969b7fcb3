#!/usr/bin/env bash
# Ensue beside Esper and FlinkCEP, on one machine in one run: the engines with decoded events in memory on one thread, then
# whole processes from file to file. Called by `make bench-peers PEERS=FOLDER INPUT=tx.jsonl`, where FOLDER has the
# programs that run the peers (esper/run.sh, flinkcep/run.sh). Needs a JDK and Maven.
set -euo pipefail
peers="$1" input="$2"
few="$(mktemp)"
trap 'rm -rf "$few" "$few.out" "$few.flink"' EXIT
head -20000 "$input" > "$few"

# The best of the rates that a program prints, whatever it calls them.
best() { grep -oE '"?events_per_s(_wall)?"?[=:] ?"?[0-9.]+' | grep -oE '[0-9.]+$' | sort -g | tail -1; }

row() { printf '%-22s %-14s %14s\n' "$1" "$2" "${3:-failed}"; }

for pair in "W1 W1m" "W2 W2m" "W3 W3m" "W4 W4n" "W5 W5p"; do
    read -r workload variant <<< "$pair"
    row "$workload engine" Esper "$("$peers/esper/run.sh" engine "$variant" "$input" 2>/dev/null | best)"
    row "$workload engine" FlinkCEP \
        "$("$peers/flinkcep/run.sh" bench engine "$workload" "$input" --warm 300000 2>/dev/null | best)"
done
row "W6 engine, 20000" Esper "$("$peers/esper/run.sh" engine W6r "$few" --rules 200 2>/dev/null | best)"
row "W6 engine, 20000" FlinkCEP "$("$peers/flinkcep/run.sh" bench engine W6 "$few" 2>/dev/null | best)"
for pair in "W1 W1m" "W3 W3m"; do
    read -r workload variant <<< "$pair"
    row "$workload file to file" FlinkCEP \
        "$("$peers/flinkcep/run.sh" bench e2e "$workload" "$input" -o "$few.flink" 2>/dev/null | best)"
    row "$workload file to file" Esper "$("$peers/esper/run.sh" e2e "$variant" "$input" -o "$few.out" 2>/dev/null | best)"
done

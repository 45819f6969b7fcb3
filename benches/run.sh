#!/usr/bin/env bash
# All figures of one run: the workloads in the engine and from file to file, and how costs grow. Shows them, and leaves a
# record in benches/record with the date, the machine, the commit and the commands. Called by `make bench [INPUT=tx.jsonl]`;
# without an input one is made, 2,000,000 card transactions of 20,000 cards, of which nobody else has the checksums.
set -euo pipefail
cd "$(dirname "$0")/.."
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

# Card transactions, one every 3 ms, with the fields that the workloads read. The same in every run.
transactions() {
    awk -v events="$1" 'BEGIN {
        srand(7)
        countries = split("CN US IN DE FR GB BR JP", country)
        for (number = 0; number < events; number++) {
            card = int(20000 * rand())
            # Mostly at home.
            place = rand() < 0.98 ? card % countries : int(countries * rand())
            sort = rand()
            kind = sort < 0.02 ? "pin_change" : sort < 0.15 ? "login" : "purchase"
            # Some small amounts, few large ones.
            size = rand()
            amount = size < 0.12 ? 5 * rand() : size < 0.98 ? 5 + 195 * rand() : 200 + 1300 * rand()
            printf "{\"card\":\"c%06d\",\"ts\":%.0f,\"amount\":%.2f,\"country\":\"%s\",\"kind\":\"%s\"}\n",
                card, 1700000000000 + 3 * number, amount, country[1 + place], kind
        }
    }'
}

input="${1:-}"
if [ -z "$input" ]; then
    input="$folder/made.jsonl"
    echo "making 2000000 card transactions" >&2
    transactions 2000000 > "$input"
fi

bench() { "${CARGO:-cargo}" bench --locked --all-features --bench "$@"; }

bench workloads -- "$input" | tee "$folder/engine"
bench e2e -- "$input" | tee "$folder/e2e"
bench growth | tee "$folder/growth"

# A row for each workload: what both benches print is `name=value`. The small run of W6 has no peer from file to file.
table() {
    echo "| workload | events | matches | checksum | engine, M events/s | file to file, M events/s | peak memory, MB |"
    echo "| --- | --- | --- | --- | --- | --- | --- |"
    awk '
        { delete value; for (at = 2; at <= NF; at++) { split($at, pair, "="); value[pair[1]] = pair[2] } }
        FILENAME ~ /e2e$/ { whole[$1] = sprintf("%.2f | %s", value["e2e_events_per_s"] / 1e6, value["peak_rss_mb"]); next }
        {
            printf "| %s | %s | %s | %s | %.2f | %s |\n", $1, value["events"], value["matches"], value["checksum"],
                value["engine_events_per_s"] / 1e6, $1 in whole ? whole[$1] : " | "
        }' "$folder/e2e" "$folder/engine"
}

commit="$(git rev-parse --short HEAD 2> /dev/null || echo unknown)"
git diff --quiet HEAD 2> /dev/null || commit="$commit-changed"
cpu="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2> /dev/null | head -1)"
memory="$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo 2> /dev/null || true)"
record="benches/record/$(date -u +%F)-$commit.md"
for ((number = 2; ; number++)); do
    [ -e "$record" ] || break
    record="benches/record/$(date -u +%F)-$commit-$number.md"
done

{
    echo "# $(date -u +%F), $commit"
    echo
    echo "${cpu:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) cores, ${memory:-memory unknown}, $(uname -s); $(rustc -V), release profile."
    echo "Input: $(basename "$input"), $(wc -l < "$input" | tr -d ' ') lines, cksum $(cksum < "$input" | cut -d' ' -f1)."
    echo
    echo "\`make bench${1:+ INPUT=$(basename "$1")}\`: \`make workloads\` for the engine, one thread, decoded events in"
    echo "memory; \`make workloads-e2e\` for whole processes, from JSON lines to JSON lines; then \`make bench-growth\`."
    echo
    table
    echo
    echo '```text'
    cat "$folder/growth"
    echo '```'
} > "$record"
echo
table
echo
echo "recorded in $record"

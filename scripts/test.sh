#!/usr/bin/env bash
# Checks the style of the code and the scripts, then runs the tests. Sets up what is missing first.
#   bash scripts/test.sh [--slow] [pytest arguments]
#     --slow   the long tests too; without other arguments, also whether they cover the method and its measures
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"

arguments=() slow=no counted=yes whole=yes
for argument in "$@"; do
    case "$argument" in
        --slow) slow=yes ;;
        --junitxml* | --junit-xml*)
            counted=no
            arguments+=("$argument")
            ;;
        *)
            whole=no
            arguments+=("$argument")
            ;;
    esac
done
if [[ "$slow" == no ]]; then
    # First, so that an -m among the arguments wins.
    arguments=(-m "not slow" ${arguments[@]+"${arguments[@]}"})
elif [[ "$whole" == yes ]]; then
    arguments+=(--cov=rdx/method --cov=rdx/metrics --cov-report= --cov-fail-under=95)
fi

set_up --tests
status=0

# Files of tests side by side, the longest first (tests/conftest.py), one thread each: torch's threads wait for each
# other busily, so that several processes with several threads each take many times as long.
arguments=(-n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder ${arguments[@]+"${arguments[@]}"})
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
unset PYTHONDONTWRITEBYTECODE # or every process compiles all tests again, which takes longer than most of them

"$RDX_PYTHON" -m ruff check . || status=1
scripts=(.ci/run)
while IFS= read -r script; do
    scripts+=("$script")
done < <(find . \( -name '.?*' -o -path ./outputs -o -path ./data -o -path ./checkpoints \) -prune \
    -o -name '*.sh' -print)
"$(dirname "$RDX_PYTHON")/shellcheck" -x "${scripts[@]}" || status=1

# pytest counts a run in which everything was skipped as a success; here it is none.
report="$(mktemp)"
trap 'rm -f "$report"' EXIT
if [[ "$counted" == yes ]]; then
    arguments+=("--junitxml=$report")
fi
"$RDX_PYTHON" -m pytest ${arguments[@]+"${arguments[@]}"} || status=$?
if [[ "$counted" == yes && "$status" == 0 ]]; then
    "$RDX_PYTHON" - "$report" <<'PY'
import sys
import xml.etree.ElementTree as xml

try:
    suites = list(xml.parse(sys.argv[1]).iter("testsuite"))
except xml.ParseError:
    suites = []
if not sum(int(suite.get("tests")) - int(suite.get("skipped")) for suite in suites):
    sys.exit("error: no test ran")
PY
fi
exit "$status"
